"""Networks in Flax Linen, and the layers that they are made of."""

from jaxguide import exports
from jaxguide.models.adm_classifier import AdmClassifier as AdmClassifier
from jaxguide.models.adm_unet import AdmSuperResUnet as AdmSuperResUnet
from jaxguide.models.adm_unet import AdmUnet as AdmUnet

__all__ = exports.public_names(globals())
