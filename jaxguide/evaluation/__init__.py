"""From an experiment to a folder of pictures, scores and tables.

`evaluate` runs a `config.Experiment`; `score_outputs` scores what another
program made; `write_table`, `write_grid` and `Scorer` are of use alone.
"""

from jaxguide.evaluation.comparison import compare
from jaxguide.evaluation.config import ConfigError
from jaxguide.evaluation.config import Experiment
from jaxguide.evaluation.deblurring import GaussianDeblurring
from jaxguide.evaluation.labels import ClassFolders
from jaxguide.evaluation.labels import EmbeddedLabels
from jaxguide.evaluation.labels import FixedLabel
from jaxguide.evaluation.labels import LabelFile
from jaxguide.evaluation.latent_sources import EmbeddedLatentPrior
from jaxguide.evaluation.latent_sources import LatentPrior
from jaxguide.evaluation.methods import Ddim
from jaxguide.evaluation.methods import Degraded
from jaxguide.evaluation.methods import Steered
from jaxguide.evaluation.methods import steered_paper
from jaxguide.evaluation.methods import steered_released
from jaxguide.evaluation.pictures import Cell
from jaxguide.evaluation.pictures import write_grid
from jaxguide.evaluation.reports import Report
from jaxguide.evaluation.runner import evaluate
from jaxguide.evaluation.runner import score_outputs
from jaxguide.evaluation.scoring import score
from jaxguide.evaluation.scoring import Scorer
from jaxguide.evaluation.set_scores import FolderPictures
from jaxguide.evaluation.set_scores import RunImages
from jaxguide.evaluation.set_scores import SourceImages
from jaxguide.evaluation.set_scores import StatisticsFile
from jaxguide.evaluation.store import StoreError
from jaxguide.evaluation.tables import Estimate
from jaxguide.evaluation.tables import estimate
from jaxguide.evaluation.tables import Published
from jaxguide.evaluation.tables import published
from jaxguide.evaluation.tables import Row
from jaxguide.evaluation.tables import write_table
from jaxguide.evaluation.tasks import Colorization
from jaxguide.evaluation.tasks import Inpainting
from jaxguide.evaluation.tasks import SuperResolution
from jaxguide.evaluation.translation import Translation
from jaxguide.evaluation.translation_methods import Egsde
from jaxguide.evaluation.translation_methods import egsde_dagger
from jaxguide.evaluation.translation_methods import egsde_published
from jaxguide.evaluation.translation_methods import Ilvr
from jaxguide.evaluation.translation_methods import SdEdit
from jaxguide.evaluation.vipaint_method import Vipaint

__all__ = [
    "Cell",
    "ClassFolders",
    "Colorization",
    "ConfigError",
    "Ddim",
    "Degraded",
    "Egsde",
    "EmbeddedLabels",
    "EmbeddedLatentPrior",
    "Estimate",
    "Experiment",
    "FixedLabel",
    "FolderPictures",
    "GaussianDeblurring",
    "Ilvr",
    "Inpainting",
    "LabelFile",
    "LatentPrior",
    "Published",
    "Report",
    "Row",
    "RunImages",
    "Scorer",
    "SdEdit",
    "SourceImages",
    "StatisticsFile",
    "Steered",
    "StoreError",
    "SuperResolution",
    "Translation",
    "Vipaint",
    "compare",
    "egsde_dagger",
    "egsde_published",
    "estimate",
    "evaluate",
    "published",
    "score",
    "score_outputs",
    "steered_paper",
    "steered_released",
    "write_grid",
    "write_table",
]
