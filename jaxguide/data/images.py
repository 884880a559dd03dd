"""Images by number: folders, npz files, and what goes wrong with one image.

A data set has a deterministic order and reads an image when it is asked for,
so memory does not grow with its length. One bad image is an `ImageError`
that names it; the others stay usable.
"""

from collections.abc import Iterable, Iterator, Sequence
import pathlib
import re
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image
from PIL import ImageOps

from jaxguide import arrays
from jaxguide import pixels
from jaxguide.data import resizing

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff",
            ".webp")
KEYS = ("image", "images", "arr_0")
STATUSES = ("unreadable", "wrong_size", "non_finite", "missing", "no_mask")


class ImageError(ValueError):
  """One image that cannot be used.

  Attributes:
    name: name of the image in its data set.
    status: a word for counting, one of `STATUSES`.
    reason: line that says what was found and what is allowed.
  """

  def __init__(self, name: str, status: str, reason: str):
    super().__init__(f"{name}: {reason}")
    self.name = name
    self.status = status
    self.reason = reason


class Dataset(Protocol):
  """Images by number.

  Attributes:
    names: names of the images in their order, unique.
  """

  names: Sequence[str]

  def __len__(self) -> int:
    """The number of images."""

  def name(self, index: int) -> str:
    """The name of image `index`.

    Args:
      index: number of the image, from 0.
    """

  def load(self, index: int) -> np.ndarray:
    """Image `index`, float32 `[H, W, 3]` in [-1, 1].

    Args:
      index: number of the image, from 0.

    Raises:
      ImageError: if this image cannot be used.
    """


class Item(NamedTuple):
  """One image, or why there is none.

  Attributes:
    index: number of the image in the data set.
    name: name of the image.
    image: the image, float32 `[H, W, 3]` in [-1, 1], or None.
    error: reason why there is no image, or None.
  """

  # Tuples have a method of this name.
  index: int  # type: ignore[assignment]
  name: str
  image: np.ndarray | None
  error: ImageError | None


def items(
    dataset: Dataset, indices: Iterable[int] | None = None
) -> Iterator[Item]:
  """Yields images one by one, bad ones too, as records.

  Args:
    dataset: data set that is read lazily; nothing is kept.
    indices: numbers of the images, in this order; all when left out.

  Yields:
    One record per image.

  Example:
    >>> from jaxguide import data
    >>> [item.index for item in data.items(data.embedded_dataset(), [3, 1])]
    [3, 1]
  """
  for index in range(len(dataset)) if indices is None else indices:
    name = dataset.name(index)
    try:
      yield Item(index, name, dataset.load(index), None)
    except ImageError as error:
      yield Item(index, name, None, error)


class ImageFolder:
  """The picture files of a folder, by sorted name.

  Names are paths relative to the folder with "/", in the order of
  `list_pictures`, the same on every system. Hidden files and folders are
  left out. `decode` says how files become RGB.

  Attributes:
    names: names of the images.
    path: path of the folder.

  Example:
    >>> import os
    >>> from PIL import Image
    >>> from jaxguide import data
    >>> os.makedirs("pictures")
    >>> Image.new("RGB", (12, 10)).save("pictures/black.png")
    >>> folder = data.ImageFolder("pictures", (8, 8))
    >>> folder.names, folder.load(0).shape
    (['black.png'], (8, 8, 3))
  """

  def __init__(
      self,
      path: pathlib.Path | str,
      shape: tuple[int, int],
      *,
      resize: str = "bicubic_squash",
      recursive: bool = False,
  ):
    """Lists the folder; no image is read.

    Args:
      path: path of the folder.
      shape: height and width of every image, (H, W).
      resize: rule that brings pictures to that size: "none",
        "bicubic_squash", "center_crop_bicubic", "center_crop_area" or
        "center_crop_box", as `resizing.resize` describes them.
      recursive: whether to look into folders inside.

    Raises:
      FileNotFoundError: if there is no such folder, or no picture in it.
      ValueError: if the rule is unknown.
    """
    arrays.check_choice("resize", resize, resizing.RULES)
    self.path = pathlib.Path(path)
    if not self.path.is_dir():
      raise FileNotFoundError(
          f"image folder {self.path.absolute()} does not exist")
    self.names = list_pictures(self.path, recursive)
    if not self.names:
      raise FileNotFoundError(
          f"image folder {self.path.absolute()} holds no picture, that is, no "
          f"file that ends with {', '.join(SUFFIXES)}"
      )
    self._shape = shape
    self._resize = resize

  def __len__(self) -> int:
    return len(self.names)

  def name(self, index: int) -> str:
    """The name of image `index`, as `Dataset` has it."""
    return self.names[index]

  def load(self, index: int) -> np.ndarray:
    """Image `index`, as `Dataset` has it."""
    name = self.names[index]
    picture = read_picture(self.path / name, name)
    return pixels.to_float(_fit(picture, self._shape, self._resize, name))


class ArrayImages:
  """Images that are already in memory, or in one npz file.

  Attributes:
    names: names of the images.

  Example:
    >>> import numpy as np
    >>> from jaxguide import data
    >>> dataset = data.ArrayImages(np.zeros((2, 8, 8, 3), np.uint8))
    >>> dataset.names, float(dataset.load(1).min())
    (['000000', '000001'], -1.0)
  """

  def __init__(
      self,
      images: np.ndarray,
      names: Sequence[str] | None = None,
      *,
      shape: tuple[int, int] | None = None,
      resize: str = "none",
  ):
    """Checks the array; images are converted when asked for.

    Args:
      images: images `[N, H, W, 3]`, `[N, H, W, 1]` or `[N, H, W]`; uint8, or
        float in [-1, 1].
      names: different names, one per image; "000000", "000001", ... when left
        out.
      shape: height and width wanted, (H, W); those of the array when left
        out.
      resize: rule of `resizing.resize` that brings images to that size, for
        uint8 images only; "none" takes no other size.

    Raises:
      ValueError: if shapes, types or names do not fit.
    """
    arrays.check_choice("resize", resize, resizing.RULES)
    if images.ndim == 3:
      images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
      raise ValueError(
          f"images must have shape [N, H, W, 1 or 3], got {images.shape}"
      )
    is_float = np.issubdtype(images.dtype, np.floating)
    if not is_float and images.dtype != np.uint8:
      raise ValueError(f"images must be uint8 or float, got {images.dtype}")
    if is_float and resize != "none":
      raise ValueError(
          f"resize must be 'none' for float images, got {resize!r}")
    if names is None:
      names = [f"{n:06d}" for n in range(len(images))]
    self.names = [str(name) for name in names]
    if len(self.names) != len(images) or len(set(self.names)) < len(images):
      raise ValueError(
          f"names must be {len(images)} different ones, got "
          f"{len(self.names)} names, {len(set(self.names))} of them different"
      )
    self._images = images
    self._shape = shape or images.shape[1:3]
    self._resize = resize

  def select(self, indices: Sequence[int]) -> np.ndarray:
    """The stored arrays of some images, as they were given.

    Args:
      indices: numbers of the images.
    """
    return self._images[np.asarray(indices, np.int64)]

  def __len__(self) -> int:
    return len(self.names)

  def name(self, index: int) -> str:
    """The name of image `index`, as `Dataset` has it."""
    return self.names[index]

  def load(self, index: int) -> np.ndarray:
    """Image `index`, as `Dataset` has it."""
    image = self._images[index]
    image = np.broadcast_to(image, (*image.shape[:2], 3))
    name = self.names[index]
    if image.dtype == np.uint8:
      return pixels.to_float(_fit(image, self._shape, self._resize, name))
    image = image.astype(np.float32)
    if not np.all(np.isfinite(image)):
      raise ImageError(
          name, "non_finite", "the image has a NaN or an infinity")
    if np.abs(image).max() > 1.0 + 1e-6:
      low, high = image.min(), image.max()
      raise ImageError(
          name, "unreadable",
          f"float values must be in [-1, 1], got {low} to {high}"
      )
    return _fit(image, self._shape, "none", name)


def open_npz(
    path: pathlib.Path | str,
    *,
    shape: tuple[int, int] | None = None,
    resize: str = "none",
) -> ArrayImages:
  """The images of an npz file.

  Args:
    path: path of a file with one of the arrays `image`, `images`, `arr_0`,
      and optionally `name` or `names`. Nothing in it is executed.
    shape: height and width wanted, (H, W); those of the array when left out.
    resize: rule of `resizing.resize` that brings images to that size, for
      uint8 images only; "none" takes no other size.

  Returns:
    The images as a data set.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if it is no npz file, has none of these arrays, or they do
      not fit.

  Example:
    >>> import numpy as np
    >>> from jaxguide import data
    >>> np.savez("two.npz", images=np.zeros((2, 8, 8, 3), np.uint8))
    >>> len(data.open_npz("two.npz"))
    2
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise FileNotFoundError(f"image file {path} does not exist")
  try:
    with np.load(path, allow_pickle=False) as file:
      found = list(file.files)
      key = next((k for k in KEYS if k in found), None)
      images = None if key is None else file[key]
      named = next((k for k in ("name", "names") if k in found), None)
      names = None if named is None else file[named]
  except Exception as error:  # A damaged archive fails in many ways.
    raise ValueError(f"image file {path} is no usable npz: {error}") from error
  if images is None:
    raise ValueError(
        f"image file {path} must hold an array {' or '.join(KEYS)}, got "
        f"{', '.join(found) or 'none'}"
    )
  try:
    return ArrayImages(images, names, shape=shape, resize=resize)
  except ValueError as error:
    raise ValueError(f"image file {path}: {error}") from error


def list_pictures(path: pathlib.Path, recursive: bool = False) -> list[str]:
  """The picture files under a folder, sorted, relative, with "/".

  They are sorted by code point, but digits in a row by the number that they
  make: "9.png" comes before "10.png". Equal numbers, as in "1.png" and
  "01.png", are told apart by code point, so the order is total.

  Args:
    path: path of the folder.
    recursive: whether to look into folders inside.
  """
  names = []
  for file in path.rglob("*") if recursive else path.iterdir():
    relative = file.relative_to(path)
    hidden = any(part.startswith(".") for part in relative.parts)
    if not hidden and file.suffix.lower() in SUFFIXES and file.is_file():
      names.append(relative.as_posix())
  return sorted(names, key=_by_number)


def _by_number(name: str) -> tuple[str, str]:
  # Padded to 255 digits all numbers compare: no file name is longer.
  return re.sub("[0-9]+", lambda digits: digits[0].zfill(255), name), name


def read_picture(path: pathlib.Path, name: str = "") -> np.ndarray:
  """A picture file as RGB.

  Args:
    path: path of the file.
    name: name of the image in an error; the path when left out.

  Returns:
    The picture as `decode` gives it, uint8 `[H, W, 3]`.

  Raises:
    ImageError: if the file cannot be read, with status "unreadable".
  """
  try:
    with Image.open(path) as image:
      return decode(image)
  except MemoryError:
    raise
  except Exception as error:
    # Damaged files make the decoders raise nearly anything; whatever it is,
    # it concerns this image alone.
    reason = " ".join(str(error).split()) or type(error).__name__
    raise ImageError(
        name or str(path), "unreadable", f"cannot be read: {reason}"
    ) from error


def decode(image: Image.Image) -> np.ndarray:
  """An opened picture as RGB.

  The EXIF orientation is applied; of an animation the first frame is taken;
  transparency is composited on white; grey is repeated on three channels;
  16-bit grey is scaled to 8 bits.

  Args:
    image: picture from `PIL.Image.open`.

  Returns:
    The picture, uint8 `[H, W, 3]`.

  Raises:
    ValueError: if the pixels are floats.
  """
  image = ImageOps.exif_transpose(image)
  if image.mode.startswith("I;16") or image.mode == "I":
    grey = np.asarray(image).astype(np.float64) / 257.0
    image = Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))
  if image.mode == "F":
    raise ValueError(
        "pixels must be integers, got floats, which have no agreed range")
  if "A" in image.getbands() or "transparency" in image.info:
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    image = Image.alpha_composite(white, image)
  return np.asarray(image.convert("RGB"))


def _fit(
    image: np.ndarray, shape: tuple[int, int], rule: str, name: str
) -> np.ndarray:
  if rule != "none":
    return resizing.resize(image, shape, rule)
  if image.shape[:2] != tuple(shape):
    raise ImageError(
        name,
        "wrong_size",
        f"the image is {image.shape[0]}x{image.shape[1]} (height x width), "
        f"must be {shape[0]}x{shape[1]}; a resize rule would change it",
    )
  return image
