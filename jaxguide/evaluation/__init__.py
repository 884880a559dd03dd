"""From an experiment to a folder of pictures, scores and tables.

`evaluate` runs an `Experiment`, `run_table` several, `load_row` reads one from
a table file; `score_outputs` scores what another program made; `write_table`,
`write_grid` and `Scorer` are of use alone.
"""

from jaxguide.evaluation.experiments import Experiment
from jaxguide.evaluation.methods import Baseline
from jaxguide.evaluation.methods import Ddim
from jaxguide.evaluation.methods import Egsde
from jaxguide.evaluation.methods import egsde_dagger
from jaxguide.evaluation.methods import egsde_published
from jaxguide.evaluation.methods import EnergySource
from jaxguide.evaluation.methods import Ilvr
from jaxguide.evaluation.methods import MeasurementEnergy
from jaxguide.evaluation.methods import Method
from jaxguide.evaluation.methods import SdEdit
from jaxguide.evaluation.methods import Steered
from jaxguide.evaluation.methods import steered_paper
from jaxguide.evaluation.methods import steered_released
from jaxguide.evaluation.methods import Vipaint
from jaxguide.evaluation.methods import vipaint_edm
from jaxguide.evaluation.methods import vipaint_imagenet256
from jaxguide.evaluation.methods import vipaint_lsun256
from jaxguide.evaluation.overrides import OverrideError
from jaxguide.evaluation.pictures import Cell
from jaxguide.evaluation.pictures import write_grid
from jaxguide.evaluation.reporting.comparison import compare
from jaxguide.evaluation.reporting.reports import Report
from jaxguide.evaluation.runner import evaluate
from jaxguide.evaluation.runner import score_outputs
from jaxguide.evaluation.scoring import score
from jaxguide.evaluation.scoring import Scorer
from jaxguide.evaluation.set_scores import FolderPictures
from jaxguide.evaluation.set_scores import RunImages
from jaxguide.evaluation.set_scores import SourceImages
from jaxguide.evaluation.set_scores import StatisticsFile
from jaxguide.evaluation.sources import ClassFolders
from jaxguide.evaluation.sources import ConditionSource
from jaxguide.evaluation.sources import ConvertedExtractor
from jaxguide.evaluation.sources import ConvertedPrior
from jaxguide.evaluation.sources import DataSource
from jaxguide.evaluation.sources import DrawnImages
from jaxguide.evaluation.sources import EmbeddedExtractor
from jaxguide.evaluation.sources import EmbeddedImages
from jaxguide.evaluation.sources import EmbeddedLabels
from jaxguide.evaluation.sources import EmbeddedPrior
from jaxguide.evaluation.sources import FixedLabel
from jaxguide.evaluation.sources import FolderImages
from jaxguide.evaluation.sources import InstalledLpips
from jaxguide.evaluation.sources import LabelFile
from jaxguide.evaluation.sources import LabelSource
from jaxguide.evaluation.sources import Masks
from jaxguide.evaluation.sources import NetworkSource
from jaxguide.evaluation.sources import NpzImages
from jaxguide.evaluation.sources import PriorSource
from jaxguide.evaluation.sources import SplitImages
from jaxguide.evaluation.store import StoreError
from jaxguide.evaluation.table_files import load_row
from jaxguide.evaluation.table_files import Table
from jaxguide.evaluation.table_files import TableFileError
from jaxguide.evaluation.table_runs import run_table
from jaxguide.evaluation.table_runs import TableReport
from jaxguide.evaluation.tables import Estimate
from jaxguide.evaluation.tables import estimate
from jaxguide.evaluation.tables import Published
from jaxguide.evaluation.tables import published
from jaxguide.evaluation.tables import Row
from jaxguide.evaluation.tables import write_table
from jaxguide.evaluation.tasks import Colorization
from jaxguide.evaluation.tasks import GaussianDeblurring
from jaxguide.evaluation.tasks import Inpainting
from jaxguide.evaluation.tasks import SuperResolution
from jaxguide.evaluation.tasks import Task
from jaxguide.evaluation.tasks import Translation

__all__ = [
    "Baseline",
    "Cell",
    "ClassFolders",
    "Colorization",
    "ConditionSource",
    "ConvertedExtractor",
    "ConvertedPrior",
    "DataSource",
    "Ddim",
    "DrawnImages",
    "Egsde",
    "EmbeddedExtractor",
    "EmbeddedImages",
    "EmbeddedLabels",
    "EmbeddedPrior",
    "EnergySource",
    "Estimate",
    "Experiment",
    "FixedLabel",
    "FolderImages",
    "FolderPictures",
    "GaussianDeblurring",
    "Ilvr",
    "Inpainting",
    "InstalledLpips",
    "LabelFile",
    "LabelSource",
    "Masks",
    "MeasurementEnergy",
    "Method",
    "NetworkSource",
    "NpzImages",
    "OverrideError",
    "PriorSource",
    "Published",
    "Report",
    "Row",
    "RunImages",
    "Scorer",
    "SdEdit",
    "SourceImages",
    "SplitImages",
    "StatisticsFile",
    "Steered",
    "StoreError",
    "SuperResolution",
    "Table",
    "TableFileError",
    "TableReport",
    "Task",
    "Translation",
    "Vipaint",
    "compare",
    "egsde_dagger",
    "egsde_published",
    "estimate",
    "evaluate",
    "load_row",
    "published",
    "run_table",
    "score",
    "score_outputs",
    "steered_paper",
    "steered_released",
    "vipaint_edm",
    "vipaint_imagenet256",
    "vipaint_lsun256",
    "write_grid",
    "write_table",
]
