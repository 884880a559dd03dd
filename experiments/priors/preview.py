"""Pictures of a prior in training: samples, and half-masked images filled in.

These are looked at, not measured: the samplers of the package are not needed
here, and a few lines of DDIM (arXiv:2010.02502, Eq. 12) serve.
"""

from __future__ import annotations

import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxguide import denoisers
from jaxguide import schedules


def fill_in(
    denoise: denoisers.Denoiser,
    schedule: schedules.Schedule,
    observed: jax.Array,
    mask: jax.Array,
    key: jax.Array,
    *,
    num_steps: int = 50,
) -> jax.Array:
  """DDIM with eta = 1; observed pixels are replaced by noised ones each step.

  Fresh noise in every step lets a network that is still rough forget its
  early errors, which a deterministic sampler carries to the end.

  Args:
    denoise: the prior; nothing is clipped here.
    schedule: the diffusion.
    observed: `[B, H, W, C]` images.
    mask: `[B, H, W, 1]`, 1 where observed; all 0: plain samples.
    key: of the start, of the steps and of the noise on observed pixels.
    num_steps: network evaluations.

  Returns:
    `[B, H, W, C]`.
  """
  levels = np.linspace(schedule.num_levels, 0, num_steps + 1).round()
  levels = jnp.asarray(levels, jnp.int32)
  start, renoise, fresh = jax.random.split(key, 3)

  def step(x, index):
    now = schedule.at_level(levels[index])
    after = schedule.at_level(levels[index + 1])
    known = now.alpha * observed + now.sigma * jax.random.normal(
        jax.random.fold_in(renoise, index), x.shape)
    x = mask * known + (1.0 - mask) * x
    x0, eps, _ = denoise(x, now)
    shrink = now.alpha * after.sigma / (after.alpha * now.sigma)
    variance = after.sigma**2 * (1.0 - shrink**2)
    z = jax.random.normal(jax.random.fold_in(fresh, index), x.shape)
    kept = jnp.sqrt(after.sigma**2 - variance)
    return after.alpha * x0 + kept * eps + jnp.sqrt(variance) * z, None

  x = jax.random.normal(start, observed.shape)
  x, _ = jax.lax.scan(step, x, jnp.arange(num_steps))
  return mask * observed + (1.0 - mask) * x


def write_grid(
    path: str | os.PathLike[str], rows: list[np.ndarray], *, zoom: int = 2,
) -> None:
  """Writes rows of images, each `[N, H, W, 3]` in [-1, 1], as one picture."""
  strips = [np.concatenate(list(row), axis=1) for row in rows]
  grid = np.concatenate(strips, axis=0)
  grid = np.clip(np.rint((grid + 1.0) * 127.5), 0, 255).astype(np.uint8)
  grid = grid.repeat(zoom, axis=0).repeat(zoom, axis=1)
  write_picture(path, grid)


def write_picture(path: str | os.PathLike[str], pixels: np.ndarray) -> None:
  """Writes uint8 `[H, W, 3]` as a PNG file, which is never half there."""
  path = pathlib.Path(path)
  beside = path.with_name(f".{path.name}.part")
  Image.fromarray(pixels).save(beside, format="PNG", optimize=True)
  os.replace(beside, path)
