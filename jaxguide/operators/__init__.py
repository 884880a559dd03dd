"""Forward operators: what was observed of an image, and the way back.

Every operator is made of pure functions on `[B, H, W, C]`, safe under jit,
vmap and grad; factories may be called inside jit. An `Operator` has `apply`
alone, a `LinearOperator` its adjoint and pseudo-inverse too.
"""

from jaxguide.operators import lifts
from jaxguide.operators._high_dynamic_range import high_dynamic_range
from jaxguide.operators._identity import identity
from jaxguide.operators._lowpass import lowpass
from jaxguide.operators.base import check_linear
from jaxguide.operators.base import LinearOperator
from jaxguide.operators.base import Observation
from jaxguide.operators.base import Operator
from jaxguide.operators.base import Rotation
from jaxguide.operators.base import Svd
from jaxguide.operators.blur import gaussian_blur
from jaxguide.operators.color import colorization
from jaxguide.operators.color import ycbcr_swap
from jaxguide.operators.composition import compose
from jaxguide.operators.composition import least_squares
from jaxguide.operators.masking import inpainting
from jaxguide.operators.matrices import separable
from jaxguide.operators.pooling import average_pool
from jaxguide.operators.resize import bicubic

__all__ = [
    "LinearOperator",
    "Observation",
    "Operator",
    "Rotation",
    "Svd",
    "average_pool",
    "bicubic",
    "check_linear",
    "colorization",
    "compose",
    "gaussian_blur",
    "high_dynamic_range",
    "identity",
    "inpainting",
    "least_squares",
    "lifts",
    "lowpass",
    "separable",
    "ycbcr_swap",
]
