"""Makes jaxguide/embedded/noto32_test.npz from the emoji artwork.

  python -m experiments.training.make_embedded_set --artwork FOLDER
      [--vendor twemoji] [--size 64] [--file FILE] [--preview grid.png]

FOLDER holds `noto64.npz`, `emoji_index.json` and, for the other vendor,
`twemoji64.npz`. 64 concepts of the test split are taken in turn from every
category, and within a category in turn from every sub-category, so that any
first few of them are of many kinds; of a concept with skin tones one is drawn.
Pictures with little in them (a minus sign, fog) are left out. Noto's artwork
decides, at 32 pixels, whichever vendor's and size is written: all files hold
the same emoji. The same folder and seed give the same file.
"""

from collections.abc import Sequence
import io
import json
import pathlib
from typing import Any
import zipfile

from absl import app
from absl import flags
import numpy as np
from PIL import Image

from jaxguide.data import masks

COUNT = 64
SIZE = 32
SEED = 0
# Share of the picture that artwork covers, and spread of its colours.
LEAST_COVER = 0.25
LEAST_SPREAD = 35.0


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string("artwork", None, "Folder of the artwork.")
  flags.DEFINE_enum(
      "vendor", "noto", ("noto", "twemoji"), "Whose artwork is written.")
  flags.DEFINE_enum(
      "size", "32", ("32", "64"), "Height and width of what is written.")
  flags.DEFINE_string(
      "file", None,
      "File to write; jaxguide/embedded/VENDOR32_test.npz, or what vendor and "
      "size are, if left out.")
  flags.DEFINE_string("preview", None, "Also write a picture.")


def main(argv: Sequence[str]) -> None:
  """Writes the file, and the preview if asked for."""
  values = flags.FLAGS
  if len(argv) > 1 or not values.artwork:
    raise app.UsageError("--artwork FOLDER is needed, and nothing else")
  arrays = make(pathlib.Path(values.artwork), values.vendor, int(values.size))
  file = values.file or (
      f"jaxguide/embedded/{values.vendor}{values.size}_test.npz")
  pathlib.Path(file).write_bytes(to_npz(arrays))
  if values.preview:
    Image.fromarray(preview(arrays)).save(values.preview)


def make(
    folder: pathlib.Path, vendor: str = "noto", size: int = SIZE
) -> dict[str, np.ndarray]:
  """The arrays of the file.

  Args:
    folder: holds the artwork.
    vendor: "noto" or "twemoji".
    size: 32 or 64.
  """
  index = json.loads((folder / "emoji_index.json").read_text("utf-8"))
  with np.load(folder / "noto64.npz") as file:
    pictures, alpha = file["image"], file["alpha"]
  small = reduce(pictures)
  usable = [
      n for n, entry in enumerate(index)
      if entry["split"] == "test" and is_rich(small[n], alpha[n])
  ]
  chosen = choose(index, usable, np.random.default_rng(SEED))
  if vendor != "noto":
    with np.load(folder / f"{vendor}64.npz") as file:
      pictures = file["image"]
  pictures = pictures[chosen]
  shape = (size, size)
  box = masks.stack(masks.Box(SEED), range(COUNT), shape)
  free = masks.stack(masks.FreeForm(SEED), range(COUNT), shape)
  return {
      "image": pictures if size == 2 * SIZE else reduce(pictures),
      "name": np.array([name_of(index[n]) for n in chosen]),
      "category": np.array([index[n]["category"] for n in chosen]),
      "mask_box": box[..., 0].astype(np.uint8),
      "mask_free_form": free[..., 0].astype(np.uint8),
  }


def reduce(pictures: np.ndarray) -> np.ndarray:
  """Means of 2x2 pixels, rounded to 8 bits.

  Args:
    pictures: uint8 `[N, 64, 64, 3]`.
  """
  blocks = pictures.reshape(-1, SIZE, 2, SIZE, 2, 3).astype(np.float64)
  return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)


def is_rich(picture: np.ndarray, alpha: np.ndarray) -> bool:
  """Whether there is enough in a picture to be worth restoring.

  Args:
    picture: uint8 `[32, 32, 3]`.
    alpha: uint8 `[64, 64]`, the artwork's cover.
  """
  spread = picture.reshape(-1, 3).std(axis=0).mean()
  return bool(np.mean(alpha > 127) > LEAST_COVER and spread > LEAST_SPREAD)


def choose(
    index: Sequence[dict[str, Any]],
    usable: Sequence[int],
    rng: np.random.Generator,
) -> list[int]:
  """COUNT entries, one per concept, by turns of category.

  Args:
    index: of all artwork.
    usable: entries to choose from.
    rng: draws the order and the skin tones.
  """
  concepts: dict[str, list[int]] = {}
  for n in usable:
    concepts.setdefault(index[n]["base"], []).append(n)
  tree: dict[str, dict[str, list[int]]] = {}
  for base in sorted(concepts):
    n = concepts[base][rng.integers(len(concepts[base]))]
    branch = tree.setdefault(index[n]["category"], {})
    branch.setdefault(index[n]["subcategory"], []).append(n)
  queues = [
      take_turns([shuffled(leaf, rng) for leaf in shuffled(branch, rng)])
      for branch in ([b[k] for k in sorted(b)] for _, b in sorted(tree.items()))
  ]
  order = take_turns(queues)
  if len(order) < COUNT:
    raise ValueError(f"only {len(order)} concepts are usable, need {COUNT}")
  return order[:COUNT]


def shuffled(things: Sequence[Any], rng: np.random.Generator) -> list[Any]:
  """The things in a drawn order."""
  return [things[i] for i in np.argsort(rng.random(len(things)))]


def take_turns(queues: Sequence[Sequence[int]]) -> list[int]:
  """The first of every queue, then the second of every queue, ..."""
  longest = max(len(queue) for queue in queues)
  return [
      queue[i] for i in range(longest) for queue in queues if i < len(queue)
  ]


def name_of(entry: dict[str, Any]) -> str:
  """A file-like name: "flag-ar", "judge-1F3FC"."""
  short = entry["short_name"].replace("_", "-")
  return f"{short}-{entry['skin_tone']}" if entry["skin_tone"] else short


def to_npz(arrays: dict[str, np.ndarray]) -> bytes:
  """A compressed npz with fixed time stamps: same arrays, same bytes.

  Args:
    arrays: by name, none of them of objects.
  """
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, array in arrays.items():
      entry = io.BytesIO()
      np.lib.format.write_array(entry, array, allow_pickle=False)
      info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
      info.compress_type = zipfile.ZIP_DEFLATED
      archive.writestr(info, entry.getvalue())
  return buffer.getvalue()


def preview(arrays: dict[str, np.ndarray]) -> np.ndarray:
  """Eight rows of eight: picture, behind its box, behind its free form.

  Args:
    arrays: from `make`.
  """
  image = arrays["image"]
  kinds = [image] + [
      np.where(arrays[key][..., None] == 1, image, 128)
      for key in ("mask_box", "mask_free_form")
  ]
  size = image.shape[1]
  rows = np.stack(kinds, axis=1).reshape(8, 24, size, size, 3)
  grid = rows.transpose(0, 2, 1, 3, 4).reshape(8 * size, 24 * size, 3)
  return np.repeat(np.repeat(grid, 2, axis=0), 2, axis=1)


if __name__ == "__main__":
  define_flags()
  app.run(main)
