"""The demo's files and sums; `.ci/run` runs it as users do."""

import json

import pytest

from jaxguide import demo
from jaxguide.evaluation import sources


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
  """A network of one block with random weights, two steps, two tasks."""
  monkeypatch.setattr(sources, "EmbeddedPrior", sources.RandomPrior)
  monkeypatch.setattr(demo, "NUM_STEPS", 2)
  monkeypatch.setattr(demo, "_DDIM", demo.methods.Ddim(2, clip_x0=True))
  few = demo._tasks()[2:]
  monkeypatch.setattr(demo, "_tasks", lambda: few)


@pytest.mark.slow
@pytest.mark.filterwarnings("error:Error writing persistent")
def test_a_second_call_adds_images(tmp_path):
  text = demo.run(str(tmp_path), num_images=1)
  made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")
          if path.parent.name == "images"}
  assert demo.run(str(tmp_path), num_images=1) == text
  longer = demo.run(str(tmp_path), num_images=2)
  assert longer != text
  # Colorization has two steered rows, super-resolution one; and unguided.
  rows = [line for line in longer.splitlines() if line.startswith("| Col")]
  assert len(rows) == 4
  assert len([r for r in longer.splitlines() if r.startswith("| Super")]) == 3
  # What was there is not made again.
  assert all(path.stat().st_mtime_ns == at for path, at in made.items())
  assert len(list((tmp_path / "unguided" / "images").iterdir())) == 2
  timing = json.loads((tmp_path / "timing.json").read_text())
  assert timing["rows"] == 5 and timing["wall_seconds"] > 0
  assert (tmp_path / "grid.png").stat().st_size > 1000
