"""Sources: where what an experiment uses comes from; nothing is read before."""

from jaxguide.evaluation.sources.base import ConditionSource
from jaxguide.evaluation.sources.base import DataSource
from jaxguide.evaluation.sources.base import Member
from jaxguide.evaluation.sources.base import Network
from jaxguide.evaluation.sources.base import NetworkSource
from jaxguide.evaluation.sources.base import PriorSource
from jaxguide.evaluation.sources.conditions import ClassFolders
from jaxguide.evaluation.sources.conditions import EmbeddedLabels
from jaxguide.evaluation.sources.conditions import FixedLabel
from jaxguide.evaluation.sources.conditions import ImageConditions
from jaxguide.evaluation.sources.conditions import LabelFile
from jaxguide.evaluation.sources.conditions import LabelSource
from jaxguide.evaluation.sources.images import EmbeddedImages
from jaxguide.evaluation.sources.images import FolderImages
from jaxguide.evaluation.sources.images import NpzImages
from jaxguide.evaluation.sources.images import SplitImages
from jaxguide.evaluation.sources.masks import Masks
from jaxguide.evaluation.sources.networks import check
from jaxguide.evaluation.sources.networks import ConvertedExtractor
from jaxguide.evaluation.sources.networks import distance_network
from jaxguide.evaluation.sources.networks import EmbeddedExtractor
from jaxguide.evaluation.sources.networks import InstalledLpips
from jaxguide.evaluation.sources.priors import ConvertedPrior
from jaxguide.evaluation.sources.priors import EmbeddedPrior
from jaxguide.evaluation.sources.stand_ins import DrawnImages
from jaxguide.evaluation.sources.stand_ins import RandomEdmPrior
from jaxguide.evaluation.sources.stand_ins import RandomExtractor
from jaxguide.evaluation.sources.stand_ins import RandomLatentPrior
from jaxguide.evaluation.sources.stand_ins import RandomPrior

__all__ = [
    "ClassFolders",
    "ConditionSource",
    "ConvertedExtractor",
    "ConvertedPrior",
    "DataSource",
    "DrawnImages",
    "EmbeddedExtractor",
    "EmbeddedImages",
    "EmbeddedLabels",
    "EmbeddedPrior",
    "FixedLabel",
    "FolderImages",
    "ImageConditions",
    "InstalledLpips",
    "LabelFile",
    "LabelSource",
    "Masks",
    "Member",
    "Network",
    "NetworkSource",
    "NpzImages",
    "PriorSource",
    "RandomEdmPrior",
    "RandomExtractor",
    "RandomLatentPrior",
    "RandomPrior",
    "SplitImages",
    "check",
    "distance_network",
]
