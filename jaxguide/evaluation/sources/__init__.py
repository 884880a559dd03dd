"""Sources: where what an experiment uses comes from; nothing is read before."""

from jaxguide import exports
from jaxguide.evaluation.sources.base import ConditionSource as ConditionSource
from jaxguide.evaluation.sources.base import DataSource as DataSource
from jaxguide.evaluation.sources.base import Member as Member
from jaxguide.evaluation.sources.base import Network as Network
from jaxguide.evaluation.sources.base import NetworkSource as NetworkSource
from jaxguide.evaluation.sources.base import PriorSource as PriorSource
from jaxguide.evaluation.sources.conditions import ClassFolders as ClassFolders
from jaxguide.evaluation.sources.conditions import (
    EmbeddedLabels as EmbeddedLabels,
)
from jaxguide.evaluation.sources.conditions import FixedLabel as FixedLabel
from jaxguide.evaluation.sources.conditions import (
    ImageConditions as ImageConditions,
)
from jaxguide.evaluation.sources.conditions import LabelFile as LabelFile
from jaxguide.evaluation.sources.conditions import LabelSource as LabelSource
from jaxguide.evaluation.sources.images import EmbeddedImages as EmbeddedImages
from jaxguide.evaluation.sources.images import FolderImages as FolderImages
from jaxguide.evaluation.sources.images import NpzImages as NpzImages
from jaxguide.evaluation.sources.images import SplitImages as SplitImages
from jaxguide.evaluation.sources.masks import Masks as Masks
from jaxguide.evaluation.sources.networks import check as check
from jaxguide.evaluation.sources.networks import (
    ConvertedExtractor as ConvertedExtractor,
)
from jaxguide.evaluation.sources.networks import (
    distance_network as distance_network,
)
from jaxguide.evaluation.sources.networks import (
    EmbeddedExtractor as EmbeddedExtractor,
)
from jaxguide.evaluation.sources.networks import (
    InstalledLpips as InstalledLpips,
)
from jaxguide.evaluation.sources.priors import ConvertedPrior as ConvertedPrior
from jaxguide.evaluation.sources.priors import EmbeddedPrior as EmbeddedPrior
from jaxguide.evaluation.sources.stand_ins import DrawnImages as DrawnImages
from jaxguide.evaluation.sources.stand_ins import (
    RandomEdmPrior as RandomEdmPrior,
)
from jaxguide.evaluation.sources.stand_ins import (
    RandomExtractor as RandomExtractor,
)
from jaxguide.evaluation.sources.stand_ins import (
    RandomLatentPrior as RandomLatentPrior,
)
from jaxguide.evaluation.sources.stand_ins import RandomPrior as RandomPrior

__all__ = exports.public_names(globals())
