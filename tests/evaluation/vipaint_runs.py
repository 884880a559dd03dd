"""An experiment with VIPaint on Gaussian pixels; draws that compile fast."""

import jax

from jaxguide import data
from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from tests import draws
from tests.evaluation import support

METHOD = methods.Vipaint(
    num_steps=6, num_iterations=6, num_samples=2, scale=20.0)


def experiment(**changes) -> evaluation.Experiment:
  """Three drawn images behind a rotated window, in a few seconds."""
  fields = dict(
      task=tasks.Inpainting(data.masks.RotatedWindow()), method=METHOD,
      data=sources.DrawnImages(count=3, size=16),
      prior=support.GaussianPrior(size=16), batch_size=2)
  return support.experiment(**{**fields, **changes})


def hashed(keys):
  """In the place of `noises.prng_noise`: it compiles faster."""
  return draws.hashed_noise(jax.random.key_data(keys)[:, -1])
