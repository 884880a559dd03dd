"""The low-pass filter of EGSDE and ILVR: down and up again, image to image."""

import math

import numpy as np

from jaxguide import arrays
from jaxguide.operators import base
from jaxguide.operators import matrices
from jaxguide.operators import pooling

KERNELS = ("linear", "cubic")


def lowpass(
    image_size: int | tuple[int, int],
    factor: int,
    kernel: str = "linear",
) -> base.LinearOperator:
  """A x = U D x: antialiased downsampling by `factor`, then upsampling.

  EGSDE's domain-independent energy (arXiv:2207.06635) and ILVR (Choi et al.,
  arXiv:2108.02938) compare images through it. Per axis A is symmetric, keeps
  constants, has norm 1 and rank n / factor, and is no projection: A A differs
  from A by about 0.01 for linear and factor 32. The pseudo-inverse is exact
  to float32: the smallest singular value of an axis that is not 0 is above
  0.27 ("linear") or 0.49 ("cubic") for factors 2 to 32. `A.pseudo_inverse`
  after `apply` is the orthogonal projection on the low frequencies.

  The resizer of `jax.image` is another one at the borders: it renormalises
  where this one reflects.

  Args:
    image_size: side, or (H, W), of the images; multiples of `factor`.
    factor: large pixels per small pixel; both published systems have 32.
    kernel: name, "linear" (EGSDE) or "cubic" (Keys, a = -1/2; ILVR).

  Returns:
    A `LinearOperator` from `[B, H, W, C]` to the same shape, with `svd`. Its
    adjoint is itself.

  Raises:
    ValueError: if `factor` does not divide the size, or an unknown kernel.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.lowpass(8, 4)
    >>> constant = jnp.full((1, 8, 8, 3), 0.5)
    >>> bool(jnp.allclose(A.apply(constant), constant))
    True
  """
  height, width = (
      (image_size, image_size) if isinstance(image_size, int) else image_size
  )
  pooling.reduced_shape((height, width), factor)
  return matrices.separable(
      axis_matrix(height, factor, kernel), axis_matrix(width, factor, kernel)
  )


def axis_matrix(size: int, factor: int, kernel: str = "linear") -> np.ndarray:
  """The filter U D of one axis.

  Args:
    size: length n, a multiple of `factor`.
    factor: large pixels per small pixel.
    kernel: name, "linear" or "cubic".

  Returns:
    `[n, n]`, float64, symmetric.
  """
  down = resize_matrix(size, 1 / factor, kernel)
  return resize_matrix(size // factor, factor, kernel) @ down


def resize_matrix(size: int, scale: float, kernel: str) -> np.ndarray:
  """The matrix of a 1-D resizing.

  Output j sits at u = (j + 1/2) / scale - 1/2 and sums the inputs near it
  with weights c k(c (u - tap)), c = min(scale, 1), divided by their sum; what
  lies beyond an end is reflected there, the end pixel repeated.

  Args:
    size: length n of the signal.
    scale: output pixels per input pixel.
    kernel: name of k, "linear" or "cubic".

  Returns:
    `[ceil(n scale), n]`, float64; every row sums to 1.
  """
  neighbours, weights = resize_table(size, scale, kernel)
  return matrices.boundary_matrix(size, neighbours, weights, "symmetric")


def resize_table(
    size: int, scale: float, kernel: str
) -> tuple[np.ndarray, np.ndarray]:
  """Taps and weights of a 1-D resizing, before reflection.

  Args:
    size: length n of the signal.
    scale: output pixels per input pixel.
    kernel: name, "linear" or "cubic".

  Returns:
    Indices `[m, taps]` (may lie outside [0, n)) and weights `[m, taps]`,
    float64, rows summing to 1; taps that no output uses are left out.

  Raises:
    ValueError: an unknown kernel.
  """
  arrays.check_choice("kernel", kernel, KERNELS)
  narrow = min(scale, 1.0)
  support = (2 if kernel == "linear" else 4) / narrow
  at = (np.arange(math.ceil(size * scale)) + 0.5) / scale - 0.5
  first = np.floor(at + 1 - support / 2).astype(np.int64) - 2
  # Two taps more at either end than can be reached, whatever the rounding.
  neighbours = first[:, None] + np.arange(math.ceil(support) + 4)
  weights = _kernel(kernel, narrow * (at[:, None] - neighbours))
  weights /= weights.sum(axis=1, keepdims=True)
  used = np.any(weights != 0, axis=0)
  return neighbours[:, used], weights[:, used]


def _kernel(name: str, u: np.ndarray) -> np.ndarray:
  u = np.abs(u)
  if name == "linear":
    return np.maximum(1 - u, 0.0)
  near = 1.5 * u**3 - 2.5 * u**2 + 1
  far = -0.5 * u**3 + 2.5 * u**2 - 4 * u + 2
  return np.where(u <= 1, near, np.where(u <= 2, far, 0.0))
