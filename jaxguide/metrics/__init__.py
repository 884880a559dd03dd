"""Metrics: numbers per image and per set, with signatures."""

from jaxguide import exports
from jaxguide.metrics.aggregation import from_json as from_json
from jaxguide.metrics.aggregation import SetSummary as SetSummary
from jaxguide.metrics.aggregation import summarise as summarise
from jaxguide.metrics.domain import domain_metric as domain_metric
from jaxguide.metrics.feature_sets import FeatureSet as FeatureSet
from jaxguide.metrics.feature_sets import (
    inception_features as inception_features,
)
from jaxguide.metrics.feature_sets import trunk_features as trunk_features
from jaxguide.metrics.frechet import frechet_distance as frechet_distance
from jaxguide.metrics.kernel import kernel_distance as kernel_distance
from jaxguide.metrics.kernel import KernelDistance as KernelDistance
from jaxguide.metrics.metric import against as against
from jaxguide.metrics.metric import consistency_metric as consistency_metric
from jaxguide.metrics.metric import l1_metric as l1_metric
from jaxguide.metrics.metric import l2_metric as l2_metric
from jaxguide.metrics.metric import Metric as Metric
from jaxguide.metrics.metric import mse_metric as mse_metric
from jaxguide.metrics.metric import psnr_metric as psnr_metric
from jaxguide.metrics.metric import ssim_metric as ssim_metric
from jaxguide.metrics.moments import empty_moments as empty_moments
from jaxguide.metrics.moments import Gaussian as Gaussian
from jaxguide.metrics.moments import Moments as Moments
from jaxguide.metrics.perceptual import installed_lpips as installed_lpips
from jaxguide.metrics.perceptual import lpips_metric as lpips_metric
from jaxguide.metrics.pixelwise import l1 as l1
from jaxguide.metrics.pixelwise import l2 as l2
from jaxguide.metrics.pixelwise import mse as mse
from jaxguide.metrics.pixelwise import psnr as psnr
from jaxguide.metrics.preprocessing import Preprocessing as Preprocessing
from jaxguide.metrics.published import egsde_metrics as egsde_metrics
from jaxguide.metrics.published import vipaint_metrics as vipaint_metrics
from jaxguide.metrics.quantisation import quantise as quantise
from jaxguide.metrics.samples import feature_sample as feature_sample
from jaxguide.metrics.samples import FeatureSample as FeatureSample
from jaxguide.metrics.set_metric import frechet_metric as frechet_metric
from jaxguide.metrics.set_metric import (
    installed_inception as installed_inception,
)
from jaxguide.metrics.set_metric import installed_trunk as installed_trunk
from jaxguide.metrics.set_metric import kernel_metric as kernel_metric
from jaxguide.metrics.set_metric import SetMetric as SetMetric
from jaxguide.metrics.set_metric import SetValue as SetValue
from jaxguide.metrics.statistics_files import load_gaussian as load_gaussian
from jaxguide.metrics.statistics_files import load_moments as load_moments
from jaxguide.metrics.statistics_files import load_sample as load_sample
from jaxguide.metrics.statistics_files import save_gaussian as save_gaussian
from jaxguide.metrics.statistics_files import save_moments as save_moments
from jaxguide.metrics.statistics_files import save_sample as save_sample
from jaxguide.metrics.statistics_files import StatisticsError as StatisticsError
from jaxguide.metrics.streaming import stream_moments as stream_moments
from jaxguide.metrics.structural import ssim as ssim
from jaxguide.metrics.structural import SsimOptions as SsimOptions

# The signatures of the two metrics with their defaults.
PSNR_SIGNATURE = psnr_metric().signature
SSIM_SIGNATURE = ssim_metric().signature

__all__ = exports.public_names(globals())
