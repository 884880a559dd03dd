"""Tasks: what is observed of an image. See `base.Task`."""

from jaxguide.evaluation.tasks.base import Inputs
from jaxguide.evaluation.tasks.base import observe
from jaxguide.evaluation.tasks.base import Problem
from jaxguide.evaluation.tasks.base import Task
from jaxguide.evaluation.tasks.restoration import Colorization
from jaxguide.evaluation.tasks.restoration import GaussianDeblurring
from jaxguide.evaluation.tasks.restoration import Inpainting
from jaxguide.evaluation.tasks.restoration import SuperResolution
from jaxguide.evaluation.tasks.translation import COUNTERPART
from jaxguide.evaluation.tasks.translation import Translation

__all__ = [
    "COUNTERPART",
    "Colorization",
    "GaussianDeblurring",
    "Inpainting",
    "Inputs",
    "Problem",
    "SuperResolution",
    "Task",
    "Translation",
    "observe",
]
