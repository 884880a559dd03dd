"""Metrics: numbers per image and per set, with signatures."""

from jaxguide.metrics.aggregation import from_json
from jaxguide.metrics.aggregation import SetSummary
from jaxguide.metrics.aggregation import summarise
from jaxguide.metrics.domain import domain_metric
from jaxguide.metrics.feature_sets import FeatureSet
from jaxguide.metrics.feature_sets import inception_features
from jaxguide.metrics.feature_sets import trunk_features
from jaxguide.metrics.frechet import frechet_distance
from jaxguide.metrics.kernel import kernel_distance
from jaxguide.metrics.kernel import KernelDistance
from jaxguide.metrics.metric import against
from jaxguide.metrics.metric import consistency_metric
from jaxguide.metrics.metric import l1_metric
from jaxguide.metrics.metric import l2_metric
from jaxguide.metrics.metric import Metric
from jaxguide.metrics.metric import mse_metric
from jaxguide.metrics.metric import psnr_metric
from jaxguide.metrics.metric import ssim_metric
from jaxguide.metrics.moments import empty_moments
from jaxguide.metrics.moments import Gaussian
from jaxguide.metrics.moments import Moments
from jaxguide.metrics.perceptual import installed_lpips
from jaxguide.metrics.perceptual import lpips_metric
from jaxguide.metrics.pixelwise import l1
from jaxguide.metrics.pixelwise import l2
from jaxguide.metrics.pixelwise import mse
from jaxguide.metrics.pixelwise import psnr
from jaxguide.metrics.preprocessing import Preprocessing
from jaxguide.metrics.published import egsde_metrics
from jaxguide.metrics.published import vipaint_metrics
from jaxguide.metrics.quantisation import quantise
from jaxguide.metrics.samples import feature_sample
from jaxguide.metrics.samples import FeatureSample
from jaxguide.metrics.set_metric import frechet_metric
from jaxguide.metrics.set_metric import installed_inception
from jaxguide.metrics.set_metric import installed_trunk
from jaxguide.metrics.set_metric import kernel_metric
from jaxguide.metrics.set_metric import SetMetric
from jaxguide.metrics.set_metric import SetValue
from jaxguide.metrics.statistics_files import load_gaussian
from jaxguide.metrics.statistics_files import load_moments
from jaxguide.metrics.statistics_files import load_sample
from jaxguide.metrics.statistics_files import save_gaussian
from jaxguide.metrics.statistics_files import save_moments
from jaxguide.metrics.statistics_files import save_sample
from jaxguide.metrics.statistics_files import StatisticsError
from jaxguide.metrics.streaming import stream_moments
from jaxguide.metrics.structural import ssim
from jaxguide.metrics.structural import SsimOptions

# The signatures of the two metrics with their defaults.
PSNR_SIGNATURE = psnr_metric().signature
SSIM_SIGNATURE = ssim_metric().signature

__all__ = [
    "FeatureSample",
    "FeatureSet",
    "Gaussian",
    "KernelDistance",
    "Metric",
    "Moments",
    "PSNR_SIGNATURE",
    "Preprocessing",
    "SSIM_SIGNATURE",
    "SetMetric",
    "SetSummary",
    "SetValue",
    "SsimOptions",
    "StatisticsError",
    "against",
    "consistency_metric",
    "domain_metric",
    "egsde_metrics",
    "empty_moments",
    "feature_sample",
    "frechet_distance",
    "frechet_metric",
    "from_json",
    "inception_features",
    "installed_inception",
    "installed_lpips",
    "installed_trunk",
    "kernel_distance",
    "kernel_metric",
    "l1",
    "l1_metric",
    "l2",
    "l2_metric",
    "load_gaussian",
    "load_moments",
    "load_sample",
    "lpips_metric",
    "mse",
    "mse_metric",
    "psnr",
    "psnr_metric",
    "quantise",
    "save_gaussian",
    "save_moments",
    "save_sample",
    "ssim",
    "ssim_metric",
    "stream_moments",
    "summarise",
    "trunk_features",
    "vipaint_metrics",
]
