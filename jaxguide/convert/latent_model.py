"""A converted latent diffusion model, ready to be sampled."""

from __future__ import annotations

from collections.abc import Callable
import json
import math
import os
import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import codecs
from jaxguide import denoisers
from jaxguide import schedules
from jaxguide.convert import errors
from jaxguide.convert import latent_store
from jaxguide.convert import model_directories
from jaxguide.convert import model_store
from jaxguide.convert import priors
from jaxguide.convert.cards import ldm_cards


class Condition(NamedTuple):
  """What a latent UNet is told beside z_t; None where it takes no such thing.

  Attributes:
    labels: classes, int `[B]`, embedded by the model's own embedder.
    context: tokens `[B, S, D]` of another embedder, such as a text encoder.
    maps: `[B, h, w, c]`, appended to the channels of z_t.
  """

  labels: jax.Array | None = None
  context: jax.Array | None = None
  maps: jax.Array | None = None


class LatentModel(NamedTuple):
  """The networks of a latent diffusion model.

  Attributes:
    unet: predicts in latent space; None where only a first stage is there.
    first_stage: the autoencoder.
    cond_stage: the class embedder; None: there is none.
    scale_factor: of the latents.
    null_label: the class that stands for "no class"; None: there is none.
  """

  unet: model_store.Model | None
  first_stage: model_store.Model
  cond_stage: model_store.Model | None
  scale_factor: float
  null_label: int | None

  @property
  def params(self) -> dict[str, Any]:
    """Parameters by part, an argument for jitted functions."""
    return {
        name: getattr(self, name).params for name in ldm_cards.PARTS
        if getattr(self, name) is not None}

  @property
  def schedule(self) -> schedules.Schedule:
    """The noise levels that the UNet was trained on."""
    return priors.schedule_of(self._unet.config.schedule)

  @property
  def _unet(self) -> model_store.Model:
    if self.unet is None:
      raise errors.ConversionError("the model is a first stage alone")
    return self.unet

  def apply(self, **options: Any) -> Callable[..., jax.Array]:
    """The network as `(params, z, time, Condition or None) -> out`.

    Args:
      **options: choices that change no parameter: dtype, remat, conv_impl,
        attention_impl.
    """
    unet = model_store.build_module(self._unet.config, **options)
    embedder = self.cond_stage and model_store.build_module(
        self.cond_stage.config)

    def run(
        params: arrays.PyTree,
        z: jax.Array,
        time: jax.Array,
        cond: Condition | None = None,
    ) -> jax.Array:
      cond = cond or Condition()
      context, labels = cond.context, cond.labels
      if embedder is not None and labels is not None:
        context, labels = embedder.apply(
            {"params": params[ldm_cards.COND_STAGE]}, labels), None
      if cond.maps is not None:
        z = jnp.concatenate([z, cond.maps.astype(z.dtype)], axis=-1)
      return unet.apply(
          {"params": params[ldm_cards.UNET]}, z, time, context, labels)

    return run

  def denoiser(
      self,
      params: arrays.PyTree | None = None,
      *,
      labels: jax.Array | None = None,
      context: jax.Array | None = None,
      maps: jax.Array | None = None,
      **options: Any,
  ) -> denoisers.Denoiser:
    """The denoiser of latents, under a condition per image.

    Args:
      params: `self.params`, as an argument of the jitted function that this
        is called in; left out, they become constants of the program.
      labels: see `Condition`.
      context: see `Condition`.
      maps: see `Condition`.
      **options: see `apply`.
    """
    return denoisers.from_apply(
        self.apply(**options), self.params if params is None else params,
        prediction=self._unet.config.prediction,
        cond=Condition(labels, context, maps))

  def codec(
      self, params: arrays.PyTree | None = None, **options: Any,
  ) -> codecs.Codec:
    """Between images and the latents that the UNet sees.

    Args:
      params: see `denoiser`.
      **options: see `apply`.
    """
    module = model_store.build_module(self.first_stage.config, **options)
    params = self.params if params is None else params
    variables = {"params": params[ldm_cards.FIRST_STAGE]}

    encode = lambda x: module.apply(variables, x, method="encode")
    mean = lambda x: encode(x).mean
    is_normal = self.first_stage.config.family == "kl_autoencoder"
    return codecs.autoencoder(
        mean if is_normal else encode,
        lambda z: module.apply(variables, z, method="decode"),
        factor=module.factor, channels=module.latent_channels,
        scale_factor=self.scale_factor)


def load(path: str | os.PathLike[str]) -> LatentModel:
  """Reads a directory that `latent.convert` or `latent.save` wrote.

  Args:
    path: of it, or the name of one that is embedded ("emoji64_ldm").

  Raises:
    ConversionError: a part is missing, damaged or does not fit its config.
      One line, which starts with the path of the part.
  """
  path = model_directories.find(path)
  entries = read_entries(path)
  models = {
      name: model_store.load_model(path / name)
      if (path / name).is_dir() or name == ldm_cards.FIRST_STAGE else None
      for name in ldm_cards.PARTS}
  return LatentModel(
      **models, scale_factor=float(entries["scale_factor"]),
      null_label=entries.get("null_label"))


def prior_of(
    model: LatentModel, *, name: str, sha256: str, **module_options: Any
) -> priors.Prior:
  """A latent model as a prior of images, see `pretrained.load_prior`.

  Args:
    model: with a UNet.
    name: of the prior.
    sha256: of its parameters.
    **module_options: see `pretrained.load_prior`.
  """
  if model.unet is None:
    raise errors.ConversionError(
        "is a first stage alone; a prior needs a UNet")
  _check_conditions(model)
  run, first = model.apply(**module_options), model.first_stage.config
  embedder = model_store.build_module((model.cond_stage or model.unet).config)

  def apply(
      params: arrays.PyTree,
      z: jax.Array,
      time: jax.Array,
      labels: jax.Array | None = None,
  ) -> jax.Array:
    return run(params, z, time, Condition(labels=labels))

  return priors.Prior(
      apply=apply,
      params=model.params,
      schedule=model.schedule,
      prediction=model.unet.config.prediction,
      learned_variance=model.unet.config.learned_variance,
      image_size=first.image_size,
      channels=first.channels,
      name=name,
      sha256=sha256,
      num_classes=embedder.num_classes,
      null_label=model.null_label,
      make_codec=lambda params: model.codec(params, **module_options),
      latent_scale=model.scale_factor,
  )


def _check_conditions(model: LatentModel) -> None:
  """A prior of images has labels for conditions, and no others."""
  unet = model_store.build_module(model.unet.config)
  channels = model_store.build_module(
      model.first_stage.config).latent_channels
  if unet.in_channels != channels:
    raise errors.ConversionError(
        f"its UNet takes {unet.in_channels} channels, a latent has "
        f"{channels}: it needs maps beside the latent")
  if unet.context_width is not None and model.cond_stage is None:
    raise errors.ConversionError(
        "its UNet takes the tokens of an embedder that is not there")


def read_entries(path: str | os.PathLike[str]) -> dict[str, Any]:
  """What `latent.json` of such a directory says, without any network.

  Raises:
    ConversionError: it is missing or malformed.
  """
  file = pathlib.Path(path, latent_store.FILE)
  with errors.naming(file):
    return _entries(file)


def _entries(file: pathlib.Path) -> dict[str, Any]:
  try:
    entries = json.loads(file.read_text("utf-8"))
  except (ValueError, RecursionError) as error:
    raise errors.ConversionError("is no JSON") from error
  scale = entries.get("scale_factor") if isinstance(entries, dict) else None
  if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not (
      math.isfinite(scale) and scale > 0.0):
    raise errors.ConversionError(
        f"scale_factor is {errors.quoted(scale)}; expected a positive number")
  label = entries.get("null_label")
  if label is not None and (isinstance(label, bool)
                            or not isinstance(label, int)):
    raise errors.ConversionError(
        f"null_label is {errors.quoted(label)}; expected an integer or null")
  return entries
