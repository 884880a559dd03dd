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
from jaxguide import conditioning
from jaxguide import denoisers
from jaxguide import schedules
from jaxguide.convert import errors
from jaxguide.convert import latent_store
from jaxguide.convert import model_directories
from jaxguide.convert import model_store
from jaxguide.convert import priors
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.networks import families

_ARGUMENTS = ("labels", "context", "maps")


class LatentModel(NamedTuple):
  """The networks of a latent diffusion model.

  Attributes:
    unet: predicts in latent space; None where only a first stage is there.
    first_stage: the autoencoder.
    cond_stage: the class embedder; None: there is none.
    scale_factor: factor that latents are multiplied by.
    null_label: the class that stands for "no class"; None: there is none.

  Example:
    >>> from jaxguide import convert
    >>> codec = convert.load_latent_model("emoji64_ldm").codec()
    >>> codec.latent_shape((64, 64, 3))
    (16, 16, 4)
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
    """The network as `(params, z, time, cond) -> out`.

    Args:
      **options: choices that change no parameter: dtype, remat, conv_impl,
        attention_impl.
    """
    unet = model_store.build_module(self._unet.config, **options)
    embedder = self.cond_stage and model_store.build_module(
        self.cond_stage.config)
    wanted = self.conditions
    _check_arguments(wanted)
    # Tokens of another embedder may stand in for those of the model's own.
    with_tokens = [c for c in wanted if c.name != "label"] + [
        conditioning.Condition("context", (None, unet.context_width))]

    def run(
        params: arrays.PyTree,
        z: jax.Array,
        time: jax.Array,
        cond: conditioning.Conditions | None = None,
    ) -> jax.Array:
      has_tokens = embedder is not None and "context" in (cond or {})
      given = conditioning.arguments(
          with_tokens if has_tokens else wanted, cond, "the latent UNet")
      if embedder is not None and not has_tokens:
        given["context"] = embedder.apply(
            {"params": params[ldm_cards.COND_STAGE]}, given.pop("labels"))
      maps = given.pop("maps", None)
      if maps is not None:
        z = jnp.concatenate([z, maps.astype(z.dtype)], axis=-1)
      return unet.apply({"params": params[ldm_cards.UNET]}, z, time, **given)

    return run

  @property
  def conditions(self) -> tuple[conditioning.Condition, ...]:
    """What the UNet is told beside z_t.

    "label": classes, int `[B]`, embedded by the model's own embedder or by
    the UNet; "context": tokens `[B, S, D]` of another embedder, such as a text
    encoder; "maps": `[B, h, w, c]`, appended to the channels of z_t.
    """
    if self._unet.config.conditions is not None:
      return families.conditions_of(self._unet.config)
    unet = model_store.build_module(self._unet.config)
    embedder = unet if self.cond_stage is None else model_store.build_module(
        self.cond_stage.config)
    extra = unet.in_channels - model_store.build_module(
        self.first_stage.config).latent_channels
    found = []
    if embedder.num_classes is not None:
      found.append(conditioning.Condition(
          "label", dtype="int32", num_values=embedder.num_classes,
          null=self.null_label, argument="labels"))
    if unet.context_width is not None and self.cond_stage is None:
      found.append(
          conditioning.Condition("context", (None, unet.context_width)))
    if extra > 0:
      found.append(conditioning.Condition("maps", (None, None, extra)))
    return tuple(found)

  def denoiser(
      self,
      params: arrays.PyTree | None = None,
      cond: conditioning.Conditions | None = None,
      **options: Any,
  ) -> denoisers.Denoiser:
    """The denoiser of latents, under a condition per image.

    Args:
      params: `self.params`, as an argument of the jitted function that this
        is called in; left out, they become constants of the program.
      cond: values of `conditions` by name; None where there are none.
      **options: choices of the network, see `apply`.
    """
    return denoisers.from_apply(
        self.apply(**options), self.params if params is None else params,
        prediction=self._unet.config.prediction, cond=cond)

  def codec(
      self, params: arrays.PyTree | None = None, **options: Any,
  ) -> codecs.Codec:
    """Between images and the latents that the UNet sees.

    Args:
      params: parameters, as for `denoiser`.
      **options: choices of the network, see `apply`.
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


def _check_arguments(wanted: tuple[conditioning.Condition, ...]) -> None:
  """A latent UNet has these arguments and no others."""
  for condition in wanted:
    argument = condition.argument or condition.name
    if argument not in _ARGUMENTS:
      raise errors.ConversionError(
          f"conditions: {condition.name} must name one of the arguments "
          f"{', '.join(_ARGUMENTS)} of a latent UNet, got {argument!r}")


def load(path: str | os.PathLike[str]) -> LatentModel:
  """Reads the directory of a latent model, see `latent_store`.

  Args:
    path: the directory, or the name of one that is embedded ("emoji64_ldm").

  Raises:
    ConversionError: a part is missing, damaged or does not fit its config.
      One line, which starts with the path of the part.

  Example:
    >>> from jaxguide import convert
    >>> model = convert.load_latent_model("emoji64_ldm")
    >>> model.unet.config.family, model.first_stage.config.family
    ('ldm_unet', 'kl_autoencoder')
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
    model: latent model with a UNet.
    name: name of the prior.
    sha256: hash of its parameters.
    **module_options: choices of the networks, see `pretrained.load_prior`.

  Example:
    >>> from jaxguide.convert import latent_model
    >>> model = latent_model.load("emoji64_ldm")
    >>> prior = latent_model.prior_of(model, name="emoji", sha256="0" * 64)
    >>> prior.is_latent, prior.image_shape
    (True, (64, 64, 3))
  """
  if model.unet is None:
    raise errors.ConversionError(
        "is a first stage alone; a prior needs a UNet")
  run, first = model.apply(**module_options), model.first_stage.config
  return priors.Prior(
      apply=run,
      params=model.params,
      schedule=model.schedule,
      prediction=model.unet.config.prediction,
      learned_variance=model.unet.config.learned_variance,
      image_size=first.image_size,
      channels=first.channels,
      name=name,
      sha256=sha256,
      conditions=model.conditions,
      make_codec=lambda params: model.codec(params, **module_options),
      latent_scale=model.scale_factor,
  )


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
    raise errors.ConversionError("is not valid JSON") from error
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
