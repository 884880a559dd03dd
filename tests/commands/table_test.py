"""`jaxguide table`: all rows of a file, in the tiny version and whole."""

import json

import pytest

from jaxguide.evaluation import runner
from tests.commands import support as running
from tests.evaluation import support

FILE = """
from jaxguide import evaluation
from tests.evaluation import support

DDIM = evaluation.Ddim(num_steps=3, eta=1.0)
OURS = evaluation.published("T", ("psnr",), {"Ours": (1.25,)})

TABLE = evaluation.Table(title="Three rows", rows={
    "steered": lambda: support.experiment(name="", published=OURS),
    "ddim": lambda: support.experiment(name="", method=DDIM, published=OURS),
    "lacking": lambda: support.experiment(
        name="", data=evaluation.FolderImages("no/such/folder", 16)),
})
"""


@pytest.fixture
def file(tmp_path):
  path = tmp_path / "three.py"
  path.write_text(FILE)
  return str(path)


def _main(file, tmp_path, *argv):
  return running.main("table", file, f"--out={tmp_path / 'out'}",
                      "--devices=1", "--limit=2", *argv)


def test_makes_what_can_be_made_and_says_what_was_not(file, tmp_path):
  status, out, err = _main(file, tmp_path)
  assert status == 1
  assert out == (tmp_path / "out" / "table.md").read_text()
  assert out.startswith("# Three rows\n") and out.count("1.25") == 1
  last = err.splitlines()[-1]
  assert last.startswith("error: 1 of 3 rows were not made: lacking")
  assert "no/such/folder" in err
  names = {path.name for path in (tmp_path / "out").iterdir()}
  assert names == {"steered", "ddim", "table.md", "grid.png"}
  before = support.files(tmp_path / "out")
  _, _, err = _main(file, tmp_path)
  assert "2 of 2 pictures are there already" in err
  assert support.files(tmp_path / "out") == before


def test_makes_the_named_rows_alone(file, tmp_path):
  status, out, err = _main(
      file, tmp_path, "--rows=ddim, steered", "--set=method.num_steps=2",
      "--seed=5", "--batch_size=3")
  assert status == 0, err
  assert out.index("ddim: DDIM") < out.index("steered: Steered")
  for name in ("ddim", "steered"):
    summary = json.loads(
        (tmp_path / "out" / name / "summary.json").read_text())
    assert summary["experiment"]["method"]["num_steps"] == 2
    assert summary["experiment"]["seed"] == 5
    assert summary["experiment"]["name"] == f"three_{name}"


def test_smoke_makes_every_row(file, tmp_path):
  status, out, err = _main(file, tmp_path, "--smoke")
  assert status == 0, err
  assert "lacking: " in out and "1.25" in out


@pytest.mark.parametrize("argv, message", [
    (["--rows=ddmi"], "no row 'ddmi'; did you mean ddim?"),
    (["--rows=steered,ddim", "--set=method.num_inner=1"],
     "row ddim: --set method.num_inner: unknown name"),
    (["--set=seed=few"], "row steered: --set seed: needs int"),
])
def test_wrong_settings_are_one_line_before_any_row(
    file, tmp_path, argv, message):
  status, _, err = _main(file, tmp_path, *argv)
  assert status == 1
  assert message in err and err.count("\n") == 1
  assert not (tmp_path / "out").exists()


def test_an_interrupt_says_that_it_goes_on(file, tmp_path, monkeypatch):

  def interrupt(*args, **options):
    raise KeyboardInterrupt

  monkeypatch.setattr(runner, "evaluate", interrupt)
  status, _, err = _main(file, tmp_path)
  assert status == 130 and "goes on from here" in err
