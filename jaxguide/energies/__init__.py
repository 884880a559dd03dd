"""Scalar energies, one number per image; lower is better."""

from jaxguide import exports
from jaxguide.energies._translation import translation as translation
from jaxguide.energies.classifier import class_log_prob as class_log_prob
from jaxguide.energies.domain import domain_similarity as domain_similarity
from jaxguide.energies.domain import Features as Features
from jaxguide.energies.lowpass import lowpass_distance as lowpass_distance
from jaxguide.energies.measurement import feature_error as feature_error
from jaxguide.energies.measurement import squared_error as squared_error
from jaxguide.energies.perceptual import FeatureDistance as FeatureDistance
from jaxguide.energies.perceptual import lpips_distance as lpips_distance
from jaxguide.energies.perceptual import (
    perceptual_distance as perceptual_distance,
)
from jaxguide.energies.sources import noisy_sources as noisy_sources
from jaxguide.energies.sources import SOURCE_SLOT as SOURCE_SLOT
from jaxguide.energies.terms import Draw as Draw
from jaxguide.energies.terms import Energy as Energy
from jaxguide.energies.terms import mean_per_image as mean_per_image
from jaxguide.energies.terms import sum_per_image as sum_per_image
from jaxguide.energies.terms import table as table
from jaxguide.energies.terms import Term as Term
from jaxguide.energies.terms import Weight as Weight
from jaxguide.energies.terms import weighted_sum as weighted_sum
from jaxguide.energies.terms import window as window

__all__ = exports.public_names(globals())
