"""Running a case of the contract tests."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from tests import draws
from tests import programs
from tests.samplers import cases
from tests.samplers import gaussians

SHAPE = (gaussians.DIM,)
# No case iterates more often inside a step; a draw beyond a table is NaN.
MOST_INNER = 3


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
    case: cases.Case, count: int, size: int, dim: int = gaussians.DIM
) -> dict[str, Any]:
  """`batch_of`, with draws in place of keys.

  Where the source of randomness is not what is tested, tables compile in a
  third of the time.

  Args:
    case: whose slots are drawn.
    count: of rows.
    size: steps of the longest plan that is run with them.
    dim: numbers in a draw.
  """
  rng = np.random.default_rng(23)
  shape = (size, MOST_INNER, count, dim)
  tables = {slot: np.float32(rng.normal(size=shape))
            for slot in (*case.slots, "start")}
  return {"tables": tables, "y": batch_of(count)["y"]}


def run(
    case: cases.Case,
    shared: Mapping[str, Any],
    batch: Mapping[str, Any],
    noise: noises.Noise | None = None,
    dtype: Any = jnp.float32,
) -> jax.Array:
  """Samples `[B, 16]` under the exact denoiser of the prior."""
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
  return samplers.sample(sampler, z, shared["steps"]).x


def measured_moments(
    case: cases.Case, num_steps: int, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Mean and covariance of an affine sampler, from its unit responses.

  Row 0 has no noise at all; every other row has a single draw set to a unit
  vector. Their differences from row 0 are the columns of the map from draws
  to the result.

  Args:
    case: affine in its draws.
    num_steps: of the plan.
    y: what is observed, `[16]`, the same for all rows.
  """
  steps = case.plan(cases.schedule(), num_steps)
  where = [("start", -1)] + [
      (slot, i) for slot in case.slots for i in range(steps.index.size)
  ]
  names = ("start", *case.slots)
  rows = [(-1, -2, 0)] + [
      (names.index(slot), i, d)
      for slot, i in where for d in range(gaussians.DIM)
  ]
  slot_of, index_of, dim_of = (jnp.asarray(c) for c in np.transpose(rows))

  def noise(index, slot, shape, law="normal", inner=0):
    del shape, law, inner
    hit = (slot_of == names.index(slot)) & (index_of == index)
    unit = jax.nn.one_hot(dim_of, gaussians.DIM)
    return jnp.where(hit[:, None], unit, 0.0)

  y = np.broadcast_to(np.float32(y), (len(rows), gaussians.DIM))
  out = programs.jit(lambda shared, batch: run(case, shared, batch, noise))(
      shared_of(case, steps), {"y": y}
  )
  out = np.float64(out)
  columns = out[1:] - out[0]
  return out[0], columns.T @ columns
