"""Gaussian blur."""

import numpy as np

from jaxguide.operators import base
from jaxguide.operators import matrices


def gaussian_blur(
    shape: tuple[int, int],
    *,
    kernel_size: int = 61,
    std: float = 3.0,
    boundary: str = "reflect",
    cutoff: float = 0.03,
) -> base.LinearOperator:
  """A x = x convolved with a Gaussian, the size kept.

  The defaults are the deblurring task of DPS (arXiv:2209.14687) and VIPaint:
  a 61 x 61 window, standard deviation 3 pixels, taps beyond 4 standard
  deviations zero, weights of sum 1, reflection at the border. The kernel is
  the product of two 1-D kernels, so the blur is `separable`.

  A blur has singular values down to zero: the pseudo-inverse treats those of
  each axis up to `cutoff` as zero (0.03 is what DDRM uses), which bounds the
  gain of A^+ by 1 / cutoff^2 and leaves |A A^+ A x - A x| <= cutoff |x|.

  Args:
    shape: height and width of the images.
    kernel_size: taps of the window, odd.
    std: standard deviation in pixels, > 0.
    boundary: rule, "reflect" (mirror, edge not repeated), "symmetric", "edge",
      "zero" or "renormalise".
    cutoff: singular values of an axis that count as zero, absolute.

  Returns:
    A `LinearOperator` from `[B, H, W, C]` to the same shape, with `svd`.

  Raises:
    ValueError: if an option is out of range.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.gaussian_blur((8, 8), kernel_size=5, std=1.0)
    >>> x = jnp.zeros((1, 8, 8, 1)).at[0, 4, 4, 0].set(1)
    >>> print(A.apply(x)[0, 4, 2:7, 0])
    [0.0219 0.0983 0.1621 0.0983 0.0219]
  """
  kernel = gaussian_kernel(kernel_size, std)
  offsets = np.arange(kernel_size) - kernel_size // 2

  def matrix(size: int) -> np.ndarray:
    neighbours = np.arange(size)[:, None] + offsets
    weights = np.broadcast_to(kernel, neighbours.shape)
    return matrices.boundary_matrix(size, neighbours, weights, boundary)

  return matrices.separable(
      matrix(shape[0]), matrix(shape[1]), cutoff=cutoff
  )


def gaussian_kernel(kernel_size: int, std: float) -> np.ndarray:
  """A sampled Gaussian of sum 1, cut at 4 standard deviations.

  Equal to scipy's `gaussian_filter` of an impulse where the window holds
  all taps within 4 standard deviations; a smaller window cuts the rest off
  and the sum is 1 again.

  Args:
    kernel_size: taps, odd.
    std: standard deviation in taps, > 0.

  Returns:
    `[kernel_size]`, float64.

  Raises:
    ValueError: if `kernel_size` is even or under 1, or `std` is not > 0.
  """
  if kernel_size < 1 or kernel_size % 2 == 0:
    raise ValueError(f"kernel_size must be odd, got {kernel_size}")
  if not std > 0:
    raise ValueError(f"std must be > 0, got {std}")
  offsets = np.arange(kernel_size) - kernel_size // 2
  weights = np.exp(-0.5 * (offsets / std) ** 2)
  weights[np.abs(offsets) > int(4.0 * std + 0.5)] = 0.0
  return weights / weights.sum()
