"""Files that hold a configuration, and what a slip in one says."""

import pytest

from jaxguide.training import training_files

WHOLE = """
from jaxguide import training
from jaxguide.data import training_images

def get_config():
  return training.EpsPriorTraining(
      name="x", module={}, image_size=8, seed=7,
      images=training_images.ImageFolders())
"""


@pytest.mark.parametrize("text, message", [
    (None, "there is no such file"),
    ("x = 1\n", "no function get_config"),
    ("def get_config():\n  return 3\n", "returns int, not a Training"),
    ("import nowhere\n", "ModuleNotFoundError in line 1: .*nowhere"),
    ("x = 1\ndef get_config(:\n", "SyntaxError in line 2"),
    (WHOLE.replace("seed", "sed"), "TypeError in line 6: .*sed"),
    (WHOLE.replace("image_size=8", "image_size=0"), "image_size is 0"),
    (WHOLE.replace("training_images.ImageFolders()",
                   "training_images.Domains(train=(), held_out=())"),
     "train names 0 domains"),
])
def test_config_files_that_do_not_fit(tmp_path, text, message):
  path = tmp_path / "my_config.py"
  if text is not None:
    path.write_text(text)
  with pytest.raises(ValueError, match=f"my_config.py; .*{message}") as caught:
    training_files.load(path)
  assert "\n" not in str(caught.value)


def test_a_config_file_is_run(tmp_path):
  path = tmp_path / "my_config.py"
  path.write_text(WHOLE)
  assert training_files.load(path).seed == 7


def test_a_file_may_share_with_its_neighbour(tmp_path):
  (tmp_path / "base.py").write_text(WHOLE)
  path = tmp_path / "other.py"
  path.write_text(
      "import dataclasses\nfrom jaxguide import training\n"
      "def get_config():\n"
      "  return dataclasses.replace(\n"
      "      training.beside(__file__, 'base.py'), name='y')\n")
  found = training_files.load(path)
  assert (found.name, found.seed) == ("y", 7)
