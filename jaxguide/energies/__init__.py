"""Scalar energies, one number per image; lower is better."""

from jaxguide.energies.classifier import class_log_prob
from jaxguide.energies.core import Draw
from jaxguide.energies.core import Energy
from jaxguide.energies.core import mean_per_image
from jaxguide.energies.core import sum_per_image
from jaxguide.energies.core import table
from jaxguide.energies.core import Term
from jaxguide.energies.core import Weight
from jaxguide.energies.core import weighted_sum
from jaxguide.energies.core import window
from jaxguide.energies.features import domain_similarity
from jaxguide.energies.features import Features
from jaxguide.energies.lowpass import lowpass_distance
from jaxguide.energies.measurement import feature_error
from jaxguide.energies.measurement import squared_error
from jaxguide.energies.perceptual import FeatureDistance
from jaxguide.energies.perceptual import lpips_distance
from jaxguide.energies.perceptual import perceptual_distance
from jaxguide.energies.source import noisy_sources
from jaxguide.energies.source import SOURCE_SLOT
from jaxguide.energies.translation import translation

__all__ = (
    "Draw",
    "Energy",
    "FeatureDistance",
    "Features",
    "SOURCE_SLOT",
    "Term",
    "Weight",
    "class_log_prob",
    "domain_similarity",
    "feature_error",
    "lowpass_distance",
    "lpips_distance",
    "mean_per_image",
    "noisy_sources",
    "perceptual_distance",
    "squared_error",
    "sum_per_image",
    "table",
    "translation",
    "weighted_sum",
    "window",
)
