"""What samplers and the evaluation need of a pretrained prior."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import os
from typing import Any

from jaxguide import arrays
from jaxguide import codecs
from jaxguide import conditioning
from jaxguide import denoisers
from jaxguide import preconditioning as preconditionings
from jaxguide import schedules
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert.networks import families


@dataclasses.dataclass(frozen=True)
class Prior:
  """A pretrained prior, ready to be sampled.

  Attributes:
    apply: `(params, x, time, cond) -> out`; cond holds the values of the
      network's conditions by name, or is None, see `conditioning.Conditions`.
    params: its parameters, float32 numpy; those of the autoencoder too.
    schedule: the noise levels that it was trained on.
    prediction: what the network predicts, see `denoisers.from_apply`.
    learned_variance: whether it predicts a variance too.
    image_size: height and width of an image, pixels.
    channels: number of channels of an image.
    name: what it was asked for by.
    sha256: hash of its stored parameters and config, 64 hexadecimal digits.
    preconditioning: preconditioning of an "edm" prediction; None: Karras et
      al.'s own with sigma_data 0.5.
    conditions: what the network is conditioned on; empty for nothing.
    make_codec: function from `params` to the autoencoder of a latent prior;
      None: it is a prior of pixels.
    latent_scale: scale of the latents over the autoencoder's own.

  Example:
    >>> import jax
    >>> from jaxguide import convert
    >>> prior = convert.load_prior("noto32")
    >>> x = jax.ShapeDtypeStruct((2, *prior.state_shape), "float32")
    >>> level = prior.schedule.at_level(500)
    >>> jax.eval_shape(lambda x: prior.denoiser()(x, level), x).x0.shape
    (2, 32, 32, 3)
  """

  apply: Callable[..., Any]
  params: arrays.PyTree
  schedule: schedules.Schedule
  prediction: str
  learned_variance: bool
  image_size: int
  channels: int
  name: str
  sha256: str
  preconditioning: preconditionings.Preconditioning | None = None
  conditions: tuple[conditioning.Condition, ...] = ()
  make_codec: Callable[[arrays.PyTree], codecs.Codec] | None = None
  latent_scale: float = 1.0

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(H, W, C) of one image."""
    return self.image_size, self.image_size, self.channels

  @property
  def is_latent(self) -> bool:
    """Whether its states are latents, not pixels."""
    return self.make_codec is not None

  @property
  def state_shape(self) -> tuple[int, int, int]:
    """(h, w, c) of what it denoises."""
    return self.codec().latent_shape(self.image_shape)

  def codec(self, params: arrays.PyTree | None = None) -> codecs.Codec:
    """Between images and states: the identity of a prior of pixels.

    Args:
      params: parameters, as for `denoiser`.
    """
    if self.make_codec is None:
      return codecs.identity()
    return self.make_codec(self.params if params is None else params)

  def denoiser(
      self,
      params: arrays.PyTree | None = None,
      cond: conditioning.Conditions | None = None,
  ) -> denoisers.Denoiser:
    """The denoiser of this prior.

    Args:
      params: the parameters, as an argument of the jitted function that this
        is called in; left out, they become constants of the program.
      cond: values of the network's conditions by name, such as
        `{"label": int [B]}`; None where it has none, or all are optional.
    """
    return denoisers.from_apply(
        self.apply,
        self.params if params is None else params,
        prediction=self.prediction,
        cond=cond,
        learned_variance=self.learned_variance,
        preconditioning=self.preconditioning,
    )


def prior_of(
    model: model_store.Model,
    *,
    name: str,
    sha256: str,
    place: os.PathLike[str] | str = "config",
    **module_options: Any,
) -> Prior:
  """A network of images as a prior, see `pretrained.load_prior`.

  Args:
    model: parameters and config.
    name: name of the prior.
    sha256: hash of the parameters.
    place: place of the config, for messages.
    **module_options: choices of the network, see `pretrained.load_prior`.

  Example:
    >>> from jaxguide import convert
    >>> from jaxguide.convert import model_directories
    >>> model = convert.load_model(model_directories.find("noto32"))
    >>> prior = convert.prior_of(model, name="emoji", sha256="0" * 64)
    >>> prior.name, prior.is_latent
    ('emoji', False)
  """
  config = model.config
  if config.prediction is None or config.schedule is None:
    raise errors.ConversionError(
        f"{name}: a {config.family} predicts no image; a prior is needed")
  with errors.naming(place):
    _check_range(config.value_range)
    schedule = schedule_of(config.schedule)
  module = model_store.build_module(config, **module_options)
  scaling = config.preconditioning and preconditionings.from_config(
      config.preconditioning)

  wanted = families.conditions_of(config)

  def apply(
      params: arrays.PyTree,
      x: arrays.Batch,
      time: arrays.PerImage,
      cond: conditioning.Conditions | None,
  ) -> arrays.Batch:
    return module.apply(
        {"params": params}, x, time,
        **conditioning.arguments(wanted, cond, name))

  return Prior(
      apply=apply,
      params=model.params,
      schedule=schedule,
      prediction=config.prediction,
      learned_variance=config.learned_variance,
      image_size=config.image_size,
      channels=config.channels,
      name=name,
      sha256=sha256,
      preconditioning=scaling,
      conditions=wanted,
  )


def schedule_of(entry: dict[str, Any]) -> schedules.Schedule:
  """The schedule that `schedule` of a `config.json` describes.

  Args:
    entry: "kind", "num_steps", further arguments of that kind, and
      "rescale_timesteps".

  Raises:
    ConversionError: an unknown kind, an argument that the kind does not
      have, or one out of range.

  Example:
    >>> from jaxguide import convert
    >>> convert.schedule_of({"kind": "cosine", "num_steps": 100}).num_levels
    100
  """
  makers = {
      "linear": schedules.linear,
      "cosine": schedules.cosine,
      "scaled_linear": schedules.scaled_linear,
      "edm": schedules.edm,
  }
  model_config.check_schedule_kind(entry)
  options = dict(entry)
  make, steps = makers[options.pop("kind")], options.pop("num_steps")
  rescale = options.pop("rescale_timesteps", False)
  try:
    schedule = make(steps, **options)
  except (TypeError, ValueError) as error:
    raise errors.ConversionError(f"schedule {entry}: {error}") from error
  if rescale:
    schedule = schedule._replace(time=schedule.time * (1000 / steps))
  return schedule


def _check_range(found: tuple[float, float]) -> None:
  """Samplers take every image to lie in [-1, 1]."""
  if tuple(found) != (-1, 1):
    raise errors.ConversionError(
        f"value_range is {errors.quoted(found)}; a prior's must be [-1, 1]")
