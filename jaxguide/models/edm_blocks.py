"""The blocks that the EDM networks are made of (arXiv:2206.00364, appendix).

Submodules carry the names of the released checkpoints without their "model."
prefix: `params["enc.16x16_block0"]["conv0"]["kernel"]` is the checkpoint's
`model.enc.16x16_block0.conv0.weight`. The resampling filters that lie beside
them in the checkpoints are constants here.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxguide.models import layers

_MAX_PERIOD = np.float32(1e-4)
_FOURIER_SCALE = 16.0


def check_filter(taps: Sequence[float]) -> None:
  """Raises ValueError unless `taps` doubles and halves sizes exactly."""
  if not taps or len(taps) % 2 or not sum(taps):
    raise ValueError(
        f"resample_filter is {tuple(taps)}; expected an even number of taps "
        "whose sum is not zero")


def downsample(
    x: jax.Array, taps: Sequence[float] = (1, 1), *, padded: bool = True,
) -> jax.Array:
  """Filters with the outer product of `taps`, and keeps every other pixel.

  Args:
    x: `[B, H, W, C]`.
    taps: an even number n of them; normalised to sum 1.
    padded: whether n / 2 - 1 zeros are put on each side first. Without them
      x has to bring its own.

  Returns:
    `[B, H / 2, W / 2, C]` (of the size before x's own border).
  """
  taps = _normalised(taps)
  if len(taps) == 2 and taps[0] == taps[1]:
    return layers.average_pool(x)
  border = (len(taps) - 1) // 2 if padded else 0
  for axis in (1, 2):
    x = _pad(x, axis, border)
    count = (x.shape[axis] - len(taps)) // 2 + 1
    x = sum(
        tap * jax.lax.slice_in_dim(x, k, k + 2 * count - 1, 2, axis)
        for k, tap in enumerate(taps))
  return x


def upsample(x: jax.Array, taps: Sequence[float] = (1, 1)) -> jax.Array:
  """The transpose of `downsample` times four: `[B, H, W, C]` -> `[.. 2H ..]`.

  Zeros lie between the pixels of x and around them, n / 2 - 1 on a side less
  than a full convolution has.
  """
  taps = [2 * tap for tap in _normalised(taps)]
  if taps == [1, 1]:
    return layers.upsample_nearest(x)
  border = (len(taps) - 1) // 2
  for axis in (1, 2):
    size = x.shape[axis]
    padded = _pad(x, axis, len(taps) // 2)
    phases = []
    for phase in (0, 1):
      # Output 2 j + phase takes input i = j + (phase + border - k) / 2.
      starts = [
          (len(taps) // 2 + (phase + border - k) // 2, tap)
          for k, tap in enumerate(taps) if (phase + border - k) % 2 == 0]
      phases.append(sum(
          tap * jax.lax.slice_in_dim(padded, start, start + size, 1, axis)
          for start, tap in starts))
    shape = list(x.shape)
    shape[axis] = 2 * size
    x = jnp.stack(phases, axis + 1).reshape(shape)
  return x


def _normalised(taps: Sequence[float]) -> list[float]:
  return [tap / sum(taps) for tap in taps]


def _pad(x: jax.Array, axis: int, count: int) -> jax.Array:
  widths = [(0, 0)] * x.ndim
  widths[axis] = (count, count)
  return jnp.pad(x, widths)


def positional_embedding(
    noise: jax.Array, width: int, *, endpoint: bool = False,
) -> jax.Array:
  """[cos(t f_k), sin(t f_k)] with f_k = 10000^(-k / d), k < half = width // 2.

  Args:
    noise: t, `[B]`.
    width: size of the embedding, even.
    endpoint: whether d is half - 1, so that the last f_k is 1 / 10000; else
      it is half.

  Returns:
    `[B, width]`, float32.
  """
  half = width // 2
  exponent = np.arange(half, dtype=np.float32)
  exponent = exponent / np.float32(max(half - endpoint, 1))
  frequencies = np.power(_MAX_PERIOD.astype(np.float64), exponent)
  return _waves(noise, jnp.asarray(frequencies, jnp.float32))


def _waves(noise: jax.Array, frequencies: jax.Array) -> jax.Array:
  angle = noise.astype(jnp.float32)[:, None] * frequencies
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)


class FourierEmbedding(nn.Module):
  """[cos(2 pi t f_k), sin(2 pi t f_k)] at frequencies drawn once, N(0, 16^2).

  They are a parameter `freqs` `[width / 2]` since a checkpoint holds them;
  they get no gradient.

  Attributes:
    width: size of the embedding, even.
  """

  width: int

  @nn.compact
  def __call__(self, noise: jax.Array) -> jax.Array:
    """Maps noise `[B]` to `[B, width]`, float32."""
    frequencies = self.param(
        "freqs", nn.initializers.normal(_FOURIER_SCALE), (self.width // 2,))
    return _waves(
        noise, 2 * math.pi * jax.lax.stop_gradient(frequencies))


class Projection(nn.Module):
  """x W without a bias, for labels: `[B, I]` -> `[B, features]`.

  Attributes:
    features: width of the result.
  """

  features: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, I]`, of few or mostly zero entries."""
    kernel = self.param(
        "kernel", nn.initializers.lecun_normal(), (x.shape[-1], self.features))
    # A matmul of few rows is not the same bits in any batch.
    return jnp.sum(x[:, :, None] * kernel, axis=1)


class UnetBlock(nn.Module):
  """A residual block, with attention after it where there are heads.

  x = (conv1(SiLU(norm1(conv0(SiLU(norm0 x))))) + skip x) skip_scale, where
  norm1 is scaled and shifted by the embedding (`adaptive_scale`), or the
  embedding is added before it; then x = (proj(attention(norm2 x)) + x)
  skip_scale.

  Attributes:
    features: output channels.
    resample: None, "up" or "down": of the input of conv0 and of the skip.
    resample_filter: taps of the filter that resamples.
    resample_proj: whether a resampled skip has a 1x1 convolution even where
      the channels stay the same.
    num_heads: attention heads; 0: no attention.
    adaptive_scale: whether the embedding scales too, see above.
    skip_scale: factor of the sum, see above.
    eps: epsilon of the norms.
    dropout: rate before conv1.
    inits: initialisers of the kernels: of all, of the last of a branch
      (conv1 and proj), of qkv.
    dtype: type of convolutions and activations; norms stay float32.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
    attention_impl: formulation of the attention, see `layers.attention`.
  """

  features: int
  resample: str | None = None
  resample_filter: tuple[float, ...] = (1, 1)
  resample_proj: bool = False
  num_heads: int = 0
  adaptive_scale: bool = True
  skip_scale: float = 1.0
  eps: float = 1e-5
  dropout: float = 0.0
  inits: tuple[Any, Any, Any] = (
      nn.initializers.lecun_normal(), nn.initializers.zeros,
      nn.initializers.lecun_normal())
  dtype: Any = jnp.float32
  conv_impl: str = "auto"
  attention_impl: str = "auto"

  @nn.compact
  def __call__(
      self, x: jax.Array, embedding: jax.Array, train: bool = False,
  ) -> jax.Array:
    """Maps x `[B, H, W, C]`, embedding `[B, E]` -> `[B, H', W', features]`."""
    ordinary, last, _ = self.inits
    h = self._resampled(group_norm(x, self.eps, "norm0", silu=True))
    h = self._conv("conv0", ordinary)(h)
    width = self.features * (2 if self.adaptive_scale else 1)
    shift = layers.Dense(width, kernel_init=ordinary, name="affine")(embedding)
    shift = shift.astype(self.dtype)
    if self.adaptive_scale:
      modulation = tuple(jnp.split(shift, 2, axis=-1))
      h = group_norm(h, self.eps, "norm1", modulation, silu=True)
    else:
      h = h + shift[:, None, None]
      h = group_norm(h, self.eps, "norm1", silu=True)
    h = nn.Dropout(self.dropout, deterministic=not train)(h)
    h = self._conv("conv1", last)(h)
    x = (h + self._skip(x)) * self.skip_scale
    if self.num_heads:
      x = (self._attention(x) + x) * self.skip_scale
    return x

  def _resampled(self, x):
    if self.resample is None:
      return x
    change = {"up": upsample, "down": downsample}[self.resample]
    return change(x, self.resample_filter)

  def _conv(self, name, init):
    return layers.Conv3x3(
        self.features, dtype=self.dtype, impl=self.conv_impl,
        kernel_init=init, name=name)

  def _skip(self, x):
    projected = x.shape[-1] != self.features or (
        self.resample is not None and self.resample_proj)
    x = self._resampled(x)
    if not projected:
      return x
    return layers.Conv1x1(
        self.features, self.dtype, self.inits[0], name="skip")(x)

  def _attention(self, x):
    batch, height, width, channels = x.shape
    h = group_norm(x, self.eps, "norm2")
    qkv = layers.Conv1x1(
        3 * channels, self.dtype, self.inits[2], name="qkv")(h)
    if channels % self.num_heads:
      raise ValueError(
          f"num_heads is {self.num_heads}; it must divide the {channels} "
          "channels")
    # The third order of q, k and v: head, then d, then q/k/v.
    parts = qkv.reshape(
        batch, height * width, self.num_heads, channels // self.num_heads, 3)
    h = layers.attention(
        *(parts[..., s] for s in range(3)), impl=self.attention_impl)
    return layers.Conv1x1(channels, self.dtype, self.inits[1], name="proj")(
        h.reshape(x.shape))


def group_norm(
    x: jax.Array,
    eps: float,
    name: str,
    modulation: tuple[jax.Array, jax.Array] | None = None,
    *,
    silu: bool = False,
) -> jax.Array:
  """Group norm of min(32, C // 4) groups; call inside a compact method."""
  channels = x.shape[-1]
  norm = layers.GroupNorm(
      eps, max(1, min(32, channels // 4)), silu=silu, name=name)
  return norm(x, modulation)
