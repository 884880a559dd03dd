"""Pictures of a run: 8-bit PNG files and labelled grids, by Pillow."""

from collections.abc import Sequence
import io
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from jaxguide.evaluation import store

MARGIN = 6
FONT_SIZE = 15
INK = (20, 20, 20)
PAPER = (255, 255, 255)


def encode_png(picture: np.ndarray) -> bytes:
  """The bytes of a PNG file, the same for the same picture.

  Args:
    picture: uint8 `[H, W, 3]`, or `[H, W]` or `[H, W, 1]` for grey.
  """
  if picture.ndim == 3 and picture.shape[-1] == 1:
    picture = picture[..., 0]
  buffer = io.BytesIO()
  Image.fromarray(picture).save(buffer, format="PNG", compress_level=6)
  return buffer.getvalue()


def decode(data: bytes | pathlib.Path, channels: int = 3) -> np.ndarray:
  """A picture file as uint8 `[H, W, channels]`, 3 or 1.

  Raises:
    OSError: if it is no picture, or is cut off.
  """
  source = io.BytesIO(data) if isinstance(data, bytes) else data
  with Image.open(source) as image:
    array = np.asarray(image.convert("RGB" if channels == 3 else "L"))
  return array.reshape(*array.shape[:2], channels)


class Cell(NamedTuple):
  """One picture of a grid.

  Attributes:
    picture: uint8 `[H, W, 3]` or `[H, W, 1]`; None leaves the place empty.
    label: written under it; empty for none.

  Example:
    >>> import numpy as np
    >>> from jaxguide import evaluation
    >>> cell = evaluation.Cell(np.zeros((8, 8, 3), np.uint8), "24.5 dB")
    >>> evaluation.write_grid("cells.png", [[cell, evaluation.Cell(None)]])
  """

  picture: np.ndarray | None
  label: str = ""


def draw_grid(
    rows: Sequence[Sequence[Cell | np.ndarray]],
    *,
    column_labels: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    cell_size: int = 128,
) -> np.ndarray:
  """Rows of labelled pictures as one uint8 `[H, W, 3]`.

  Pictures smaller than a cell are enlarged by a whole factor, pixel by pixel,
  so that what is shown is what was made; larger ones are shrunk.

  Args:
    rows: pictures, or `Cell`s; rows may differ in length.
    column_labels: above the columns.
    row_labels: left of the rows.
    cell_size: pixels of a cell's longer side.

  Raises:
    ValueError: if there is no picture.
  """
  cells = [[c if isinstance(c, Cell) else Cell(c) for c in row]
           for row in rows]
  if not any(c.picture is not None for row in cells for c in row):
    raise ValueError("rows must hold at least one picture")
  font = ImageFont.load_default(FONT_SIZE)
  left = max([_text_width(font, t) for t in row_labels], default=0)
  left += 2 * MARGIN if left else 0
  line = FONT_SIZE + MARGIN
  top = line if column_labels else 0
  below = line if any(c.label for row in cells for c in row) else 0
  columns = max(len(row) for row in cells)
  step_x, step_y = cell_size + MARGIN, cell_size + below + MARGIN
  page = Image.new("RGB", (left + MARGIN + columns * step_x,
                           top + MARGIN + len(cells) * step_y), PAPER)
  draw = ImageDraw.Draw(page)
  for i, text in enumerate(column_labels[:columns]):
    at = left + MARGIN + i * step_x + cell_size // 2
    _text(draw, font, (at, MARGIN // 2), text, cell_size, "ma")
  for j, row in enumerate(cells):
    y = top + MARGIN + j * step_y
    if j < len(row_labels):
      draw.text((MARGIN, y + cell_size // 2), row_labels[j], INK, font, "lm")
    for i, cell in enumerate(row):
      x = left + MARGIN + i * step_x
      _paste(page, cell.picture, x, y, cell_size)
      at = (x + cell_size // 2, y + cell_size + 2)
      _text(draw, font, at, cell.label, cell_size, "ma")
  return np.asarray(page)


def write_grid(
    path: pathlib.Path | str,
    rows: Sequence[Sequence[Cell | np.ndarray]],
    *,
    column_labels: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    cell_size: int = 128,
) -> None:
  """Writes `draw_grid` as PNG, atomically; arguments are its own.

  Example:
    >>> import numpy as np
    >>> from PIL import Image
    >>> from jaxguide import evaluation
    >>> black, white = (np.full((16, 16, 3), v, np.uint8) for v in (0, 255))
    >>> evaluation.write_grid(
    ...     "grid.png", [[black, white]], column_labels=("input", "result"))
    >>> Image.open("grid.png").mode
    'RGB'
  """
  page = draw_grid(rows, column_labels=column_labels, row_labels=row_labels,
                   cell_size=cell_size)
  store.write_atomic(path, encode_png(page))


def _paste(
    page: Image.Image, picture: np.ndarray | None, x: int, y: int, size: int
) -> None:
  if picture is None:
    return
  if picture.shape[-1] == 1:
    picture = np.repeat(picture, 3, axis=-1)
  image = Image.fromarray(picture)
  longest = max(image.size)
  factor = size // longest
  if factor >= 1:
    shape = tuple(factor * side for side in image.size)
    image = image.resize(shape, Image.Resampling.NEAREST)
  else:
    shape = tuple(max(1, side * size // longest) for side in image.size)
    image = image.resize(shape, Image.Resampling.LANCZOS)
  page.paste(image, (x + (size - image.width) // 2,
                     y + (size - image.height) // 2))


def _text(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont,
    at: tuple[int, int],
    text: str,
    width: int,
    anchor: str,
) -> None:
  """Draws text, cut where it would run into the next column."""
  if _text_width(font, text) > width:
    while text and _text_width(font, text + "…") > width:
      text = text[:-1]
    text += "…"
  if text:
    draw.text(at, text, INK, font, anchor)


def _text_width(font: ImageFont.ImageFont, text: str) -> int:
  return int(np.ceil(font.getlength(text)))
