"""The mask families of VIPaint, by the algorithms of its program.

The random masks are those of co-modulated GANs (Zhao et al.,
arXiv:2103.10428, as VIPaint draws them): rectangles and brush strokes, drawn
again until the missing share lies in an interval. The rotated window is a
half-plane on a larger canvas, turned by Pillow and cut out.

The functions take their random numbers from a numpy `RandomState`, in the
order of the released program: `RandomState(10)` and one call after the other
give its masks. The sources seed one per image. Both draw on a canvas of 256
pixels, to which the widths of strokes belong, and take every n-th pixel of
it for smaller images.
"""

import dataclasses

import numpy as np
from PIL import Image
from PIL import ImageDraw

from jaxguide.data import drawing

# Height and width of the published masks.
CANVAS = 256
_MAX_TRIES = 10_000


def rectangles_and_brush(
    draws: np.random.RandomState,
    size: int,
    missing: tuple[float, float],
    *,
    brush: bool = True,
) -> np.ndarray:
  """One mask of rectangles and strokes.

  Args:
    draws: source of random numbers, which is advanced.
    size: height and width of the mask.
    missing: open interval of the missing share.
    brush: whether there are strokes; without them, as the released program
      draws small masks, no random numbers are drawn for strokes either.

  Returns:
    The mask, float32 `[size, size]`, 1 = observed.

  Raises:
    ValueError: if the interval is too low, or too narrow, to be met.

  Example:
    >>> import numpy as np
    >>> from jaxguide.data import vipaint_masks
    >>> mask = vipaint_masks.rectangles_and_brush(
    ...     np.random.RandomState(10), 64, (0.4, 0.8))
    >>> bool(0.4 < 1 - mask.mean() < 0.8)
    True
  """
  low, high = missing
  share = min(low + high, 1.0)
  few, many = int(5 * share), int(10 * share)
  if not (0 <= low < high <= 1 and few):
    raise ValueError(
        "missing must be (low, high) in [0, 1] with low + high >= 0.2, got "
        f"{missing}")
  for _ in range(_MAX_TRIES):
    mask = np.ones((size, size), bool)
    for limit, most in ((size // 2, many), (size, few)):
      for _ in range(draws.randint(most)):
        _rectangle(draws, mask, limit)
    if brush:
      mask &= ~_strokes(draws, size, int(20 * share))
    if low < 1 - mask.mean() < high:
      return mask.astype(np.float32)
  raise ValueError(
      f"missing={missing} is too narrow for {size} pixels: none of "
      f"{_MAX_TRIES} masks fell into it")


def _rectangle(
    draws: np.random.RandomState, mask: np.ndarray, limit: int
) -> None:
  """Clears one rectangle, which may hang over the border."""
  size = len(mask)
  width, height = draws.randint(limit), draws.randint(limit)
  x = draws.randint(-(width // 2), size - width + width // 2)
  y = draws.randint(-(height // 2), size - height + height // 2)
  mask[max(y, 0):min(y + height, size), max(x, 0):min(x + width, size)] = False


def _strokes(
    draws: np.random.RandomState, size: int, most: int
) -> np.ndarray:
  """Fewer than `most` strokes, together mirrored or not."""
  picture = Image.new("L", (size, size), 0)
  for _ in range(draws.randint(most)):
    _stroke(draws, picture)
    # Every stroke is mirrored to no effect in the released program.
    draws.random_sample(2)
  drawn = np.asarray(picture) > 0
  if draws.random_sample() > 0.5:
    drawn = drawn[::-1]
  if draws.random_sample() > 0.5:
    drawn = drawn[:, ::-1]
  return drawn


def _stroke(draws: np.random.RandomState, picture: Image.Image) -> None:
  """A polyline that turns back and forth, with round joints."""
  size = picture.size[0]
  count = draws.randint(4, 18)
  mean, spread = 2 * np.pi / 5, 2 * np.pi / 15
  least = mean - draws.uniform(0, spread)
  most = mean + draws.uniform(0, spread)
  angles = [draws.uniform(least, most) for _ in range(count)]
  angles[::2] = [2 * np.pi - angle for angle in angles[::2]]
  points = [(int(draws.randint(size)), int(draws.randint(size)))]
  radius = np.sqrt(2) * size / 8
  for angle in angles:
    reach = np.clip(draws.normal(radius, radius // 2), 0, 2 * radius)
    x, y = points[-1]
    points.append((int(np.clip(x + reach * np.cos(angle), 0, size)),
                   int(np.clip(y + reach * np.sin(angle), 0, size))))
  width = int(draws.uniform(12, 48))
  pen = ImageDraw.Draw(picture)
  pen.line(points, fill=1, width=width)
  half = width // 2
  for x, y in points:
    pen.ellipse((x - half, y - half, x + half, y + half), fill=1)


def half_plane(degrees: float, size: int, margin: int = 100) -> np.ndarray:
  """The upper half-plane turned counter-clockwise about the centre.

  Args:
    degrees: angle of the rotation in degrees.
    size: height and width of the mask.
    margin: number of pixels by which the canvas that is turned is larger.
      Below 0.42 of `size` its corners come into view, and are missing.

  Returns:
    The mask, float32 `[size, size]`, 1 = observed.

  Example:
    >>> from jaxguide.data import vipaint_masks
    >>> vipaint_masks.half_plane(0, 4)[:, 0].tolist()
    [1.0, 1.0, 0.0, 0.0]
  """
  whole = size + margin
  canvas = np.ones((whole, whole), np.float32)
  canvas[whole // 2:] = 0
  # An integer would not do: Pillow turns by one along another path.
  turned = np.asarray(Image.fromarray(canvas).rotate(float(degrees)))
  edge = margin // 2
  return turned[edge:edge + size, edge:edge + size].copy()


@dataclasses.dataclass(frozen=True)
class RectanglesAndBrush:
  """Rectangles and strokes, drawn by `rectangles_and_brush`.

  Attributes:
    seed: seed of the family.
    missing: open interval of the missing share.
    brush: whether there are strokes.

  Example:
    >>> from jaxguide.data import vipaint_masks
    >>> source = vipaint_masks.RectanglesAndBrush()
    >>> source.mask(0, "", (32, 32)).shape
    (32, 32, 1)
  """

  seed: int = 0
  missing: tuple[float, float] = (0.4, 0.8)
  brush: bool = True

  def mask(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> np.ndarray:
    """The mask of one image; the missing share is that of the canvas."""
    draws = _image_draws(self.seed, index)
    size = max(CANVAS, *shape)
    return _thinned(rectangles_and_brush(
        draws, size, self.missing, brush=self.brush), shape)


@dataclasses.dataclass(frozen=True)
class RotatedHalf:
  """A half-plane at a whole number of degrees, drawn by `half_plane`.

  Attributes:
    seed: seed of the family.
    margin: number of pixels by which the canvas is larger than its 256; 30
      and 34 in older revisions.

  Example:
    >>> from jaxguide.data import vipaint_masks
    >>> vipaint_masks.RotatedHalf().mask(0, "", (32, 32)).shape
    (32, 32, 1)
  """

  seed: int = 0
  margin: int = 100

  def mask(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    degrees = _image_draws(self.seed, index).randint(360)
    size = max(CANVAS, *shape)
    # The margin is even, so that the canvas keeps its centre.
    margin = 2 * round(self.margin * size / (2 * CANVAS))
    return _thinned(half_plane(degrees, size, margin), shape)


def random_masks(seed: int = 0) -> RectanglesAndBrush:
  """The paper's random masks: 40 to 80 percent missing.

  Args:
    seed: seed of the family.

  The released configurations of LSUN name (0.3, 0.7).

  Example:
    >>> from jaxguide.data import vipaint_masks
    >>> vipaint_masks.random_masks().missing
    (0.4, 0.8)
  """
  return RectanglesAndBrush(seed, (0.4, 0.8))


def small_masks(seed: int = 0) -> RectanglesAndBrush:
  """The small masks of the released configuration: 20 to 21 percent missing.

  Args:
    seed: seed of the family.

  The paper says "up to 20 percent": missing=(0, 0.2) with strokes is its
  letter.

  Example:
    >>> from jaxguide.data import vipaint_masks
    >>> vipaint_masks.small_masks().missing
    (0.2, 0.21)
  """
  return RectanglesAndBrush(seed, (0.2, 0.21), brush=False)


def rotated_windows(seed: int = 0) -> RotatedHalf:
  """The paper's rotated windows: half of the image is missing.

  Args:
    seed: seed of the family.

  Example:
    >>> from jaxguide.data import vipaint_masks
    >>> vipaint_masks.rotated_windows().margin
    100
  """
  return RotatedHalf(seed)


def _image_draws(seed: int, index: int) -> np.random.RandomState:
  return np.random.RandomState(drawing.image_generator(
      seed, index).bit_generator)


def _thinned(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """The nearest pixel of the canvas for every pixel, `[H, W, 1]`."""
  rows, cols = (
      ((np.arange(n) + 0.5) * (len(mask) / n)).astype(int) for n in shape)
  return np.ascontiguousarray(mask[np.ix_(rows, cols)][..., None])
