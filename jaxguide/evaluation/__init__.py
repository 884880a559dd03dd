"""From an experiment to a folder of pictures, scores and tables.

`evaluate` runs an `Experiment`, `run_table` several, `load_row` reads one from
a table file; `score_outputs` scores what another program made; `write_table`,
`write_grid` and `Scorer` are of use alone.
"""

from jaxguide import exports
from jaxguide.evaluation.experiments import Experiment as Experiment
from jaxguide.evaluation.methods import Baseline as Baseline
from jaxguide.evaluation.methods import Ddim as Ddim
from jaxguide.evaluation.methods import Egsde as Egsde
from jaxguide.evaluation.methods import egsde_dagger as egsde_dagger
from jaxguide.evaluation.methods import egsde_published as egsde_published
from jaxguide.evaluation.methods import EnergySource as EnergySource
from jaxguide.evaluation.methods import Ilvr as Ilvr
from jaxguide.evaluation.methods import MeasurementEnergy as MeasurementEnergy
from jaxguide.evaluation.methods import Method as Method
from jaxguide.evaluation.methods import SdEdit as SdEdit
from jaxguide.evaluation.methods import Steered as Steered
from jaxguide.evaluation.methods import steered_paper as steered_paper
from jaxguide.evaluation.methods import steered_released as steered_released
from jaxguide.evaluation.methods import Vipaint as Vipaint
from jaxguide.evaluation.methods import vipaint_edm as vipaint_edm
from jaxguide.evaluation.methods import (
    vipaint_imagenet256 as vipaint_imagenet256,
)
from jaxguide.evaluation.methods import vipaint_lsun256 as vipaint_lsun256
from jaxguide.evaluation.overrides import OverrideError as OverrideError
from jaxguide.evaluation.pictures import Cell as Cell
from jaxguide.evaluation.pictures import write_grid as write_grid
from jaxguide.evaluation.reporting.comparison import compare as compare
from jaxguide.evaluation.reporting.reports import Report as Report
from jaxguide.evaluation.runner import evaluate as evaluate
from jaxguide.evaluation.runner import score_outputs as score_outputs
from jaxguide.evaluation.scoring import score as score
from jaxguide.evaluation.scoring import Scorer as Scorer
from jaxguide.evaluation.set_scores import FolderPictures as FolderPictures
from jaxguide.evaluation.set_scores import RunImages as RunImages
from jaxguide.evaluation.set_scores import SourceImages as SourceImages
from jaxguide.evaluation.set_scores import StatisticsFile as StatisticsFile
from jaxguide.evaluation.sources import ClassFolders as ClassFolders
from jaxguide.evaluation.sources import ConditionSource as ConditionSource
from jaxguide.evaluation.sources import ConvertedExtractor as ConvertedExtractor
from jaxguide.evaluation.sources import ConvertedPrior as ConvertedPrior
from jaxguide.evaluation.sources import DataSource as DataSource
from jaxguide.evaluation.sources import DrawnImages as DrawnImages
from jaxguide.evaluation.sources import EmbeddedExtractor as EmbeddedExtractor
from jaxguide.evaluation.sources import EmbeddedImages as EmbeddedImages
from jaxguide.evaluation.sources import EmbeddedLabels as EmbeddedLabels
from jaxguide.evaluation.sources import EmbeddedPrior as EmbeddedPrior
from jaxguide.evaluation.sources import FixedLabel as FixedLabel
from jaxguide.evaluation.sources import FolderImages as FolderImages
from jaxguide.evaluation.sources import InstalledLpips as InstalledLpips
from jaxguide.evaluation.sources import LabelFile as LabelFile
from jaxguide.evaluation.sources import LabelSource as LabelSource
from jaxguide.evaluation.sources import Masks as Masks
from jaxguide.evaluation.sources import NetworkSource as NetworkSource
from jaxguide.evaluation.sources import NpzImages as NpzImages
from jaxguide.evaluation.sources import PriorSource as PriorSource
from jaxguide.evaluation.sources import SplitImages as SplitImages
from jaxguide.evaluation.store import StoreError as StoreError
from jaxguide.evaluation.table_files import load_row as load_row
from jaxguide.evaluation.table_files import Table as Table
from jaxguide.evaluation.table_files import TableFileError as TableFileError
from jaxguide.evaluation.table_runs import run_table as run_table
from jaxguide.evaluation.table_runs import TableReport as TableReport
from jaxguide.evaluation.tables import Estimate as Estimate
from jaxguide.evaluation.tables import estimate as estimate
from jaxguide.evaluation.tables import Published as Published
from jaxguide.evaluation.tables import published as published
from jaxguide.evaluation.tables import Row as Row
from jaxguide.evaluation.tables import write_table as write_table
from jaxguide.evaluation.tasks import Colorization as Colorization
from jaxguide.evaluation.tasks import GaussianDeblurring as GaussianDeblurring
from jaxguide.evaluation.tasks import Inpainting as Inpainting
from jaxguide.evaluation.tasks import SuperResolution as SuperResolution
from jaxguide.evaluation.tasks import Task as Task
from jaxguide.evaluation.tasks import Translation as Translation

__all__ = exports.public_names(globals())
