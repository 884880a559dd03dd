"""The shipped configurations of trainings, and the released recipe's."""

import dataclasses
import math
import pathlib

import jax
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import training
from jaxguide.convert import cards
from jaxguide.convert import latent_store
from jaxguide.convert.networks import families

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "training"
CONFIGS = sorted(
    path for path in FOLDER.glob("*.py")
    if path.stem not in ("__init__", "make_embedded_set"))
EXTRACTORS = [path for path in CONFIGS if path.stem.endswith("_extractor")]
RELEASED = [path for path in EXTRACTORS if not path.stem.startswith("emoji")]


def _name(path):
  return path.stem


def _shapes(recipe):
  return families.abstract_params(convert.ModelConfig(
      "adm_classifier", recipe.module, recipe.image_size, prediction=None))


@pytest.mark.parametrize("path", CONFIGS, ids=_name)
def test_docstring_holds_the_command(path):
  text = path.read_text()
  assert f"jaxguide train experiments/training/{path.name}" in text
  assert f"--out runs/{path.stem}" in text
  found = training.load(path)
  assert found.name == path.stem


@pytest.mark.parametrize("path", RELEASED, ids=_name)
def test_released_recipe(path):
  """The figures of the released script."""
  recipe = training.load(path)
  classes = len(recipe.images.classes)
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
  (path,) = set(EXTRACTORS) - set(RELEASED)
  recipe = training.load(path)
  number = sum(
      math.prod(a.shape) for a in jax.tree.leaves(_shapes(recipe)))
  assert 2 * number <= 3e6
  for mult in recipe.module["channel_mult"]:
    width = mult * recipe.module["model_channels"]
    assert width % recipe.module["num_groups"] == 0
    assert width // recipe.module["num_groups"] > 1


@pytest.mark.parametrize(
    "name", ["noto32", "emoji32_edm", "emoji64_kl", "emoji64_ldm"])
def test_the_shipped_configurations_make_networks(name, tmp_path):
  config = training.load(FOLDER / f"{name}.py")
  assert config.name == name
  if name == "emoji64_ldm":
    config = dataclasses.replace(
        config, first_stage=_untrained(FOLDER / "emoji64_kl.py", tmp_path))
  models = config.read_models()
  shapes = jax.eval_shape(lambda: config.init_params(models))
  # Together the new ones may take 16 MB in float16.
  assert 5e5 < sum(leaf.size for leaf in jax.tree.leaves(shapes)) < 5e6


def _untrained(path, folder):
  """The directory of a first stage whose parameters are zeros."""
  config = training.load(path)
  shapes = jax.eval_shape(lambda: config.init_params({}))
  params = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)
  path = folder / "model"
  latent_store.save(
      path, {"first_stage": (params, convert.ModelConfig(
          "kl_autoencoder", config.module, 64, prediction=None))}, 1.0)
  return str(path)
