"""Where latent priors come from, as values of a config; and random priors."""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.convert import cards
from jaxguide.convert import edm
from jaxguide.convert import families
from jaxguide.convert import latent_model
from jaxguide.convert import ldm_cards
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert import pretrained
from jaxguide.evaluation import sources
from jaxguide.metrics import perceptual


@dataclasses.dataclass(frozen=True)
class LatentPrior:
  """A latent diffusion checkpoint that was converted by `jaxguide convert`.

  Attributes:
    path: the folder that `--out` named.
    checkpoint: the file's usual name, for the message when it is missing.
    card: its card's name.
    weights: which of the file's are wanted, for that message.
    origin: where people get the file, in words.
    dtype: of the networks' arithmetic.
    remat: recompute activations in a backward pass, to save memory.
    attention_impl: see `layers.attention`.
    conv_impl: see `layers.conv_3x3`.
  """

  path: str
  checkpoint: str
  card: str
  weights: Literal["raw", "ema"] = "raw"
  origin: str = ""
  dtype: Literal["float32", "bfloat16"] = "float32"
  remat: bool = False
  attention_impl: Literal["auto", "matmul", "dot_product"] = "auto"
  conv_impl: Literal["auto", "lax", "winograd"] = "auto"

  def load(self) -> pretrained.Prior:
    """See `sources.PriorSource`.

    Raises:
      ConversionError: the folder holds no latent model.
    """
    if not pathlib.Path(self.path).is_dir():
      origin = f" ({self.origin})" if self.origin else ""
      raise FileNotFoundError(
          f"prior: {self.path} does not exist; get {self.checkpoint}{origin} "
          f"and convert it with: jaxguide convert {self.checkpoint} "
          f"--card {self.card} --out {self.path} --weights {self.weights}; a "
          "copy elsewhere is named with --set prior.path=FOLDER")
    chosen = {n: getattr(self, n) for n in ("attention_impl", "conv_impl")}
    options = {n: value for n, value in chosen.items() if value != "auto"}
    return latent_model.load_prior(
        self.path, dtype=jnp.dtype(self.dtype), remat=self.remat, **options)


@dataclasses.dataclass(frozen=True)
class EmbeddedLatentPrior:
  """A latent prior that is part of the package.

  Attributes:
    name: of its folder.
  """

  name: str = "emoji64_ldm"

  def load(self) -> pretrained.Prior:
    """See `sources.PriorSource`.

    Raises:
      ConversionError: there is none of this name.
    """
    return latent_model.load_prior(self.name)


@dataclasses.dataclass(frozen=True)
class RandomLatentPrior:
  """A tiny latent model with random weights: it tries the way, and no more.

  Attributes:
    size: height and width of an image, even.
    num_classes: the last one is the null label; 0 for no classes.
    codebook: with a VQ autoencoder in the place of a KL one.
    seed: of the weights.
  """

  size: int = 16
  num_classes: int = 0
  codebook: bool = False
  seed: int = 0

  def load(self) -> pretrained.Prior:
    """See `sources.PriorSource`."""
    first = {
        "channel_mult": (1, 1), "model_channels": 32, "num_res_blocks": 1,
        "mid_attention": False, "z_channels": 4, "latent_channels": 4}
    if self.codebook:
      first["num_codes"] = 16
    unet = {
        "in_channels": 4, "out_channels": 4, "model_channels": 32,
        "channel_mult": (1,), "num_res_blocks": 1, "attention_factors": (),
        # Groups of one channel would erase what time and class add to it.
        "num_groups": 8, "num_classes": self.num_classes or None}
    family = "vq_autoencoder" if self.codebook else "kl_autoencoder"
    models = {
        "first_stage": model_config.ModelConfig(
            family, first, self.size, 3, prediction=None),
        "unet": model_config.ModelConfig(
            "ldm_unet", unet, self.size // 2, 4,
            schedule={"kind": "scaled_linear", "num_steps": 1000})}
    loaded = latent_model.LatentModel(
        cond_stage=None, scale_factor=0.5,
        null_label=self.num_classes - 1 if self.num_classes else None,
        **{name: _random_model(config, self.seed + place)
           for place, (name, config) in enumerate(models.items())})
    return latent_model.prior_of(
        loaded, name="random latent",
        sha256=perceptual.weights_digest(loaded.params))


@dataclasses.dataclass(frozen=True)
class RandomEdmPrior:
  """A tiny EDM network with random weights: it tries the way, and no more.

  Attributes:
    size: height and width.
    num_classes: 0 for none.
    seed: of the weights.
  """

  size: int = 16
  num_classes: int = 0
  seed: int = 0

  def load(self) -> pretrained.Prior:
    """See `sources.PriorSource`."""
    entry = {"kind": "edm", "sigma_data": 0.5}
    fields = edm.module_fields(
        "SongUNet", img_resolution=self.size, label_dim=self.num_classes,
        model_channels=32, channel_mult=(1,), num_blocks=1,
        attn_resolutions=(), label_dropout=0.1)
    config = model_config.ModelConfig(
        "edm_song", fields, self.size, 3, prediction="edm",
        schedule=edm.schedule(entry), preconditioning=entry)
    model = _random_model(config, self.seed)
    return pretrained.prior_of(
        model, name="random EDM",
        sha256=perceptual.weights_digest(model.params))


def stand_in(
    source: sources.PriorSource, size: int, has_labels: bool
) -> sources.PriorSource:
  """A tiny random prior of the same kind as another one.

  Args:
    source: a latent one, one with EDM's preconditioning (told by its card),
      or any other.
    size: height and width of its images.
    has_labels: whether it shall have classes, 5 of them.
  """
  classes = 5 if has_labels else 0
  if isinstance(source, (LatentPrior, EmbeddedLatentPrior)):
    card = ldm_cards.CARDS.get(getattr(source, "card", ""))
    codes = card is not None and "n_embed" in card.first_stage
    return RandomLatentPrior(size, classes, codebook=codes)
  card = cards.CARDS.get(getattr(source, "card", ""))
  if has_labels or (card is not None and card.prediction == "edm"):
    return RandomEdmPrior(size, classes)
  return sources.RandomPrior(size)


def _random_model(
    config: model_config.ModelConfig, seed: int
) -> model_store.Model:
  """Weights that keep the size of activations, none of them zero."""
  rng = np.random.default_rng(seed)

  def draw(shape: jax.ShapeDtypeStruct) -> arrays.Array:
    fan_in = max(int(np.prod(shape.shape[:-1])), 1)
    scale = 1 / np.sqrt(fan_in) if len(shape.shape) > 1 else 0.1
    return (scale * rng.standard_normal(shape.shape)).astype(np.float32)

  shapes: Mapping[str, Any] = families.abstract_params(config)
  return model_store.Model(jax.tree.map(draw, shapes), config)
