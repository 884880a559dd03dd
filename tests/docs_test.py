"""What the documentation prints runs as it is printed."""

import os
import pathlib
import re
import stat
import subprocess
import sys
from typing import NamedTuple

import jax
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parent.parent
DOCS = ROOT / "docs"
_FENCE = re.compile(
    r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
  """A fenced block of a page: its language, its title, its text."""

  language: str
  title: str
  text: str


def _blocks(page):
  return [Block(*found) for found in
          _FENCE.findall((DOCS / page).read_text(encoding="utf-8"))]


def _folder(tmp_path):
  """A folder like a clone after `pip install .`, and its environment."""
  (tmp_path / "experiments").symlink_to(ROOT / "experiments")
  bin_folder = tmp_path / "bin"
  bin_folder.mkdir()
  command = bin_folder / "jaxguide"
  command.write_text(
      f"#!{sys.executable}\nfrom jaxguide import cli\ncli.run()\n")
  command.chmod(command.stat().st_mode | stat.S_IXUSR)
  environment = dict(
      os.environ, PYTHONPATH=str(ROOT),
      PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
  return environment


def _run(command, folder, environment):
  done = subprocess.run(
      command, cwd=folder, env=environment, capture_output=True, text=True,
      check=False)
  assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
  return done.stdout


@pytest.mark.slow
def test_the_quickstart_works_as_printed(tmp_path):
  environment, printed = _folder(tmp_path), ""
  for block in _blocks("quickstart.md"):
    if block.title == "shell":
      command = ["bash", "-euo", "pipefail", "-c", block.text]
      printed = _run(command, tmp_path, environment)
    elif block.title.endswith(".py"):
      (tmp_path / block.title).write_text(block.text)
      command = [sys.executable, block.title]
      printed = _run(command, tmp_path, environment)
    elif block.title == "output":
      assert printed == block.text
  for folder in ("results/inpaint_box", "results/holes"):
    for file in ("table.md", "per_image.csv", "grid.png", "summary.json",
                 "timing.json"):
      assert (tmp_path / folder / file).stat().st_size > 0
    assert len(list((tmp_path / folder / "images").rglob("*.png"))) == 4


def test_the_quickstart_installs_as_ci_does():
  (install,) = [b for b in _blocks("quickstart.md") if b.title == "install"]
  script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
  for line in install.text.splitlines():
    assert line.replace("pip install", "pip install --quiet") in script


def test_code_beside_other_libraries_runs():
  blocks = [b for b in _blocks("coming-from.md") if b.title == "jaxguide"]
  assert len(blocks) >= 6
  names = {}
  for block in blocks:
    exec(compile(block.text, "coming-from.md", "exec"), names)
  assert names["x"].shape == (4, 32, 32, 3)


@pytest.mark.parametrize("page", sorted(
    str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")))
def test_python_on_a_page_can_be_read(page):
  text = (DOCS / page).read_text(encoding="utf-8")
  for code in re.findall(r"^```python[^\n]*\n(.*?)^```$", text,
                         re.MULTILINE | re.DOTALL):
    compile(code, page, "exec")


@pytest.mark.parametrize("page", sorted(
    str(path.relative_to(ROOT)) for path in (
        *DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md")))
def test_links_of_a_page_lead_to_files_of_the_repository(page):
  text = (ROOT / page).read_text(encoding="utf-8")
  for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text):
    if "://" not in target:
      assert (ROOT / page).parent.joinpath(target).is_file(), target


def test_the_readme_s_code_is_traced_as_printed():
  """It fits together: nothing has to be compiled for that."""
  (text,) = re.findall(
      r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"),
      re.MULTILINE | re.DOTALL)
  names = {}
  exec(compile(text, "README.md", "exec"), names)
  images = np.zeros((3, 32, 32, 3), np.float32)
  made = jax.eval_shape(
      names["complete"], names["prior"].params,
      jax.random.split(jax.random.key(0), 3), images,
      np.ones((3, 32, 32, 1), np.float32))
  assert made.shape == images.shape
