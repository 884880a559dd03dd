"""What a family of networks says about itself, so that the rest can ask.

A file of this package is one family: its networks with their rule tables, the
names by which its checkpoints are told from others, and how a config is made of
what a file tells and what the user says. `families` lists the files; nothing
else has to know a family by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import checkpoint_settings
from jaxguide import conditioning
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules

# PyTorch's shapes by name, without a prefix.
Shapes = Mapping[str, tuple[int, ...]]
Inputs = Callable[[model_config.ModelConfig, nn.Module], dict[str, Any]]
Constants = Callable[[model_config.ModelConfig], dict[str, np.ndarray]]

# Constructor arguments that matter in training alone: files and cards may
# differ in them and mean the same network.
TRAINING = ("dropout", "label_dropout")


def _no_constants(config: model_config.ModelConfig) -> dict[str, np.ndarray]:
  del config
  return {}


def classes(
    config: model_config.ModelConfig
) -> tuple[conditioning.Condition, ...]:
  """The class label of a network whose module has `num_classes`."""
  count = config.module.get("num_classes")
  if not count:
    return ()
  return (conditioning.Condition(
      "label", dtype="int32", num_values=count, argument="labels"),)


class Network(NamedTuple):
  """One Linen module, and how checkpoints hold its parameters.

  Attributes:
    module: the Linen class.
    rules: table from its parameters to those of PyTorch.
    inputs: `(config, module) -> {name: shape and type}`, arguments of the
      module's call.
    constants: `config -> {name: array}`, the tensors that a checkpoint holds
      beside the parameters and that the config determines.
    conditions: `config -> conditions`, what the network is conditioned on,
      where the config itself does not say it.
  """

  module: type[nn.Module]
  rules: Sequence[rules.Rule]
  inputs: Inputs
  constants: Constants = _no_constants
  conditions: Callable[
      [model_config.ModelConfig], tuple[conditioning.Condition, ...]] = classes


class Inferred(NamedTuple):
  """What the names and shapes of a network's tensors tell.

  Attributes:
    description: the architecture in one line.
    networks: names, among `Family.networks`, of what it can be.
    module: constructor arguments, as far as the shapes tell them.
    num_parameters: number of parameters, where cards are told by it and not
      by `module`.
  """

  description: str
  networks: tuple[str, ...]
  module: Mapping[str, Any]
  num_parameters: int | None = None


def _tells_nothing(shapes: Shapes) -> Inferred:
  del shapes
  raise errors.ConversionError(
      "the architecture cannot be told from the tensors: name the "
      "checkpoint's card")


def _needs_card(
    inferred: Inferred,
    settings: checkpoint_settings.Settings,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  del settings, source
  raise errors.ConversionError(
      f"the tensors of this network ({inferred.description}) do not tell how "
      "it is used: name the checkpoint's card")


def _no_metadata(
    metadata: Mapping[str, Any], source: Mapping[str, Any], licence: str,
) -> model_config.ModelConfig | None:
  del metadata, source, licence


def _name_of(config: model_config.ModelConfig) -> str:
  return config.family


class Family(NamedTuple):
  """Networks whose checkpoints are recognised and read alike.

  Only `name` and `networks` are needed for a family that is converted by cards
  or by a reader of its own.

  Attributes:
    name: name of the family, for messages, such as "ADM".
    networks: its networks by the name that `ModelConfig.family` has.
    anchors: names of tensors that every one of its checkpoints has and no
      other family's; empty: it is not recognised by its tensors.
    infer: function from the shapes of its tensors to what they tell; raises
      ConversionError where they are not of this family.
    config_of: function that makes the config of what was inferred, the user's
      settings and the entries of `source`; raises ConversionError where a
      setting is missing or means nothing.
    config_in: function that makes the config of a file's metadata, the entries
      of `source` and a licence; None where the metadata are not this
      family's.
    describe: function from a config of `config_in` to one line of text.
  """

  name: str
  networks: Mapping[str, Network]
  anchors: tuple[str, ...] = ()
  infer: Callable[[Shapes], Inferred] = _tells_nothing
  config_of: Callable[
      [Inferred, checkpoint_settings.Settings, Mapping[str, Any]],
      model_config.ModelConfig] = _needs_card
  config_in: Callable[
      [Mapping[str, Any], Mapping[str, Any], str],
      model_config.ModelConfig | None] = _no_metadata
  describe: Callable[[model_config.ModelConfig], str] = _name_of


# What several families have in common.


def floats(*shape: int) -> jax.ShapeDtypeStruct:
  """An abstract float32 argument."""
  return jax.ShapeDtypeStruct(shape, jnp.float32)


def labels() -> jax.ShapeDtypeStruct:
  """The abstract labels of one image."""
  return jax.ShapeDtypeStruct((1,), jnp.int32)


def image_and_time(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  """The abstract `x` and `time` of a network of images."""
  size = config.image_size
  return {"x": floats(1, size, size, module.in_channels), "time": floats(1)}


def check_settings(
    settings: checkpoint_settings.Settings,
    needed: Sequence[str],
    optional: Sequence[str],
    name: str,
) -> None:
  """Checks what a user says of a network without a card.

  Args:
    settings: words of the user; a licence may always be said.
    needed: names of settings that have to be said; "a or b" for two of which
      one is enough.
    optional: names of further settings that mean something here.
    name: name of the family, for messages.

  Raises:
    ConversionError: a setting is missing or means nothing; names it.
  """
  said = {*settings.said(), "licence"}
  missing = [
      choice for choice in needed if not said & set(choice.split(" or "))]
  if missing:
    raise errors.ConversionError(
        f"the state dict of the architecture {name} does not tell "
        f"{', '.join(missing)}: name the checkpoint's card, or give these "
        "settings")
  allowed = {
      "licence", *optional, *(n for c in needed for n in c.split(" or "))}
  surplus = [
      option.name for option in checkpoint_settings.options()
      if option.name in said - allowed]
  if surplus:
    raise errors.ConversionError(
        f"{', '.join(surplus)} means nothing for the architecture {name}; what "
        f"can be given is {', '.join(sorted(allowed))}")


def unet_config(
    network: str,
    module: Mapping[str, Any],
    channels: int,
    settings: checkpoint_settings.Settings,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  """The config of a UNet that predicts an image, and its variance perhaps.

  Args:
    network: name of the network.
    module: all its constructor arguments.
    channels: channels of an image.
    settings: image_size, schedule, prediction, num_steps and licence.
    source: entries of `source`.

  Raises:
    ConversionError: its output has neither the image's channels nor twice as
      many.
  """
  outputs = module["out_channels"]
  if outputs not in (channels, 2 * channels):
    raise errors.ConversionError(
        f"the network has {outputs} output channels; expected {channels} (an "
        f"image) or {2 * channels} (an image and its variance)")
  return model_config.ModelConfig(
      family=network, module=dict(module), image_size=settings.image_size,
      channels=channels, prediction=settings.prediction,
      learned_variance=outputs == 2 * channels,
      schedule={"kind": settings.schedule, "num_steps": settings.num_steps},
      licence=settings.licence, source=dict(source))
