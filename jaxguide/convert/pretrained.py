"""From a model directory, or the name of an embedded one, to a prior."""

from __future__ import annotations

import os
from typing import Any

from jaxguide.convert import errors
from jaxguide.convert import latent_model
from jaxguide.convert import latent_store
from jaxguide.convert import model_directories
from jaxguide.convert import model_store
from jaxguide.convert import priors


def load_prior(
    path: str | os.PathLike[str], **module_options: Any
) -> priors.Prior:
  """Loads a prior, of pixels or of latents.

  Args:
    path: a directory that `jaxguide convert` or a training run wrote, or the
      name of an embedded prior ("noto32", "emoji64_ldm").
    **module_options: choices of the networks that change no parameter: dtype,
      remat, conv_impl, attention_impl.

  Raises:
    ConversionError: there is no such directory, it holds no model, one that
      predicts no image, a first stage alone, one of images in another range
      than [-1, 1], or one whose schedule cannot be made.

  Example:
    >>> from jaxguide import convert
    >>> prior = convert.load_prior("noto32")
    >>> prior.prediction, prior.image_shape, prior.schedule.num_levels
    ('eps', (32, 32, 3), 1000)
    >>> latent = convert.load_prior("emoji64_ldm")
    >>> latent.image_shape, latent.state_shape
    ((64, 64, 3), (16, 16, 4))
  """
  folder = model_directories.find(path)
  name, sha256 = os.fspath(path), model_directories.fingerprint(folder)
  if latent_store.is_directory(folder):
    model = latent_model.load(folder)
    with errors.naming(folder):
      return latent_model.prior_of(
          model, name=name, sha256=sha256, **module_options)
  return priors.prior_of(
      model_store.load_model(folder), name=name, sha256=sha256,
      place=folder / "config.json", **module_options)
