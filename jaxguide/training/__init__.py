"""Training: kinds of it, one trainer that runs and exports them all.

`train` runs what a configuration describes in a folder, or goes on with an
interrupted run, exactly as if it had not been interrupted; `export` makes a
model directory of it. A configuration is an object of one of the kinds of
`recipes`; a new kind derives from `Training` or `AveragedTraining`. Where
the images come from is part of it, an `ImageSource` (`data.training_images`
has them).
"""

from jaxguide.training.image_sets import ImageSet
from jaxguide.training.image_sets import ImageSource
from jaxguide.training.image_sets import Splits
from jaxguide.training.options import Option
from jaxguide.training.recipes.autoencoder import AutoencoderTraining
from jaxguide.training.recipes.averaged import AveragedTraining
from jaxguide.training.recipes.averaged import Objective
from jaxguide.training.recipes.domain_classifier import ClassifierTraining
from jaxguide.training.recipes.edm_prior import EdmPriorTraining
from jaxguide.training.recipes.eps_prior import EpsPriorTraining
from jaxguide.training.recipes.latent_prior import LatentPriorTraining
from jaxguide.training.trainer import export
from jaxguide.training.trainer import train
from jaxguide.training.training_files import beside
from jaxguide.training.training_files import load
from jaxguide.training.trainings import Given
from jaxguide.training.trainings import Measurement
from jaxguide.training.trainings import Pictures
from jaxguide.training.trainings import Session
from jaxguide.training.trainings import Training

__all__ = [
    "AutoencoderTraining",
    "AveragedTraining",
    "ClassifierTraining",
    "EdmPriorTraining",
    "EpsPriorTraining",
    "Given",
    "ImageSet",
    "ImageSource",
    "LatentPriorTraining",
    "Measurement",
    "Objective",
    "Option",
    "Pictures",
    "Session",
    "Splits",
    "Training",
    "beside",
    "export",
    "load",
    "train",
]
