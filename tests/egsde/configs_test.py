"""The extractors' configurations: the released recipe, and the small one."""

import math
import pathlib

import jax
import pytest

from experiments.egsde import domains
from jaxguide import convert
from jaxguide.convert import cards
from jaxguide.convert.networks import families
from jaxguide.training import config

ROOT = pathlib.Path(__file__).parents[2]
CONFIGS = sorted(
    (ROOT / "experiments" / "egsde" / "configs").glob("*_extractor.py"))
RELEASED = [path for path in CONFIGS if not path.stem.startswith("emoji")]


def _name(path):
  return path.stem


def _load(path):
  return config.load(path, domains.ExtractorTraining)


def _shapes(recipe):
  return families.abstract_params(convert.ModelConfig(
      "adm_classifier", recipe.module, recipe.image_size, prediction=None))


@pytest.mark.parametrize("path", CONFIGS, ids=_name)
def test_docstring_holds_the_command(path):
  text = path.read_text()
  assert f"--config experiments/egsde/configs/{path.name}" in text
  assert f"--out runs/{path.stem}" in text
  assert _load(path).recipe.name == path.stem


@pytest.mark.parametrize("path", RELEASED, ids=_name)
def test_released_recipe(path):
  """The figures of the released script."""
  experiment = _load(path)
  recipe, classes = experiment.recipe, len(experiment.domains.train)
  assert recipe.num_steps == {2: 5000, 3: 10_000}[classes]
  assert (recipe.batch_size, recipe.learning_rate, recipe.weight_decay) == (
      32, 3e-4, 0.05)
  assert (recipe.flip, recipe.order) == (0.5, "independent")
  card = cards.find({2: "egsde_dse", 3: "egsde_dse_afhq3"}[classes])
  assert dict(recipe.module) == dict(card.module)
  number = sum(
      math.prod(a.shape) for a in jax.tree.leaves(_shapes(recipe)))
  assert number == card.num_parameters


def test_the_embedded_one_is_small_and_keeps_means():
  (path,) = set(CONFIGS) - set(RELEASED)
  recipe = _load(path).recipe
  number = sum(
      math.prod(a.shape) for a in jax.tree.leaves(_shapes(recipe)))
  assert 2 * number <= 3e6
  for mult in recipe.module["channel_mult"]:
    width = mult * recipe.module["model_channels"]
    assert width % recipe.module["num_groups"] == 0
    assert width // recipe.module["num_groups"] > 1
