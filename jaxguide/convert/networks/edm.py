"""EDM's networks: rule tables, constants, and configs out of its pickles.

An EDM pickle says what it is: the class of its preconditioning and the
arguments that its network was made from. The source that it also carries is
never executed, see `pickle_globals`.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import math
from typing import Any

from flax import linen as nn
import numpy as np

from jaxguide import checkpoint_settings
from jaxguide import conditioning
from jaxguide import preconditioning
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import family
from jaxguide.models import edm_unet

RULES = (
    rules.Rule(
        r"map_(layer0|layer1|label|augment)|.*\.affine", "kernel", "weight",
        rules.LINEAR),
    # 3x3 convolutions, and 1x1 ones: skip, qkv, proj, aux_skip.
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    rules.Rule(r"map_noise", "freqs", "freqs", rules.SAME),
    rules.Rule(r".*", "scale", "weight", rules.SAME),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)

# Names that every EDM network has.
_ANCHORS = (
    "map_layer0.weight", "map_layer0.bias", "map_layer1.weight",
    "map_layer1.bias")

# The grid that EDM's sampler draws its steps from.
_SIGMA_MIN, _SIGMA_MAX, _NUM_STEPS = 0.002, 80.0, 1000

# How many blocks a file may ask for: its word is all that limits the walk.
_MOST_BLOCKS = 512


def _inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  inputs = family.image_and_time(config, module)
  return {"x": inputs["x"], "noise": inputs["time"]}


def _constants(config: model_config.ModelConfig) -> dict[str, np.ndarray]:
  """The resampling filters `[1, 1, n, n]` that lie in a checkpoint."""
  module = config.module
  taps = np.asarray(module.get("resample_filter", (1, 1)), np.float32)
  taps = np.outer(taps, taps)[None, None] / taps.sum() ** 2
  levels = len(module["channel_mult"])
  sizes = [module["img_resolution"] >> level for level in range(levels)]
  names = [f"enc.{r}x{r}_down.{part}" for r in sizes[1:]
           for part in ("conv0", "skip")]
  names += [f"dec.{r}x{r}_up.{part}" for r in sizes[:-1]
            for part in ("conv0", "skip")]
  aux = {"residual": "aux_residual", "skip": "aux_down"}.get(
      module.get("encoder_type"))
  if aux:
    names += [f"enc.{r}x{r}_{aux}" for r in sizes[1:]]
  if module.get("decoder_type") == "skip":
    names += [f"dec.{r}x{r}_aux_up" for r in sizes[:-1]]
  return {f"{name}.resample_filter": taps for name in names}


_NETWORKS = {
    "SongUNet": ("edm_song", edm_unet.SongUnet),
    "DhariwalUNet": ("edm_dhariwal", edm_unet.DhariwalUnet)}

# Per released class: kind, network where none is named, and the arguments of
# the preconditioning by the names of its attributes.
_CLASSES = {
    "EDMPrecond": ("edm", "DhariwalUNet", {
        "sigma_data": "sigma_data", "sigma_min": "sigma_min",
        "sigma_max": "sigma_max"}),
    "VPPrecond": ("vp", "SongUNet", {
        "beta_d": "beta_d", "beta_min": "beta_min", "M": "num_steps",
        "epsilon_t": "epsilon_t"}),
    "VEPrecond": ("ve", "SongUNet", {
        "sigma_min": "sigma_min", "sigma_max": "sigma_max"}),
    "iDDPMPrecond": ("iddpm", "DhariwalUNet", {
        "C_1": "c_1", "C_2": "c_2", "M": "num_steps"}),
}
# Arguments of the released classes that are none of the network's.
_ELSEWHERE = {
    "img_channels", "use_fp16", "model_type",
    *(name for *_, names in _CLASSES.values() for name in names)}
# What a user chooses and no file tells.
_CHOICES = {"dtype", "remat", "attention_impl", "conv_impl", "parent", "name"}


def module_fields(kind: str, **fields: Any) -> dict[str, Any]:
  """All fields of an architecture, with the released defaults.

  Args:
    kind: "SongUNet" or "DhariwalUNet".
    **fields: those that differ from the defaults.

  Returns:
    Arguments of the module's constructor.

  Raises:
    ConversionError: a field that the network does not have.
  """
  _, cls = _NETWORKS[kind]
  defaults = {
      field.name: field.default for field in dataclasses.fields(cls)
      if field.name not in _CHOICES}
  model_config.check_names(fields, list(defaults), f"{kind} argument")
  fields = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in fields.items()}
  return {**defaults, **fields}


def infer(shapes: family.Shapes) -> family.Inferred:
  """Which of EDM's networks the names and shapes are those of.

  Their preconditioning is not in their tensors: EDM, VP, VE and iDDPM files of
  one network look alike. Cards fit by size, which tells the released ones
  apart.
  """
  kind = "DhariwalUNet" if "out_norm.weight" in shapes else "SongUNet"
  size = sum(
      int(np.prod(shape)) for name, shape in shapes.items()
      if not name.endswith((".resample_filter", ".freqs")))
  return family.Inferred(
      f"EDM {kind}: {size:,} parameters; its preconditioning is not told",
      (_NETWORKS[kind][0],), {}, size)


def config_of(
    inferred: family.Inferred,
    settings: checkpoint_settings.Settings,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  """Refuses: no setting says the preconditioning of a bare state dict."""
  del inferred, settings, source
  raise errors.ConversionError(
      "the state dict of an EDM network does not tell its preconditioning: "
      "name the checkpoint's card, or convert the .pkl file itself")


def config_in(
    metadata: Mapping[str, Any],
    source: Mapping[str, Any],
    licence: str = "unknown",
) -> model_config.ModelConfig | None:
  """The config of an EDM pickle, out of what it says about itself.

  Args:
    metadata: values that the file holds beside its tensors.
    source: entries that say where it comes from.
    licence: terms of the weights, which no file tells.

  Returns:
    The config; None where the metadata are not those of an EDM pickle.

  Raises:
    ConversionError: the file lacks an argument, or has an unknown or senseless
      one.
  """
  if metadata.get("class_name") not in _CLASSES or not isinstance(
      metadata.get("init_kwargs"), Mapping):
    return None
  kwargs = dict(metadata["init_kwargs"])
  kind, network, names = _CLASSES[metadata["class_name"]]
  network = kwargs.get("model_type", network)
  size, channels = kwargs.get("img_resolution"), kwargs.get("img_channels")
  if network not in _NETWORKS or not size or not channels:
    raise errors.ConversionError(
        f"the file has model_type {errors.quoted(network)}, img_resolution "
        f"{errors.quoted(size)}, img_channels {errors.quoted(channels)}; "
        f"expected {' or '.join(_NETWORKS)} and two positive sizes")
  fields = {n: v for n, v in kwargs.items() if n not in _ELSEWHERE}
  twice = kind == "iddpm"
  module = module_fields(
      network, in_channels=channels, out_channels=channels * (1 + twice),
      **fields)
  _check_walk(module)
  # The object's attributes are what it runs by; its arguments made them.
  told = {**kwargs, **metadata}
  entry = {"kind": kind, **{
      to: _finite(told[name]) for name, to in names.items() if name in told}}
  return model_config.ModelConfig(
      family=_NETWORKS[network][0], module=module, image_size=size,
      channels=channels, prediction="edm", learned_variance=twice,
      schedule=schedule(entry), preconditioning=entry, licence=licence,
      source=dict(source))


def schedule(entry: Mapping[str, Any]) -> dict[str, Any]:
  """The grid of EDM's sampler, inside what a network was trained on.

  Args:
    entry: `preconditioning` of a config.

  Raises:
    ConversionError: it is none.
  """
  try:
    made = preconditioning.from_config(entry)
  except (ValueError, TypeError, ArithmeticError) as error:
    raise errors.ConversionError(
        f"the preconditioning is wrong: {error}") from error
  return {
      "kind": "edm", "num_steps": _NUM_STEPS,
      "sigma_min": max(_SIGMA_MIN, made.sigma_min),
      "sigma_max": min(_SIGMA_MAX, made.sigma_max)}


def describe(config: model_config.ModelConfig) -> str:
  """The architecture in one line."""
  module = config.module
  mult = ",".join(f"{m:g}" for m in module["channel_mult"])
  sizes = ",".join(map(str, module["attn_resolutions"])) or "none"
  classes = module["label_dim"]
  return (
      f"{config.family} with {config.preconditioning['kind']} preconditioning: "
      f"{config.image_size} px, width {module['model_channels']} x ({mult}), "
      f"{module['num_blocks']} blocks per level, attention at {sizes} px"
      + (f", {classes} classes" if classes else ""))


def _check_walk(module: Mapping[str, Any]) -> None:
  """Refuses sizes that would make the walk over the modules fail or endless."""
  mult, blocks = module["channel_mult"], module["num_blocks"]
  plain = isinstance(blocks, int) and isinstance(mult, tuple) and mult and all(
      isinstance(m, (int, float)) for m in mult)
  if not plain or not 0 < blocks * len(mult) <= _MOST_BLOCKS:
    raise errors.ConversionError(
        f"the file has channel_mult {errors.quoted(mult)} and num_blocks "
        f"{errors.quoted(blocks)}; expected a list of numbers and at most "
        f"{_MOST_BLOCKS} blocks")
  for name in ("img_resolution", "label_dim", "augment_dim"):
    value = module[name]
    if not isinstance(value, int) or value < 0:
      raise errors.ConversionError(
          f"the file has {name} {errors.quoted(value)}; expected a size of 0 "
          "or more")


def _finite(value: Any) -> Any:
  """JSON has no infinity: null stands for it."""
  return None if isinstance(value, float) and math.isinf(value) else value


def _conditions(
    config: model_config.ModelConfig
) -> tuple[conditioning.Condition, ...]:
  """A negative label is none, and so is no label at all."""
  count = config.module.get("label_dim")
  if not count:
    return ()
  withheld = config.module.get("label_dropout", 0) > 0
  return (conditioning.Condition(
      "label", dtype="int32", num_values=count, null=-1 if withheld else None,
      argument="labels", optional=True),)


FAMILY = family.Family(
    name="EDM network",
    networks={
        name: family.Network(
            module, RULES, _inputs, _constants, _conditions)
        for name, module in _NETWORKS.values()},
    anchors=_ANCHORS, infer=infer, config_of=config_of, config_in=config_in,
    describe=describe)
