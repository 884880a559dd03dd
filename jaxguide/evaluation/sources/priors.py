"""Where priors come from, as values of an experiment."""

from collections.abc import Sequence
import dataclasses
import pathlib
from typing import Literal

import jax.numpy as jnp

from jaxguide import convert
from jaxguide.convert import cards
from jaxguide.convert import latent_store
from jaxguide.convert import model_directories
from jaxguide.convert.cards import ldm_cards
from jaxguide.evaluation.sources import base
from jaxguide.evaluation.sources import stand_ins


@dataclasses.dataclass(frozen=True)
class ConvertedPrior(base.PriorSource):
  """A model directory, of `jaxguide convert` or of a training's export.

  Its model may be one of pixels or one of latents.

  Attributes:
    path: the folder that `--out` named.
    checkpoint: usual name of the file that it was converted from, for the
      message when the directory is missing; empty for a trained model.
    card: its card's name.
    weights: which of the two sets of weights that a latent diffusion file
      holds is wanted, for that message; None for files that hold one.
    origin: place where people get the file, in words.
    dtype: type of the network's arithmetic.
    remat: recompute activations in a backward pass, to save memory.
    attention_impl: formulation of attention, see `layers.attention`; not every
      network has a choice.
    conv_impl: formulation of 3 x 3 convolutions, see `layers.conv_3x3`; not
      every network has a choice.

  Example:
    >>> from jaxguide import evaluation
    >>> source = evaluation.ConvertedPrior(
    ...     "models/ffhq", checkpoint="ffhq_10m.pt", card="ffhq_10m")
    >>> try:
    ...   source.load()
    ... except FileNotFoundError as error:
    ...   print(str(error).split(";")[0])
    prior: models/ffhq does not exist
  """

  path: str
  checkpoint: str = ""
  card: str = ""
  weights: Literal["raw", "ema"] | None = None
  origin: str = ""
  dtype: Literal["float32", "bfloat16"] = "float32"
  remat: bool = False
  attention_impl: Literal["auto", "matmul", "dot_product"] = "auto"
  conv_impl: Literal["auto", "lax", "winograd"] = "auto"

  def load(self) -> convert.Prior:
    """See `PriorSource`."""
    if not pathlib.Path(self.path).is_dir():
      released = base.Released(
          self.checkpoint, self.card, self.origin, self.weights
      ) if self.checkpoint else None
      raise FileNotFoundError(base.how_to_get(
          "prior", self.path, released,
          otherwise="" if released else "train one with jaxguide train "
          "(experiments/training/README.md)",
          setting="prior.path"))
    chosen = {n: getattr(self, n) for n in ("attention_impl", "conv_impl")}
    options = {n: value for n, value in chosen.items() if value != "auto"}
    return convert.load_prior(
        self.path, dtype=jnp.dtype(self.dtype), remat=self.remat, **options)

  def tiny(
      self, size: int, conditions: Sequence[str] = ()
  ) -> base.PriorSource:
    """See `PriorSource`; the kind is told by the card."""
    if self.card in ldm_cards.CARDS:
      return stand_ins.RandomLatentPrior(
          size, stand_ins.classes(conditions),
          codebook="n_embed" in ldm_cards.CARDS[self.card].first_stage)
    card = cards.CARDS.get(self.card)
    return stand_ins.of_pixels(
        size, conditions, card is not None and card.prediction == "edm")


@dataclasses.dataclass(frozen=True)
class EmbeddedPrior(base.PriorSource):
  """A prior that is part of the package.

  Attributes:
    name: one of `convert.embedded_names()`, such as "noto32" (pixels) or
      "emoji64_ldm" (latents).

  Example:
    >>> from jaxguide import evaluation
    >>> evaluation.EmbeddedPrior("noto32").load().image_shape
    (32, 32, 3)
  """

  name: str = "noto32"

  def load(self) -> convert.Prior:
    """See `PriorSource`."""
    return convert.load_prior(self.name)

  def tiny(
      self, size: int, conditions: Sequence[str] = ()
  ) -> base.PriorSource:
    """See `PriorSource`; the kind is told by the folder."""
    folder = model_directories.EMBEDDED / self.name
    if latent_store.is_directory(folder):
      return stand_ins.RandomLatentPrior(size, stand_ins.classes(conditions))
    return stand_ins.of_pixels(size, conditions, is_edm=False)
