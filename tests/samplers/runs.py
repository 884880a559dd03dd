"""Running a case of the contract tests."""

from collections.abc import Mapping
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from tests import draws
from tests import programs
from tests.samplers import case as cases
from tests.samplers import gaussians

SHAPE = (gaussians.DIM,)


def schedule() -> schedules.Schedule:
  """The schedule that the recursions assume."""
  return schedules.linear(gaussians.NUM_LEVELS)


def shared_of(
    case: cases.Case, steps: samplers.Steps, **scalars: Any
) -> dict[str, Any]:
  """What all rows have in common: plan, prior, mask and scalars."""
  p = gaussians.prior()
  return {
      "steps": steps,
      "mean": np.float32(p.mean),
      "covariance": np.float32(p.covariance),
      "mask": np.float32(p.mask)[None],
      "scalars": {k: np.float32(v)
                  for k, v in {**case.scalars, **scalars}.items()},
  }


def observation() -> np.ndarray:
  """One draw from the prior; every second coordinate of it is observed."""
  p = gaussians.prior()
  root = np.linalg.cholesky(p.covariance)
  return p.mean + root @ np.random.default_rng(5).normal(size=gaussians.DIM)


def batch_of(count: int, seed: int = 0) -> dict[str, Any]:
  """`count` rows: keys of images 0, 1, ... and an observation for each."""
  rng = np.random.default_rng(17)
  y = observation() + 0.3 * rng.normal(size=(count, gaussians.DIM))
  return {
      "keys": noises.image_keys(seed, np.arange(count)),
      "y": np.float32(y),
  }


def drawn_batch_of(
    case: cases.Case,
    count: int,
    size: int,
    shape: cases.Shape = SHAPE,
    seed: int = 23,
) -> dict[str, Any]:
  """`batch_of`, with draws in place of keys.

  Where the source of randomness is not what is tested, tables compile in a
  third of the time. They hold what the case says is drawn, no more: a draw
  beyond them is NaN, one of another slot or shape an error.

  Args:
    case: sampler whose slots are drawn.
    count: rows of the batch.
    size: steps of the longest plan that is run with them.
    shape: trailing shape of x.
    seed: number that the draws depend on.
  """
  rng = np.random.default_rng(seed)
  tables = {}
  for slot in case.draws:
    sides = (size, slot.num_inner, count, *slot.shape(shape))
    drawn = (rng.uniform(size=sides) if slot.law == "uniform"
             else rng.normal(size=sides))
    tables[slot.name] = np.float32(drawn)
  return {"tables": tables, "y": batch_of(count)["y"]}


def samples(
    case: cases.Case,
    shared: Mapping[str, Any],
    batch: Mapping[str, Any],
    noise: noises.Noise | None = None,
    dtype: Any = jnp.float32,
) -> samplers.Samples:
  """Samples of x `[B, 16]` under the exact denoiser of the prior."""
  denoise = denoisers.gaussian(shared["mean"], shared["covariance"])
  if noise is None and "tables" in batch:
    noise = noises.recorded_noise(batch["tables"])
  if noise is None and "numbers" in batch:
    noise = draws.hashed_noise(batch["numbers"])
  noise = noise or noises.prng_noise(batch["keys"])
  z = noise(-1, "start", SHAPE).astype(dtype)
  sampler = case.make(cases.Setting(
      denoise, noise, batch["y"], shared["mask"], shared["scalars"]
  ))
  return samplers.sample(sampler, z, shared["steps"])


def run(*args: Any, **options: Any) -> jax.Array:
  """x `[B, 16]` of `samples`, which takes the same arguments."""
  return samples(*args, **options).x


def measured_moments(
    case: cases.Case, num_steps: int, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Mean and covariance of an affine sampler, from its unit responses.

  Row 0 has no noise at all; every other row has a single draw set to a unit
  vector. Their differences from row 0 are the columns of the map from draws
  to the result.

  Args:
    case: sampler that is affine in its draws.
    num_steps: steps of the plan.
    y: signal that is observed, `[16]`, the same for all rows.
  """
  steps = case.plan(schedule(), num_steps)
  names, rows = [slot.name for slot in case.draws], [(-1, -2, 0, 0)]
  for slot in case.draws:
    size = math.prod(slot.shape(SHAPE))
    indices = [-1] if slot.name == "start" else range(steps.index.size)
    rows += [(names.index(slot.name), i, inner, d) for i in indices
             for inner in range(slot.num_inner) for d in range(size)]
  slot_of, index_of, inner_of, dim_of = (
      jnp.asarray(column) for column in np.transpose(rows))

  def noise(index, slot, shape, law="normal", inner=0):
    del law
    hit = ((slot_of == names.index(slot)) & (index_of == index)
           & (inner_of == inner))
    unit = jax.nn.one_hot(dim_of, math.prod(shape))
    return jnp.where(hit[:, None], unit, 0.0).reshape(-1, *shape)

  y = np.broadcast_to(np.float32(y), (len(rows), gaussians.DIM))
  out = programs.jit(lambda shared, batch: run(case, shared, batch, noise))(
      shared_of(case, steps), {"y": y}
  )
  out = np.float64(out)
  columns = out[1:] - out[0]
  return out[0], columns.T @ columns
