"""Tasks: what is observed of an image. See `base.Task`."""

from jaxguide import exports
from jaxguide.evaluation.tasks.base import Inputs as Inputs
from jaxguide.evaluation.tasks.base import observe as observe
from jaxguide.evaluation.tasks.base import Problem as Problem
from jaxguide.evaluation.tasks.base import Task as Task
from jaxguide.evaluation.tasks.restoration import Colorization as Colorization
from jaxguide.evaluation.tasks.restoration import (
    GaussianDeblurring as GaussianDeblurring,
)
from jaxguide.evaluation.tasks.restoration import Inpainting as Inpainting
from jaxguide.evaluation.tasks.restoration import (
    SuperResolution as SuperResolution,
)
from jaxguide.evaluation.tasks.translation import COUNTERPART as COUNTERPART
from jaxguide.evaluation.tasks.translation import Translation as Translation

__all__ = exports.public_names(globals())
