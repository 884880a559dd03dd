"""Forward operators: what was observed of an image, and the way back.

Every operator is made of pure functions on `[B, H, W, C]`, safe under jit,
vmap and grad; factories may be called inside jit. An `Operator` has `apply`
alone, a `LinearOperator` its adjoint and pseudo-inverse too.
"""

from jaxguide import exports
from jaxguide.operators import lifts
from jaxguide.operators._high_dynamic_range import (
    high_dynamic_range as high_dynamic_range,
)
from jaxguide.operators._identity import identity as identity
from jaxguide.operators._lowpass import lowpass as lowpass
from jaxguide.operators.base import check_linear as check_linear
from jaxguide.operators.base import LinearOperator as LinearOperator
from jaxguide.operators.base import Observation as Observation
from jaxguide.operators.base import Operator as Operator
from jaxguide.operators.base import Rotation as Rotation
from jaxguide.operators.base import Svd as Svd
from jaxguide.operators.blur import gaussian_blur as gaussian_blur
from jaxguide.operators.color import colorization as colorization
from jaxguide.operators.color import ycbcr_swap as ycbcr_swap
from jaxguide.operators.composition import compose as compose
from jaxguide.operators.composition import least_squares as least_squares
from jaxguide.operators.masking import inpainting as inpainting
from jaxguide.operators.matrices import separable as separable
from jaxguide.operators.pooling import average_pool as average_pool
from jaxguide.operators.resize import bicubic as bicubic

__all__ = exports.public_names(globals(), "lifts")
