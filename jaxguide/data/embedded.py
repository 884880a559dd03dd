"""The images that come with the package: 64 held-out emoji, three times.

"noto32" and "twemoji32" are the same emoji, in the same order and with the
same names, in the artwork of two vendors: translations have true counterparts.
"noto64" is "noto32" at twice the size, for latent models.
No embedded network was trained on them. Each carries one box and one free-form
mask, so that a demo needs no download. Artwork: Noto Emoji by Google,
Apache-2.0 (third_party/noto-emoji.md); Twemoji by Twitter, CC-BY 4.0
(third_party/twemoji.md).
"""

import dataclasses
import functools
import importlib.resources
import io
from typing import Literal, NamedTuple

import numpy as np

from jaxguide import arrays
from jaxguide import pixels
from jaxguide.data import images

NAMES = ("noto32", "twemoji32", "noto64")
SIZES = {"noto32": 32, "twemoji32": 32, "noto64": 64}
MASKS = ("box", "free_form")
# The Unicode groups. A label of a class-conditional prior is a place in here.
CATEGORIES = (
    "Activities", "Animals & Nature", "Component", "Flags", "Food & Drink",
    "Objects", "People & Body", "Smileys & Emotion", "Symbols",
    "Travel & Places")


class EmbeddedSet(NamedTuple):
  """Everything in the file; S is 32 or 64.

  Attributes:
    images: pictures, uint8 `[64, S, S, 3]`.
    names: names of the emoji, unicode `[64]`, unique.
    categories: Unicode group of each emoji, unicode `[64]`.
    box: masks with a box missing, uint8 `[64, S, S, 1]`, 1 = observed.
    free_form: masks with strokes missing, uint8 `[64, S, S, 1]`, 1 =
      observed.
  """

  images: np.ndarray
  names: np.ndarray
  categories: np.ndarray
  box: np.ndarray
  free_form: np.ndarray


@functools.cache
def read(name: str = "noto32") -> EmbeddedSet:
  """Reads the set; once per process.

  Args:
    name: name of the set, one of `NAMES`.

  Raises:
    ValueError: if there is no such set.
  """
  arrays.check_choice("name", name, NAMES)
  package = importlib.resources.files("jaxguide")
  data = (package / "embedded" / f"{name}_test.npz").read_bytes()
  with np.load(io.BytesIO(data), allow_pickle=False) as file:
    found = EmbeddedSet(
        images=file["image"],
        names=file["name"],
        categories=file["category"],
        box=file["mask_box"][..., None],
        free_form=file["mask_free_form"][..., None],
    )
  for array in found:
    array.setflags(write=False)  # One copy serves the whole process.
  return found


def embedded_images(name: str = "noto32") -> np.ndarray:
  """All images at once, float32 `[64, S, S, 3]` in [-1, 1].

  Args:
    name: name of the set, "noto32", "twemoji32" or "noto64".

  Raises:
    ValueError: if there is no such set.

  Example:
    >>> from jaxguide import data
    >>> data.embedded_images("noto64").shape
    (64, 64, 64, 3)
  """
  return pixels.to_float(read(name).images)


def embedded_dataset(name: str = "noto32") -> images.ArrayImages:
  """The images as a data set.

  Args:
    name: name of the set, "noto32", "twemoji32" or "noto64".

  Raises:
    ValueError: if there is no such set.

  Example:
    >>> from jaxguide import data
    >>> dataset = data.embedded_dataset()
    >>> len(dataset), dataset.load(0).shape
    (64, (32, 32, 3))
  """
  found = read(name)
  return images.ArrayImages(found.images, found.names.tolist())


def embedded_label(index: int, image: str, name: str = "noto64") -> int:
  """The class of an embedded image, a place in `CATEGORIES`.

  Args:
    index: number of the image in its set.
    image: name of the image, to be checked; empty for no check.
    name: name of the set, "noto32", "twemoji32" or "noto64".

  Raises:
    ValueError: if there is no such set, or no such image in it.

  Example:
    >>> from jaxguide import data
    >>> label = data.embedded_label(0, "")
    >>> data.CATEGORIES[label] in data.CATEGORIES
    True
  """
  found = read(name)
  _check_image(found, index, image, name)
  return CATEGORIES.index(str(found.categories[index]))


def _check_image(
    found: EmbeddedSet, index: int, image: str, name: str
) -> None:
  count = len(found.names)
  if not 0 <= index < count or image not in ("", found.names[index]):
    raise ValueError(
        f"image {index} ({image!r}) is not in the embedded set {name}, which "
        f"has images 0..{count - 1} with names of their own")


@dataclasses.dataclass(frozen=True)
class EmbeddedMasks:
  """The masks that come with the embedded images.

  Attributes:
    kind: shape of what is missing, "box" or "free_form".
    name: name of the set, "noto32", "twemoji32" or "noto64".

  Example:
    >>> from jaxguide import data
    >>> data.EmbeddedMasks("box").mask(0, "", (32, 32)).shape
    (32, 32, 1)
  """

  kind: Literal["box", "free_form"] = "box"
  name: str = "noto32"

  def __post_init__(self) -> None:
    arrays.check_choice("kind", self.kind, MASKS)
    arrays.check_choice("name", self.name, NAMES)

  def mask(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> np.ndarray:
    """The mask of embedded image `index`.

    Args:
      index: number of the image in its set.
      name: name of the image; must be the embedded image's, or empty.
      shape: height and width of the image, (S, S).

    Returns:
      The mask, float32 `[S, S, 1]`, 1 = observed.

    Raises:
      ValueError: if there is no such image, or the size differs.
    """
    found = read(self.name)
    masks = getattr(found, self.kind)
    _check_image(found, index, name, self.name)
    arrays.check_shape("mask", masks[index], (*shape, 1))
    return masks[index].astype(np.float32)
