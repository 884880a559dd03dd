"""Forward operators: what was observed of an image, and the way back.

Every operator is an `Operator` of pure functions on `[B, H, W, C]`, safe
under jit, vmap and grad; factories may be called inside jit.
"""

from jaxguide.operators import lifts
from jaxguide.operators._identity import identity
from jaxguide.operators._lowpass import lowpass
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
    "Observation",
    "Operator",
    "Rotation",
    "Svd",
    "average_pool",
    "bicubic",
    "colorization",
    "compose",
    "gaussian_blur",
    "identity",
    "inpainting",
    "least_squares",
    "lifts",
    "lowpass",
    "separable",
    "ycbcr_swap",
]
