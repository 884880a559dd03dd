"""Pictures of a prior in training: samples, and half-masked images filled in.

These are looked at, not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
import os
import pathlib
from typing import NamedTuple

import jax
import numpy as np
from PIL import Image

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import pixels as pixel_values
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.convert import atomic

ROWS, COLUMNS = 4, 16


class HalfHidden(NamedTuple):
  """A page to be filled in; N is `ROWS` * `COLUMNS`.

  Attributes:
    images: those of the last row, whole, `[COLUMNS, H, W, C]`.
    observed: `[N, H, W, C]`, 0 but for the last row.
    mask: 1 where observed, `[N, H, W, 1]`: the upper halves of the last row.
  """

  images: np.ndarray
  observed: np.ndarray
  mask: np.ndarray


def half_hidden(images: np.ndarray) -> HalfHidden:
  """A page whose last row is of held-out images, and whose others are free.

  Args:
    images: held-out images `[N, H, W, C]`, of which `COLUMNS` are taken.
  """
  chosen = images[columns(len(images))]
  number = ROWS * COLUMNS
  observed = np.zeros((number, *images.shape[1:]), np.float32)
  mask = np.zeros((number, *images.shape[1:3], 1), np.float32)
  observed[-COLUMNS:] = chosen
  mask[-COLUMNS:, :images.shape[1] // 2] = 1.0
  return HalfHidden(chosen, observed, mask)


def columns(number: int) -> np.ndarray:
  """The places of the images that make a page's columns, out of `number`."""
  return np.linspace(0, number - 1, COLUMNS).astype(int)


def in_rows(images: np.ndarray) -> list[np.ndarray]:
  """`ROWS` * `COLUMNS` images as rows."""
  images = np.asarray(images)
  return list(images.reshape(ROWS, COLUMNS, *images.shape[1:]))


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

  Draws: slots "start", "step" (DDIM's) and "observed".

  Args:
    denoise: the prior; nothing is clipped here.
    schedule: the diffusion, concrete.
    observed: `[B, H, W, C]` images.
    mask: `[B, H, W, 1]`, 1 where observed; all 0: plain samples.
    key: random key of the start, of the steps and of the noise on observed
      pixels.
    num_steps: network evaluations.

  Returns:
    `[B, H, W, C]`.
  """
  noise = noises.prng_noise(jax.random.split(key, observed.shape[0]))
  shape = observed.shape[1:]
  ddim = samplers.ddim(denoise, noise)

  def step(state: samplers.State, step: samplers.Step) -> samplers.State:
    known = step.level.alpha * observed + step.level.sigma * noise(
        step.index, "observed", shape)
    x = mask * known + (1.0 - mask) * state.x
    return ddim.step(state._replace(x=x), step)

  x = samplers.sample(
      ddim._replace(step=step), noise(-1, "start", shape),
      samplers.ddim_steps(schedule, num_steps, eta=1.0)).x
  return mask * observed + (1.0 - mask) * x


def write_page(
    path: str | os.PathLike[str], rows: Sequence[np.ndarray], *, zoom: int = 2,
) -> None:
  """Writes rows of images as one PNG file.

  Args:
    path: the file; missing folders above it are made.
    rows: images, each row `[N, H, W, 3]` in [-1, 1].
    zoom: pixels of the file per pixel of an image.
  """
  strips = [np.concatenate(list(row), axis=1) for row in rows]
  page = pixel_values.to_uint8(np.concatenate(strips, axis=0))
  write_picture(path, page.repeat(zoom, axis=0).repeat(zoom, axis=1))


def write_picture(path: str | os.PathLike[str], picture: np.ndarray) -> None:
  """Writes uint8 `[H, W, 3]` as a PNG file, which is never half there.

  Args:
    path: the file; missing folders above it are made.
    picture: uint8 `[H, W, 3]`.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with atomic.replacing(path) as beside:
    Image.fromarray(picture).save(beside, format="PNG", optimize=True)
