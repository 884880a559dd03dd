"""Cards of released latent diffusion models: what their files cannot tell.

Such a file holds several networks. `latent_checkpoints` takes them apart, by
one of these cards.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Any

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert.networks import ldm

UNET, FIRST_STAGE, COND_STAGE = PARTS = ("unet", "first_stage", "cond_stage")


@dataclasses.dataclass(frozen=True)
class LatentCard:
  """A released latent diffusion model, or a first stage alone.

  Attributes:
    name: name of the card.
    file_names: names of the file where it is published.
    origin: program that it belongs to.
    licence: terms of that program's code or, where they have any, of the
      weights.
    image_size: height and width of an image, pixels.
    first_stage: options of the autoencoder, as in a released configuration:
      see `ldm.autoencoder_fields`.
    num_parameters: number of parameters of each part.
    unet: options of the UNet, see `ldm.unet_fields`; None: a first stage
      alone, whose file has no prefix in front of the names.
    classes: (classes, width) of a class embedder; None: there is none, or a
      text encoder, which is not converted.
    betas: first and last of the schedule.
    scale_factor: factor of the latents over the autoencoder's own; None: the
      file says.
    null_label: the class that stands for "no class" in guidance.
    has_average: whether the file is known to hold averaged weights.
    note: anything else a user has to know.
    sha256: hash of the file; None where nobody has recorded it.

  Example:
    >>> from jaxguide.convert.cards import ldm_cards
    >>> card = ldm_cards.find("ldm_cin256_v2")
    >>> card.image_size, card.null_label
    (256, 1000)
  """

  name: str
  file_names: tuple[str, ...]
  origin: str
  licence: str
  image_size: int
  first_stage: Mapping[str, Any]
  num_parameters: Mapping[str, int]
  unet: Mapping[str, Any] | None = None
  classes: tuple[int, int] | None = None
  betas: tuple[float, float] = (0.0015, 0.0195)
  scale_factor: float | None = 1.0
  null_label: int | None = None
  has_average: bool = False
  note: str = ""
  sha256: str | None = None

  def configs(
      self, source: Mapping[str, Any],
  ) -> dict[str, model_config.ModelConfig]:
    """The config of each part of a model converted from `source`."""
    common = {
        "licence": self.licence, "source": {**source, "card": self.name}}
    family, module = ldm.autoencoder_fields(self.first_stage)
    configs = {FIRST_STAGE: model_config.ModelConfig(
        family, module, self.image_size, module["in_channels"],
        prediction=None, **common)}
    if self.unet is None:
      return configs
    factor = 2 ** (len(module["channel_mult"]) - 1)
    configs[UNET] = model_config.ModelConfig(
        "ldm_unet", ldm.unet_fields(self.unet), self.image_size // factor,
        self.unet["out_channels"], prediction="eps",
        schedule={
            "kind": "scaled_linear", "num_steps": 1000,
            "start": self.betas[0], "end": self.betas[1]}, **common)
    if self.classes is not None:
      configs[COND_STAGE] = model_config.ModelConfig(
          "class_embedder",
          {"num_classes": self.classes[0], "width": self.classes[1]},
          self.image_size, prediction=None, **common)
    return configs


def _halves(
    *channel_mult: int, channels: int = 3, **options: Any,
) -> dict[str, Any]:
  return {
      "z_channels": channels, "resolution": 256, "in_channels": 3, "out_ch": 3,
      "ch": 128, "ch_mult": channel_mult, "num_res_blocks": 2, **options}


KL_F8 = {
    "embed_dim": 4,
    "ddconfig": _halves(1, 2, 4, 4, channels=4, double_z=True)}
VQ_F4 = {
    "embed_dim": 3, "n_embed": 8192,
    "ddconfig": _halves(1, 2, 4, double_z=False)}
VQ_F4_NOATTN = {
    "embed_dim": 3, "n_embed": 8192,
    "ddconfig": _halves(1, 2, 4, double_z=False, attn_type="none")}

_KL_F8_SIZE, _VQ_F4_SIZE, _NOATTN_SIZE = 83_653_863, 55_322_782, 53_219_486


def _unet(
    model_channels: int, *channel_mult: int, channels: int = 3,
    **options: Any,
) -> dict[str, Any]:
  return {
      "in_channels": channels, "out_channels": channels,
      "model_channels": model_channels, "channel_mult": channel_mult,
      "num_res_blocks": 2, "attention_resolutions": (8, 4, 2), **options}


_COMPVIS = {"origin": "CompVis/latent-diffusion", "licence": "MIT"}
_FACES = {
    **_COMPVIS, "image_size": 256, "first_stage": VQ_F4,
    "has_average": True,
    "unet": _unet(224, 1, 2, 3, 4, num_head_channels=32),
    "num_parameters": {UNET: 274_056_163, FIRST_STAGE: _VQ_F4_SIZE}}

_MODELS = (
    LatentCard(
        name="ldm_lsun_churches256", file_names=("model.ckpt",), **_COMPVIS,
        image_size=256, first_stage=KL_F8, betas=(0.0015, 0.0155),
        scale_factor=None, has_average=True,
        unet=_unet(
            192, 1, 2, 2, 4, 4, channels=4, attention_resolutions=(1, 2, 4, 8),
            num_heads=8, use_scale_shift_norm=True, resblock_updown=True),
        num_parameters={UNET: 294_966_916, FIRST_STAGE: _KL_F8_SIZE},
        note="LSUN churches; VIPaint's second latent prior"),
    LatentCard(
        name="ldm_cin256_v2", file_names=("model.ckpt",), **_COMPVIS,
        image_size=256, first_stage=VQ_F4, classes=(1001, 512),
        null_label=1000,
        unet=_unet(
            192, 1, 2, 3, 5, num_heads=1, use_spatial_transformer=True,
            transformer_depth=1, context_dim=512),
        num_parameters={
            UNET: 400_920_579, FIRST_STAGE: _VQ_F4_SIZE, COND_STAGE: 512_512},
        note="ImageNet, 1000 classes and the null class 1000; VIPaint's first "
        "latent prior"),
    LatentCard(
        name="ldm_ffhq256", file_names=("model.ckpt",), **_FACES,
        note="FFHQ faces"),
    LatentCard(
        name="ldm_celebahq256", file_names=("model.ckpt",), **_FACES,
        note="CelebA-HQ faces"),
    LatentCard(
        name="ldm_lsun_bedrooms256", file_names=("model.ckpt",), **_FACES,
        note="LSUN bedrooms"),
    LatentCard(
        name="ldm_txt2img256", file_names=("model.ckpt",), **_COMPVIS,
        image_size=256, first_stage=KL_F8, betas=(0.00085, 0.012),
        scale_factor=0.18215,
        unet=_unet(
            320, 1, 2, 4, 4, channels=4, attention_resolutions=(4, 2, 1),
            num_heads=8, use_spatial_transformer=True, transformer_depth=1,
            context_dim=1280, legacy=False),
        num_parameters={UNET: 872_300_484, FIRST_STAGE: _KL_F8_SIZE},
        note="UNet and autoencoder; the text encoder is not converted: the "
        "context is an argument"),
    LatentCard(
        name="ldm_inpainting_big", file_names=("last.ckpt",), **_COMPVIS,
        image_size=256, first_stage=VQ_F4_NOATTN, betas=(0.0015, 0.0205),
        has_average=True,
        unet=_unet(
            256, 1, 2, 3, 4, in_channels=7, num_heads=8,
            resblock_updown=True),
        num_parameters={UNET: 387_245_827, FIRST_STAGE: _NOATTN_SIZE},
        note="inpainting of any picture; after the latent come the encoded "
        "masked image (3 channels) and the mask (1; -1 or 1, 1 = hole)"),
    LatentCard(
        name="sd_v1",
        file_names=(
            "sd-v1-4.ckpt", "v1-5-pruned.ckpt",
            "v1-5-pruned-emaonly.safetensors"),
        origin="CompVis/stable-diffusion", licence="CreativeML OpenRAIL-M",
        image_size=512, first_stage=KL_F8, betas=(0.00085, 0.012),
        scale_factor=0.18215,
        unet=_unet(
            320, 1, 2, 4, 4, channels=4, attention_resolutions=(4, 2, 1),
            num_heads=8, use_spatial_transformer=True, transformer_depth=1,
            context_dim=768, legacy=False),
        num_parameters={UNET: 859_520_964, FIRST_STAGE: _KL_F8_SIZE},
        note="UNet and autoencoder; the text encoder is not converted: the "
        "context is an argument"),
)

_FIRST_STAGES = (
    LatentCard(
        name="first_stage_kl_f8", file_names=("model.ckpt",), **_COMPVIS,
        image_size=256, first_stage=KL_F8, scale_factor=1.0,
        num_parameters={FIRST_STAGE: _KL_F8_SIZE},
        note="autoencoder, 8 pixels to one, 4 channels"),
    LatentCard(
        name="first_stage_vq_f4", file_names=("model.ckpt",), **_COMPVIS,
        image_size=256, first_stage=VQ_F4,
        num_parameters={FIRST_STAGE: _VQ_F4_SIZE},
        note="autoencoder, 4 pixels to one, 3 channels, 8192 codes"),
    LatentCard(
        name="first_stage_vq_f4_noattn", file_names=("model.ckpt",),
        **_COMPVIS, image_size=256, first_stage=VQ_F4_NOATTN,
        num_parameters={FIRST_STAGE: _NOATTN_SIZE},
        note="the same without attention"),
)

CARDS = {card.name: card for card in (*_MODELS, *_FIRST_STAGES)}


def find(name: str) -> LatentCard:
  """The card called `name`.

  Raises:
    ConversionError: there is none; names those that sound like it.

  Example:
    >>> from jaxguide.convert.cards import ldm_cards
    >>> ldm_cards.find("ldm_cin256_v2").classes
    (1001, 512)
  """
  if name not in CARDS:
    raise errors.ConversionError(
        f"there is no latent card {errors.quoted(name)}; "
        f"{errors.near(name, list(CARDS))}")
  return CARDS[name]


def from_configuration(
    name: str,
    configuration: Mapping[str, Any],
    *,
    image_size: int,
    licence: str = "unknown",
    null_label: int | None = None,
) -> LatentCard:
  """A card of one's own model out of the file that it was trained by.

  Args:
    name: name of the card.
    configuration: the parsed YAML of a latent-diffusion training run: its
      "model" with "params" holding "unet_config", "first_stage_config",
      "linear_start", "linear_end" and, where set, "scale_factor",
      "scale_by_std" and a class embedder as "cond_stage_config".
    image_size: height and width of an image, pixels.
    licence: terms of the weights.
    null_label: the class that was trained to stand for "no class", which the
      configuration does not tell; without one there is no guidance.

  Returns:
    The card; its `num_parameters` is empty: nothing to compare with.

  Raises:
    ConversionError: an entry is missing, or the schedule or prediction is
      another than that of the released models, or `null_label` is no class.
  """
  try:
    params = configuration["model"]["params"]
    unet = params["unet_config"]["params"]
    first_stage = params["first_stage_config"]["params"]
    classes = _classes(params.get("cond_stage_config"))
  except (KeyError, TypeError) as error:
    raise errors.ConversionError(
        f"the configuration lacks the entry {error}") from error
  if null_label is not None and (
      classes is None or not 0 <= null_label < classes[0]):
    raise errors.ConversionError(
        f"null_label is {null_label}; the configuration has "
        f"{classes[0] if classes else 'no'} classes")
  ldm.check_options(params, {
      "beta_schedule": ("linear",), "timesteps": (1000,),
      "parameterization": ("eps",)})
  return LatentCard(
      name=name, file_names=(), origin="own", licence=licence,
      image_size=image_size, first_stage=first_stage, num_parameters={},
      unet=unet, classes=classes, null_label=null_label,
      betas=(params.get("linear_start", 1e-4), params.get("linear_end", 2e-2)),
      scale_factor=(
          None if params.get("scale_by_std")
          else float(params.get("scale_factor", 1.0))))


def _classes(embedder: Any) -> tuple[int, int] | None:
  if not isinstance(embedder, Mapping) or not str(
      embedder.get("target", "")).endswith("ClassEmbedder"):
    return None
  options = embedder["params"]
  return options.get("n_classes", 1000), options["embed_dim"]
