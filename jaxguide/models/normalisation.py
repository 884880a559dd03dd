"""Group norm, with what usually follows it, and its own derivative.

Reverse mode only (any order).
"""

from __future__ import annotations

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.models import batch_invariant


def _group_means(sums: jax.Array, num_groups: int, pixels: int) -> jax.Array:
  """Turns channel sums `[B, C]` into means over groups, spread to `[B, C]`."""
  batch, channels = sums.shape
  size = channels // num_groups
  groups = sums.reshape(batch, num_groups, size)
  # One by one: a reduction over the last axis is vectorised on CPU, in an
  # order that depends on the batch.
  total = functools.reduce(
      jnp.add, (groups[..., i] for i in range(size)))
  return jnp.repeat(total / (size * pixels), size, axis=-1)


def _moments(x, num_groups, eps):
  """Means and reciprocal spreads `[B, C]` of the groups of `[B, N, C]`."""
  pixels = x.shape[1]
  mean = _group_means(batch_invariant.pixel_sums(x), num_groups, pixels)
  # Centred: E[x^2] - E[x]^2 loses the variance where the mean is large.
  centred = x - mean[:, None]
  square = batch_invariant.pixel_sums(centred * centred)
  return mean, jax.lax.rsqrt(_group_means(square, num_groups, pixels) + eps)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def _norm(x, scale, shift, num_groups, eps, silu):
  return _norm_forward(x, scale, shift, num_groups, eps, silu)[0]


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _norm_forward(x, scale, shift, num_groups, eps, silu):
  mean, spread = _moments(x, num_groups, eps)
  gain = spread * scale
  y = (x - mean[:, None]) * gain[:, None] + shift[:, None]
  y = y * jax.nn.sigmoid(y) if silu else y
  return y, (x, scale, shift, mean, spread)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _norm_backward(num_groups, eps, silu, saved, cotangent):
  del eps
  x, scale, shift, mean, spread = saved
  unit = (x - mean[:, None]) * spread[:, None]
  if silu:
    y = unit * scale[:, None] + shift[:, None]
    gate = jax.nn.sigmoid(y)
    cotangent = cotangent * (gate * (1.0 + y * (1.0 - gate)))
  shift_bar = batch_invariant.pixel_sums(cotangent)
  scale_bar = batch_invariant.pixel_sums(cotangent * unit)
  pixels = x.shape[1]
  offset = _group_means(scale * shift_bar, num_groups, pixels)
  slope = _group_means(scale * scale_bar, num_groups, pixels)
  x_bar = spread[:, None] * (
      cotangent * scale[:, None] - offset[:, None] - unit * slope[:, None])
  return x_bar, scale_bar, shift_bar


_norm.defvjp(_norm_forward, _norm_backward)


def group_norm(
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    *,
    num_groups: int = 32,
    eps: float,
    modulation: tuple[jax.Array, jax.Array] | None = None,
    silu: bool = False,
) -> jax.Array:
  """Group normalisation, with what usually follows it in the same pass.

  y = (x - mean_g) / sqrt(var_g + eps) * scale + bias (Wu and He,
  arXiv:1803.08494, Eq. 1-2), with the biased, centred variance; then
  y (1 + s) + b where `modulation` = (s, b) is given; then y * sigmoid(y)
  where `silu` is set. Computed in float32 whatever the dtype of x.

  Args:
    x: `[B, ..., C]`, any dtype.
    scale: `[C]`.
    bias: `[C]`.
    num_groups: number of groups of adjacent channels; divides C.
    eps: added to the variance. PyTorch's default is 1e-5, Flax's 1e-6.
    modulation: per-image scale and shift, each `[B, C]`.
    silu: whether to apply SiLU last.

  Returns:
    The shape and dtype of x.

  Raises:
    ValueError: C is no multiple of `num_groups`.
  """
  batch, channels = x.shape[0], x.shape[-1]
  if channels % num_groups:
    raise ValueError(
        f"num_groups is {num_groups}; it must divide the {channels} channels")
  scale = jnp.broadcast_to(scale.astype(jnp.float32), (batch, channels))
  shift = jnp.broadcast_to(bias.astype(jnp.float32), (batch, channels))
  if modulation is not None:
    gain = 1.0 + modulation[0].astype(jnp.float32)
    shift = shift * gain + modulation[1].astype(jnp.float32)
    scale = scale * gain
  flat = x.astype(jnp.float32).reshape(batch, -1, channels)
  y = _norm(flat, scale, shift, num_groups, float(eps), silu)
  return y.astype(x.dtype).reshape(x.shape)


class GroupNorm(nn.Module):
  """`group_norm` with its parameters `scale` and `bias`, each `[C]`.

  Attributes:
    eps: added to the variance.
    num_groups: number of groups.
    silu: whether to apply SiLU last.
  """

  eps: float = 1e-5
  num_groups: int = 32
  silu: bool = False

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      modulation: tuple[jax.Array, jax.Array] | None = None,
  ) -> jax.Array:
    """Normalises x `[B, ..., C]`; see `group_norm`."""
    channels = x.shape[-1]
    scale = self.param("scale", nn.initializers.ones, (channels,))
    bias = self.param("bias", nn.initializers.zeros, (channels,))
    return group_norm(
        x, scale, bias, num_groups=self.num_groups, eps=self.eps,
        modulation=modulation, silu=self.silu)
