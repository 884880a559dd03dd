"""Scalar energies, one number per image; lower is better."""

from jaxguide.energies.core import Draw
from jaxguide.energies.core import Energy
from jaxguide.energies.core import mean_per_image
from jaxguide.energies.core import sum_per_image
from jaxguide.energies.core import table
from jaxguide.energies.core import Term
from jaxguide.energies.core import Weight
from jaxguide.energies.core import weighted_sum
from jaxguide.energies.core import window
from jaxguide.energies.measurement import feature_error
from jaxguide.energies.measurement import squared_error

__all__ = (
    "Draw",
    "Energy",
    "Term",
    "Weight",
    "feature_error",
    "mean_per_image",
    "squared_error",
    "sum_per_image",
    "table",
    "weighted_sum",
    "window",
)
