"""Named rules that bring a picture to a size, by Pillow's filters."""

import numpy as np
from PIL import Image

from jaxguide import arrays

RULES = (
    "none",
    "bicubic_squash",
    "center_crop_bicubic",
    "center_crop_area",
    "center_crop_box",
)


def resize(
    image: np.ndarray, shape: tuple[int, int], rule: str
) -> np.ndarray:
  """Brings a picture to (H, W).

  - "none": the picture must have the size.
  - "bicubic_squash": bicubic to the size, the aspect ratio lost (Steered
    Diffusion's loader).
  - "center_crop_bicubic": bicubic until the picture just covers the size,
    then the centre.
  - "center_crop_area": the same with the mean over the covered area, which
    neither rings nor aliases.
  - "center_crop_box": guided-diffusion's loader: halved by the mean of 2x2
    blocks as long as it is at least twice as large as needed, then as
    "center_crop_bicubic".

  All filters are Pillow's and antialiased; results are rounded to 8 bits
  after every step, as theirs are.

  Args:
    image: picture, uint8 `[H', W', 3]`.
    shape: height and width wanted, (H, W).
    rule: name of one of these rules.

  Returns:
    The picture, uint8 `[H, W, 3]`.

  Raises:
    ValueError: if the rule is unknown, or "none" and the size differs.

  Example:
    >>> import numpy as np
    >>> from jaxguide.data import resizing
    >>> picture = np.zeros((10, 20, 3), np.uint8)
    >>> resizing.resize(picture, (8, 8), "center_crop_area").shape
    (8, 8, 3)
  """
  arrays.check_choice("rule", rule, RULES)
  if rule == "none":
    arrays.check_shape("image", image, (*shape, None))
    return image
  picture = Image.fromarray(np.ascontiguousarray(image))
  size = (shape[1], shape[0])
  if rule == "bicubic_squash":
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
  method = Image.Resampling.BICUBIC
  if rule == "center_crop_area":
    method = Image.Resampling.BOX
  if rule == "center_crop_box":
    picture = _halve(picture, size)
  return _cover(picture, size, method)


def _halve(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
  while all(
      have >= 2 * want for have, want in zip(picture.size, size, strict=True)
  ):
    half = (picture.width // 2, picture.height // 2)
    picture = picture.resize(half, Image.Resampling.BOX)
  return picture


def _cover(
    picture: Image.Image, size: tuple[int, int], method: Image.Resampling
) -> np.ndarray:
  """Scales until `size` is just covered, then takes the centre."""
  scale = max(
      want / have for have, want in zip(picture.size, size, strict=True)
  )
  covering = (
      max(size[0], round(picture.width * scale)),
      max(size[1], round(picture.height * scale)),
  )
  array = np.asarray(picture.resize(covering, method))
  top = (covering[1] - size[1]) // 2
  left = (covering[0] - size[0]) // 2
  return array[top : top + size[1], left : left + size[0]]
