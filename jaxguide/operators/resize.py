"""Super-resolution by antialiased bicubic resizing."""

import fractions
import math

import numpy as np

from jaxguide import arrays
from jaxguide.operators import base
from jaxguide.operators import matrices
from jaxguide.operators import pooling

AXES = ("both", "width")
_FLOAT32_EPS = float(np.finfo(np.float32).eps)


def bicubic(
    shape: tuple[int, int],
    factor: int,
    *,
    boundary: str = "symmetric",
    axes: str = "both",
    cutoff: float = 0.0,
) -> base.LinearOperator:
  """A = bicubic downsampling by an integer factor, with antialiasing.

  The kernel is Keys' cubic with a = -0.5, stretched by the factor; weights
  are normalised to sum 1 (the convention of MATLAB's imresize, which DPS,
  ILVR, DAPS and VIPaint share with the default boundary). The pseudo-inverse
  comes from the decomposition of the two matrices and is exact to float32:
  the smallest singular value is above 0.09 of the largest for factors 2 to 8.

  Args:
    shape: height and width of the images, multiples of `factor`.
    factor: divisor, 2, 4, 8 or any other.
    boundary: rule, "symmetric" (mirror, edge repeated; the default), "reflect",
      "edge", "renormalise", or "zero": what the released Steered Diffusion
      does, which pulls borders toward mid-grey (its weights are normalised
      with the padding counted).
    axes: axes that are resized, "both", or "width" as the released Steered
      Diffusion.
    cutoff: singular value that counts as zero, as in `matrices.separable`.

  Returns:
    A `LinearOperator` from `[B, H, W, C]` to `[B, H/factor, W/factor, C]`, or
    to `[B, H, W/factor, C]` for `axes` = "width"; with `svd`.

  Raises:
    ValueError: if `factor` does not divide `shape`, or an option is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.bicubic((16, 16), 4)
    >>> x, y = jnp.ones((1, 16, 16, 3)), jnp.ones((1, 4, 4, 3))
    >>> A.apply(x).shape, bool(jnp.allclose(A.apply(x), 1, atol=1e-5))
    ((1, 4, 4, 3), True)
    >>> bool(jnp.allclose(
    ...     jnp.vdot(A.apply(x), y), jnp.vdot(x, A.adjoint(y)), atol=1e-3))
    True
  """
  small = pooling.reduced_shape(shape, factor)
  scale = fractions.Fraction(1, factor)
  vertical, horizontal = axis_matrices(shape, small, scale, boundary, axes)
  return matrices.separable(vertical, horizontal, cutoff=cutoff)


def axis_matrices(
    in_shape: tuple[int, int],
    out_shape: tuple[int, int],
    scale: fractions.Fraction,
    boundary: str,
    axes: str,
) -> tuple[np.ndarray, np.ndarray]:
  """The resizing matrices of the two axes; the identity where one is kept.

  Args:
    in_shape: height and width (H, W) before.
    out_shape: height and width (h, w) after.
    scale: ratio h / H.
    boundary: rule of `matrices.boundary_matrix`.
    axes: axes that are resized, "both" or "width".

  Returns:
    The vertical `[h, H]` and the horizontal `[w, W]` matrix, float64.

  Raises:
    ValueError: if an option is unknown.
  """
  arrays.check_choice("axes", axes, AXES)
  horizontal = cubic_matrix(in_shape[1], out_shape[1], scale, boundary)
  if axes == "width":
    return np.eye(in_shape[0]), horizontal
  return cubic_matrix(
      in_shape[0], out_shape[0], scale, boundary
  ), horizontal


def cubic_matrix(
    in_size: int,
    out_size: int,
    scale: fractions.Fraction | float,
    boundary: str = "symmetric",
) -> np.ndarray:
  """The matrix of a 1-D bicubic resizing.

  Args:
    in_size: length n before.
    out_size: length m after, ceil(scale * n) as a rule.
    scale: output pixels per input pixel.
    boundary: rule of `matrices.boundary_matrix`.

  Returns:
    `[m, n]`, float64.
  """
  neighbours, weights = cubic_table(in_size, out_size, scale)
  return matrices.boundary_matrix(in_size, neighbours, weights, boundary)


def cubic_table(
    in_size: int, out_size: int, scale: fractions.Fraction | float
) -> tuple[np.ndarray, np.ndarray]:
  """Taps and weights of a 1-D bicubic resizing, before any boundary rule.

  Output j looks at g_j = j/s + (n-1)/2 - (m-1)/(2s); the kernel is k(u) for
  s >= 1 and s k(s u), the antialiased one, for s < 1; weights are divided by
  their sum, taps outside the signal included.

  Args:
    in_size: length n before.
    out_size: length m after.
    scale: ratio s, output pixels per input pixel.

  Returns:
    Indices `[m, taps]` (int, may lie outside [0, n)) and weights
    `[m, taps]` (float64, every row sums to 1).
  """
  s = float(scale)
  support = 4.0 / min(s, 1.0)
  outputs = np.arange(out_size)
  centre = outputs / s + (in_size - 1) / 2 - (out_size - 1) / (2 * s)
  left = np.ceil(centre - support / 2 - _FLOAT32_EPS).astype(np.int64)
  taps = math.ceil(support - _FLOAT32_EPS)
  neighbours = left[:, None] + np.arange(taps)
  weights = _keys_cubic((centre[:, None] - neighbours) * min(s, 1.0))
  return neighbours, weights / weights.sum(axis=1, keepdims=True)


def _keys_cubic(u: np.ndarray) -> np.ndarray:
  """Keys' cubic convolution kernel with a = -1/2, zero beyond 2."""
  u = np.abs(u)
  near = 1.5 * u**3 - 2.5 * u**2 + 1.0
  far = -0.5 * u**3 + 2.5 * u**2 - 4.0 * u + 2.0
  return np.where(u <= 1.0, near, np.where(u <= 2.0, far, 0.0))
