"""Networks in Flax Linen, and the layers that they are made of."""

from jaxguide.models.adm_classifier import AdmClassifier
from jaxguide.models.adm_unet import AdmSuperResUnet
from jaxguide.models.adm_unet import AdmUnet

__all__ = ["AdmClassifier", "AdmSuperResUnet", "AdmUnet"]
