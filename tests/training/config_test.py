import pytest

from jaxguide.training import config

RECIPE = dict(name="x", module={"out_channels": 2}, image_size=8)


def test_what_is_left_out_is_the_released_recipe():
  recipe = config.ClassifierTraining(**RECIPE)
  assert (recipe.batch_size, recipe.num_steps, recipe.learning_rate) == (
      32, 5000, 3e-4)
  assert (recipe.weight_decay, recipe.flip, recipe.order) == (
      0.05, 0.5, "independent")
  assert recipe.num_levels == 1000


@pytest.mark.parametrize("change, message", [
    ({"batch_size": 0}, "batch_size is 0"),
    ({"num_steps": 1.5}, "num_steps is 1.5"),
    ({"learning_rate": 0.0}, "learning_rate is 0.0"),
    ({"flip": 1.5}, "flip is 1.5"),
    ({"order": "sorted"}, "order must be one of"),
    ({"accuracy_levels": (5, 3)}, "accuracy_levels"),
    ({"accuracy_levels": ()}, "accuracy_levels"),
    ({"num_levels": 100}, "at most num_levels .100"),
])
def test_what_does_not_fit_is_named(change, message):
  with pytest.raises(ValueError, match=message):
    config.ClassifierTraining(**RECIPE, **change)


@pytest.mark.parametrize("text, message", [
    (None, "there is no such file"),
    ("x = 1\n", "no function get_config"),
    ("def get_config():\n  return 3\n", "returns int, not ClassifierTraining"),
])
def test_config_files_that_do_not_fit(tmp_path, text, message):
  path = tmp_path / "my_config.py"
  if text is not None:
    path.write_text(text)
  with pytest.raises(ValueError, match=f"my_config.py; .*{message}"):
    config.load(path, config.ClassifierTraining)


def test_a_config_file_is_run(tmp_path):
  path = tmp_path / "my_config.py"
  path.write_text(
      "from jaxguide.training import config\n"
      "def get_config():\n"
      "  return config.ClassifierTraining('x', {}, 8, seed=7)\n")
  assert config.load(path, config.ClassifierTraining).seed == 7
