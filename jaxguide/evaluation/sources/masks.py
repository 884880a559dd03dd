"""Where masks come from, as values of an experiment."""

import dataclasses
import functools
from typing import Literal

import numpy as np

from jaxguide import data


@dataclasses.dataclass(frozen=True)
class Masks:
  """Masks from a folder where one is named, drawn ones elsewhere.

  Attributes:
    drawn: a family of `data.masks`, used without a folder.
    folder: folder of mask pictures.
    mask_white: what white means in the folder's pictures.
    match: which picture belongs to which image; see `data.MaskFolder`.
    threshold: threshold of `data.MaskFolder`; None keeps grey as soft weights,
      as the released Steered Diffusion does.
    suffix: text that, with match "stem", a mask's name has after the image's.
    resize: how the pictures are brought to the image's size; or "none".

  Example:
    >>> from jaxguide import data, evaluation
    >>> masks = evaluation.Masks(data.EmbeddedMasks("box"))
    >>> name = evaluation.EmbeddedImages().open().names[0]
    >>> masks.mask(0, name, (32, 32)).shape
    (32, 32, 1)
  """

  drawn: data.MaskSource
  folder: str | None = None
  mask_white: Literal["observed", "missing"] = "missing"
  match: Literal["stem", "cycle"] = "stem"
  threshold: float | None = None
  suffix: str = ""
  resize: Literal["bicubic", "area", "nearest", "none"] = "bicubic"

  def mask(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> np.ndarray:
    """float32 `[H, W, 1]`, 1 = observed; see `data.MaskSource`."""
    if self.folder is None:
      return self.drawn.mask(index, name, shape)
    return self._from_folder.mask(index, name, shape)

  @functools.cached_property
  def _from_folder(self) -> data.MaskFolder:
    return data.MaskFolder(
        self.folder, self.mask_white, match=self.match, suffix=self.suffix,
        threshold=self.threshold, resize=self.resize)
