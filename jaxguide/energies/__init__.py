"""Scalar energies, one number per image; lower is better."""

from jaxguide.energies._translation import translation
from jaxguide.energies.classifier import class_log_prob
from jaxguide.energies.domain import domain_similarity
from jaxguide.energies.domain import Features
from jaxguide.energies.lowpass import lowpass_distance
from jaxguide.energies.measurement import feature_error
from jaxguide.energies.measurement import squared_error
from jaxguide.energies.perceptual import FeatureDistance
from jaxguide.energies.perceptual import lpips_distance
from jaxguide.energies.perceptual import perceptual_distance
from jaxguide.energies.sources import noisy_sources
from jaxguide.energies.sources import SOURCE_SLOT
from jaxguide.energies.terms import Draw
from jaxguide.energies.terms import Energy
from jaxguide.energies.terms import mean_per_image
from jaxguide.energies.terms import sum_per_image
from jaxguide.energies.terms import table
from jaxguide.energies.terms import Term
from jaxguide.energies.terms import Weight
from jaxguide.energies.terms import weighted_sum
from jaxguide.energies.terms import window

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
