"""Metrics: numbers per image, with signatures, and their sums over sets."""

from jaxguide.metrics.aggregation import from_json
from jaxguide.metrics.aggregation import SetSummary
from jaxguide.metrics.aggregation import summarise
from jaxguide.metrics.metric import consistency_metric
from jaxguide.metrics.metric import l1_metric
from jaxguide.metrics.metric import l2_metric
from jaxguide.metrics.metric import Metric
from jaxguide.metrics.metric import mse_metric
from jaxguide.metrics.metric import psnr_metric
from jaxguide.metrics.metric import ssim_metric
from jaxguide.metrics.pixelwise import l1
from jaxguide.metrics.pixelwise import l2
from jaxguide.metrics.pixelwise import mse
from jaxguide.metrics.pixelwise import psnr
from jaxguide.metrics.quantisation import quantise
from jaxguide.metrics.structural import ssim
from jaxguide.metrics.structural import SsimOptions

# Of the metrics with their defaults.
PSNR_SIGNATURE = psnr_metric().signature
SSIM_SIGNATURE = ssim_metric().signature

__all__ = [
    "Metric",
    "PSNR_SIGNATURE",
    "SSIM_SIGNATURE",
    "SetSummary",
    "SsimOptions",
    "consistency_metric",
    "from_json",
    "l1",
    "l1_metric",
    "l2",
    "l2_metric",
    "mse",
    "mse_metric",
    "psnr",
    "psnr_metric",
    "quantise",
    "ssim",
    "ssim_metric",
    "summarise",
]
