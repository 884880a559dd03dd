"""The identity: denoising."""

import numpy as np

from jaxguide.operators import base


def identity() -> base.LinearOperator:
  """A = I, for images of any shape: y is the noisy image itself.

  Returns:
    A `LinearOperator`; `pseudo_inverse` is exact, all singular values are 1.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> x = jnp.arange(4.0).reshape(1, 2, 2, 1)
    >>> bool((operators.identity().apply(x) == x).all())
    True
  """
  rotation = base.identity_rotation()
  svd = base.Svd(rotation, rotation, np.ones((1, 1, 1, 1), np.float32))
  return base.LinearOperator(
      apply=lambda x: x,
      adjoint=lambda y: y,
      pseudo_inverse=lambda y: y,
      svd=svd,
      prox=base.svd_prox(svd),
  )
