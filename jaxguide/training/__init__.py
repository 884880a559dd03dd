"""Training: kinds of it, one trainer that runs and exports them all.

`train` runs what a configuration describes in a folder, or goes on with an
interrupted run, exactly as if it had not been interrupted; `export` makes a
model directory of it. A configuration is an object of one of the kinds of
`recipes`; a new kind derives from `Training` or `AveragedTraining`. Where
the images come from is part of it, an `ImageSource` (`data.training_images`
has them).
"""

from jaxguide import exports
from jaxguide.training.image_sets import ImageSet as ImageSet
from jaxguide.training.image_sets import ImageSource as ImageSource
from jaxguide.training.image_sets import Splits as Splits
from jaxguide.training.options import Option as Option
from jaxguide.training.recipes.autoencoder import (
    AutoencoderTraining as AutoencoderTraining,
)
from jaxguide.training.recipes.averaged import (
    AveragedTraining as AveragedTraining,
)
from jaxguide.training.recipes.averaged import Objective as Objective
from jaxguide.training.recipes.domain_classifier import (
    ClassifierTraining as ClassifierTraining,
)
from jaxguide.training.recipes.edm_prior import (
    EdmPriorTraining as EdmPriorTraining,
)
from jaxguide.training.recipes.eps_prior import (
    EpsPriorTraining as EpsPriorTraining,
)
from jaxguide.training.recipes.latent_prior import (
    LatentPriorTraining as LatentPriorTraining,
)
from jaxguide.training.trainer import export as export
from jaxguide.training.trainer import train as train
from jaxguide.training.training_files import beside as beside
from jaxguide.training.training_files import load as load
from jaxguide.training.trainings import Given as Given
from jaxguide.training.trainings import Measurement as Measurement
from jaxguide.training.trainings import Pictures as Pictures
from jaxguide.training.trainings import Session as Session
from jaxguide.training.trainings import Training as Training

__all__ = exports.public_names(globals())
