"""A prior with a closed form, and experiments on it, for the tests."""

import dataclasses
import hashlib
import pathlib

import jax.numpy as jnp
import numpy as np

from jaxguide import convert
from jaxguide import evaluation
from jaxguide import schedules
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks

# What every finished run holds; timing.json alone may differ.
FILES = ("run.json", "journal.jsonl", "per_image.csv", "summary.json",
         "table.md", "grid.png")


def tint(params, x, time):
  del time
  return jnp.tanh(params["slope"] * x + 0.2 * x[..., ::-1])


@dataclasses.dataclass(frozen=True)
class Tint(sources.NetworkSource):
  """An extractor without convolutions, quick to compile."""

  slope: float = 1.5
  size: int | None = None
  num_levels: int = 1000

  def load(self):
    return sources.Network(
        tint, {"slope": np.float32(self.slope)},
        schedules.linear(self.num_levels), self.size, "tint",
        f"{self.slope:g}")

  def tiny(self, size):
    return sources.RandomExtractor(size)


@dataclasses.dataclass(frozen=True)
class GaussianPrior(sources.PriorSource):
  """Pixels independent and standard normal: eps(x_t) = sigma_t x_t."""

  size: int = 16
  shift: float = 0.0

  def load(self) -> convert.Prior:
    schedule = schedules.linear(1000)
    sigma = np.asarray(schedule.sigma[1:], np.float32)

    def apply(params, x, time, cond):
      del cond
      s = jnp.asarray(sigma)[time.astype(jnp.int32)][:, None, None, None]
      return s * x + params["shift"]

    params = {"shift": np.float32(self.shift)}
    return convert.Prior(
        apply=apply, params=params, schedule=schedule, prediction="eps",
        learned_variance=False, image_size=self.size, channels=3,
        name="gaussian", sha256=hashlib.sha256(str(self).encode()).hexdigest())

  def tiny(self, size, conditions=()):
    return sources.RandomPrior(size)


def experiment(**changes) -> evaluation.Experiment:
  """Colorization of five drawn images by four steps, in a second or so."""
  fields = dict(
      name="gaussian_colorization", prior=GaussianPrior(),
      data=sources.DrawnImages(count=5, size=16), task=tasks.Colorization(),
      method=methods.Steered(num_steps=4, num_inner=2), batch_size=2)
  return evaluation.Experiment(**{**fields, **changes})


def files(directory: pathlib.Path) -> dict[str, bytes]:
  """Every file of a run but timing.json, by its path inside."""
  return {
      path.relative_to(directory).as_posix(): path.read_bytes()
      for path in sorted(pathlib.Path(directory).rglob("*"))
      if path.is_file() and path.name != "timing.json"}
