"""Every operator of the package, for the contract test.

`CASES` has an entry for every public factory of `jaxguide.operators` that
returns an operator.
"""

from collections.abc import Callable
import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxguide import operators
from tests import discovered

BATCH = 8


@dataclasses.dataclass(frozen=True)
class Case:
  """One operator and what may be asked of it.

  Attributes:
    name: for the test's id.
    make: function `(images) -> Operator`; `images` are the indices of a
      batch, since masks differ from image to image.
    shape: (H, W, C) of an image.
    residual: bound of |A A^+ A x - A x| / |x|; 0 where the pseudo-inverse is
      exact, the cut-off where small singular values are left out.
    linear_inverse: False where A^+ is an iteration stopped early.
    linear: False for an `Operator` that is no `LinearOperator`: the part of
      the contract about adjoints and inverses does not concern it.
    any_shape: True where x of any shape is accepted.
  """

  name: str
  make: Callable[[np.ndarray], operators.Operator]
  shape: tuple[int, int, int] = (16, 16, 3)
  residual: float = 0.0
  linear_inverse: bool = True
  linear: bool = True
  any_shape: bool = False


def _mask(images, shape, soft=False):
  """Image n's mask depends on n alone."""
  masks = []
  for n in images:
    draw = np.random.default_rng([7, int(n)]).random(shape)
    if soft:
      # From 0.1: the pseudo-inverse divides, float32 has to survive it.
      masks.append(np.where(draw < 0.3, 0.0, 0.1 + 0.9 * draw))
    else:
      masks.append(draw < 0.5)
  return jnp.asarray(np.stack(masks), jnp.float32)


def _rank_deficient():
  rng = np.random.default_rng(3)
  return rng.normal(size=(7, 4)) @ rng.normal(size=(4, 16)) / 8


def _wide(rows, cols, seed):
  return np.random.default_rng(seed).normal(size=(rows, cols)) / np.sqrt(cols)


CASES: dict[str, tuple[Case, ...]] = {
    "identity": (
        Case("identity", lambda n: operators.identity(), any_shape=True),
    ),
    "inpainting": (
        Case(
            "inpainting", lambda n: operators.inpainting(_mask(n, (16, 16, 1)))
        ),
        Case(
            "inpainting_shared",
            lambda n: operators.inpainting(_mask([0], (16, 16, 1))),
        ),
        Case(
            "inpainting_soft",
            lambda n: operators.inpainting(_mask(n, (16, 16, 3), soft=True)),
        ),
        Case(
            "inpainting_vectors",
            lambda n: operators.inpainting(_mask(n, (4, 16, 3))),
            shape=(4, 16, 3),
        ),
    ),
    "colorization": (
        Case("colorization", lambda n: operators.colorization()),
        Case(
            "colorization_grey",
            lambda n: operators.colorization((0.3333, 0.3334, 0.3333)),
        ),
    ),
    "average_pool": (
        Case("average_pool_1", lambda n: operators.average_pool((16, 16), 1)),
        Case("average_pool_2", lambda n: operators.average_pool((16, 16), 2)),
        Case(
            "average_pool_4",
            lambda n: operators.average_pool((8, 12), 4),
            shape=(8, 12, 3),
        ),
        Case("average_pool_8", lambda n: operators.average_pool((16, 16), 8)),
    ),
    "bicubic": (
        Case("bicubic_2", lambda n: operators.bicubic((16, 16), 2)),
        Case(
            "bicubic_4",
            lambda n: operators.bicubic((16, 24), 4),
            shape=(16, 24, 1),
        ),
        Case(
            "bicubic_8",
            lambda n: operators.bicubic((32, 32), 8),
            shape=(32, 32, 3),
        ),
        Case(
            "bicubic_released",
            lambda n: operators.bicubic(
                (16, 16), 4, boundary="zero", axes="width"
            ),
        ),
        Case(
            "bicubic_released_2",
            lambda n: operators.bicubic(
                (16, 16), 2, boundary="zero", axes="width"
            ),
        ),
        Case(
            "bicubic_released_8",
            lambda n: operators.bicubic(
                (16, 32), 8, boundary="zero", axes="width"
            ),
            shape=(16, 32, 3),
        ),
        Case(
            "bicubic_reflect",
            lambda n: operators.bicubic((16, 16), 4, boundary="reflect"),
        ),
        Case(
            "bicubic_edge",
            lambda n: operators.bicubic((16, 16), 4, boundary="edge"),
        ),
        Case(
            "bicubic_renormalise",
            lambda n: operators.bicubic((16, 16), 4, boundary="renormalise"),
        ),
    ),
    "lowpass": (
        Case("lowpass_linear_4", lambda n: operators.lowpass(16, 4)),
        Case(
            "lowpass_linear_8",
            lambda n: operators.lowpass((32, 24), 8),
            shape=(32, 24, 3),
        ),
        Case(
            "lowpass_cubic_8",
            lambda n: operators.lowpass(32, 8, "cubic"),
            shape=(32, 32, 3),
        ),
    ),
    "gaussian_blur": (
        Case(
            "gaussian_blur",
            lambda n: operators.gaussian_blur((32, 32)),
            shape=(32, 32, 3),
            residual=0.03,
        ),
        Case(
            "gaussian_blur_small",
            lambda n: operators.gaussian_blur(
                (16, 12), kernel_size=5, std=0.6, boundary="zero", cutoff=0.0
            ),
            shape=(16, 12, 3),
        ),
    ),
    "separable": (
        Case(
            "separable",
            lambda n: operators.separable(_wide(5, 16, 1), _wide(9, 16, 2)),
        ),
        Case(
            "separable_rank_deficient",
            lambda n: operators.separable(_rank_deficient(), np.eye(16)),
        ),
    ),
    "compose": (
        Case(
            "mask_after_pool",
            lambda n: operators.compose(
                operators.inpainting(_mask(n, (4, 4, 1))),
                operators.average_pool((16, 16), 4),
                num_iters=4,
            ),
        ),
        Case(
            "mask_after_pool_product",
            lambda n: operators.compose(
                operators.inpainting(_mask(n, (4, 4, 1))),
                operators.average_pool((16, 16), 4),
                pseudo_inverse="product",
            ),
        ),
        Case(
            "luma_after_bicubic",
            lambda n: operators.compose(
                operators.colorization(), operators.bicubic((16, 16), 4)
            ),
        ),
        Case(
            "mask_after_blur",
            lambda n: operators.compose(
                operators.inpainting(_mask(n, (16, 16, 1))),
                operators.gaussian_blur((16, 16), kernel_size=9, std=1.0),
                num_iters=20,
            ),
            residual=0.03,
            linear_inverse=False,
        ),
        Case(
            "blur_after_saturation",
            lambda n: operators.compose(
                operators.gaussian_blur((16, 16), kernel_size=9, std=1.0),
                operators.high_dynamic_range(),
            ),
            linear=False,
        ),
        Case(
            "mask_after_a_network",
            lambda n: operators.compose(
                operators.inpainting(_mask(n, (16, 16, 1))), jnp.tanh
            ),
            linear=False,
        ),
    ),
    "high_dynamic_range": (
        Case(
            "high_dynamic_range",
            lambda n: operators.high_dynamic_range(),
            linear=False,
            any_shape=True,
        ),
    ),
}

# Files beside this one that are called `foo_cases.py` have a `CASES` too.
for _module in discovered.modules(__file__, "*_cases.py"):
  CASES |= _module.CASES

ALL = tuple(case for group in CASES.values() for case in group)
LINEAR = tuple(case for case in ALL if case.linear)
