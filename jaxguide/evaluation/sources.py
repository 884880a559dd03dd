"""Where priors, images and masks come from, as values of a config."""

from collections.abc import Mapping
import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Literal, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import data
from jaxguide import schedules
from jaxguide.convert import pretrained
from jaxguide.models import adm_unet


class PriorSource(Protocol):
  """Loads a prior; loading is put off until it is needed."""

  def load(self) -> pretrained.Prior:
    """The prior.

    Raises:
      FileNotFoundError: if it is not there, saying where to get it.
    """


@dataclasses.dataclass(frozen=True)
class ConvertedPrior:
  """A checkpoint that was converted by `jaxguide convert`.

  Attributes:
    path: the folder that `--out` named.
    checkpoint: the file's usual name, for the message when it is missing.
    card: its card's name.
    origin: where people get the file, in words.
    dtype: of the network's arithmetic.
    remat: recompute activations in a backward pass, to save memory.
    attention_impl: see `layers.attention`; not every network has a choice.
    conv_impl: see `layers.conv_3x3`; not every network has a choice.
  """

  path: str
  checkpoint: str
  card: str
  origin: str = ""
  dtype: Literal["float32", "bfloat16"] = "float32"
  remat: bool = False
  attention_impl: Literal["auto", "matmul", "dot_product"] = "auto"
  conv_impl: Literal["auto", "lax", "winograd"] = "auto"

  def load(self) -> pretrained.Prior:
    """See `PriorSource`."""
    if not pathlib.Path(self.path).is_dir():
      origin = f" ({self.origin})" if self.origin else ""
      raise FileNotFoundError(
          f"prior: {self.path} does not exist; get {self.checkpoint}{origin} "
          f"and convert it with: jaxguide convert {self.checkpoint} "
          f"--card {self.card} --out {self.path}; a copy elsewhere is named "
          "with --set prior.path=FOLDER"
      )
    chosen = {n: getattr(self, n) for n in ("attention_impl", "conv_impl")}
    options = {n: value for n, value in chosen.items() if value != "auto"}
    return pretrained.load_prior(
        self.path, dtype=jnp.dtype(self.dtype), remat=self.remat, **options)


@dataclasses.dataclass(frozen=True)
class EmbeddedPrior:
  """A prior that is part of the package.

  Attributes:
    name: "noto32".
  """

  name: str = "noto32"

  def load(self) -> pretrained.Prior:
    """See `PriorSource`."""
    return pretrained.load_prior(self.name)


@dataclasses.dataclass(frozen=True)
class RandomPrior:
  """A tiny ADM UNet with random weights: it tries the way, and no more.

  Attributes:
    size: height and width.
    seed: of the weights.
  """

  size: int = 32
  seed: int = 0

  def load(self) -> pretrained.Prior:
    """See `PriorSource`."""
    network = adm_unet.AdmUnet(
        in_channels=3, out_channels=3, model_channels=32, channel_mult=(1.0,),
        num_res_blocks=1, attention_factors=(),
    )
    x = np.zeros((2, self.size, self.size, 3), np.float32)
    shapes = jax.eval_shape(
        network.init, jax.random.key(0), x, x[:, 0, 0, 0])["params"]
    params = _random_like(shapes, self.seed)
    return pretrained.Prior(
        apply=lambda params, x, time, cond: network.apply(
            {"params": params}, x, time),
        params=params, schedule=schedules.linear(1000), prediction="eps",
        learned_variance=False, image_size=self.size, channels=3,
        name="random", sha256=_digest(params))


def _random_like(shapes, seed: int):
  """Small weights everywhere: an initial network would give zero."""
  rng = np.random.default_rng(seed)
  return jax.tree.map(lambda s: np.float32(
      0.1 * rng.standard_normal(s.shape)), shapes)


def _digest(params) -> str:
  return hashlib.sha256(b"".join(
      np.asarray(x).tobytes() for x in jax.tree.leaves(params))).hexdigest()


class DataSource(Protocol):
  """Opens a data set; nothing is read before.

  Attributes:
    size: height and width of its images.
  """

  size: int

  def open(self) -> data.Dataset:
    """The data set.

    Raises:
      FileNotFoundError: if it is not there, saying what was expected.
    """


@dataclasses.dataclass(frozen=True)
class FolderImages:
  """The pictures of a folder, by name: 9.jpg before 10.jpg.

  Attributes:
    path: of the folder.
    size: height and width that they are brought to.
    resize: a rule of `data.resizing`; "none" refuses other sizes.
    recursive: whether to look into folders inside.
    origin: what is expected there, for the message when it is missing.
    folders: of `path`, whose pictures are taken one folder after the other,
      as "cat/NAME"; the pictures of `path` itself when empty.
    count: the first so many pictures, of all `folders` together; None takes
      all. A row over fewer is not the one that was asked for, so fewer are
      an error.
  """

  path: str
  size: int
  resize: str = "bicubic_squash"
  recursive: bool = False
  origin: str = ""
  folders: tuple[str, ...] = ()
  count: int | None = None

  def __post_init__(self):
    if self.count is not None and self.count < 1:
      raise ValueError(f"count must be at least 1 or none, got {self.count}")

  def open(self) -> data.Dataset:
    """See `DataSource`.

    Raises:
      ValueError: if there are fewer than `count` pictures.
    """
    wanted = f" (wanted: {self.origin})" if self.origin else ""
    try:
      parts = {
          name and f"{name}/": data.ImageFolder(
              pathlib.Path(self.path, name), (self.size, self.size),
              resize=self.resize, recursive=self.recursive)
          for name in self.folders or ("",)}
    except FileNotFoundError as error:
      raise FileNotFoundError(
          f"data: {error}{wanted}; another folder is named with "
          "--set data.path=FOLDER") from None
    number = sum(len(part) for part in parts.values())
    if self.count is not None and number < self.count:
      raise ValueError(
          f"data: {self.path} must hold at least {self.count} pictures, got "
          f"{number}{wanted}; --set data.count=none takes what is there")
    return _Joined(parts, self.count)


class _Joined:
  """The first pictures of some folders, by what stands before a name."""

  def __init__(self, parts: Mapping[str, data.Dataset], count: int | None):
    self._places = [
        (before, part, n)
        for before, part in parts.items() for n in range(len(part))][:count]
    self.names = [b + part.name(n) for b, part, n in self._places]

  def __len__(self) -> int:
    return len(self.names)

  def name(self, index: int) -> str:
    return self.names[index]

  def load(self, index: int) -> np.ndarray:
    before, part, n = self._places[index]
    try:
      return part.load(n)
    except data.ImageError as error:
      raise data.ImageError(
          before + error.name, error.status, error.reason) from error


@dataclasses.dataclass(frozen=True)
class NpzImages:
  """The images of an npz file.

  Attributes:
    path: of the file; see `data.open_npz`.
    size: height and width that they are brought to.
    resize: a rule of `data.resizing`; "none" refuses other sizes.
  """

  path: str
  size: int
  resize: str = "none"

  def open(self) -> data.Dataset:
    """See `DataSource`."""
    return data.open_npz(
        self.path, shape=(self.size, self.size), resize=self.resize)


@dataclasses.dataclass(frozen=True)
class SplitImages:
  """One split of the images of an npz file, by an index beside it.

  Two files with the same index are pairs: the emoji of two vendors.

  Attributes:
    path: of the npz file; see `data.open_npz`.
    index: a JSON file with a list of objects, one per image in the same
      order: "file" is its name, "split" its split.
    size: height and width that they are brought to.
    split: which one.
    resize: a rule of `data.resizing`.
    origin: what is expected there, for the message when it is missing.
  """

  path: str
  index: str
  size: int
  split: str = "test"
  resize: str = "center_crop_area"
  origin: str = ""

  def open(self) -> data.Dataset:
    """See `DataSource`.

    Raises:
      ValueError: if the two files do not belong together, or the split is
        empty.
    """
    for name in (self.path, self.index):
      if not pathlib.Path(name).is_file():
        wanted = f" (wanted: {self.origin})" if self.origin else ""
        raise FileNotFoundError(
            f"data: {name} does not exist{wanted}; other files are named "
            "with --set data.path=FILE --set data.index=FILE")
    whole = data.open_npz(self.path)
    entries = self._entries(len(whole))
    chosen = [n for n, e in enumerate(entries) if e["split"] == self.split]
    if not chosen:
      raise ValueError(
          f"split {self.split!r} of {self.index} is empty; it has "
          f"{', '.join(sorted({e['split'] for e in entries}))}")
    return data.ArrayImages(
        whole.select(chosen), [entries[n]["file"] for n in chosen],
        shape=(self.size, self.size), resize=self.resize)

  def _entries(self, count: int) -> list[dict[str, str]]:
    try:
      entries = json.loads(pathlib.Path(self.index).read_text("utf-8"))
      complete = all({"file", "split"} <= set(e) for e in entries)
    except (TypeError, ValueError) as error:
      raise ValueError(f"index {self.index} is no list: {error}") from error
    if not complete or len(entries) != count:
      raise ValueError(
          f"index {self.index} must name file and split of the {count} images "
          f"of {self.path}, got {len(entries)} entries")
    return entries


@dataclasses.dataclass(frozen=True)
class EmbeddedImages:
  """The images that come with the package.

  Attributes:
    name: of the set.
    size: that of the set; it cannot be changed.
  """

  name: str = "noto32"
  size: int = 32

  def __post_init__(self):
    if self.size != data.embedded.SIZES.get(self.name, self.size):
      raise ValueError(f"size of {self.name} cannot be {self.size}")

  def open(self) -> data.Dataset:
    """See `DataSource`."""
    return data.embedded_dataset(self.name)


@dataclasses.dataclass(frozen=True)
class Masks:
  """Masks from a folder where one is named, drawn ones elsewhere.

  Attributes:
    drawn: a family of `data.masks`, used without a folder.
    folder: of mask pictures.
    mask_white: what white means in the folder's pictures.
    match: which picture belongs to which image; see `data.MaskFolder`.
    threshold: see `data.MaskFolder`; None keeps grey as soft weights, as the
      released Steered Diffusion does.
    suffix: with match "stem", what a mask's name has after the image's.
    resize: how the pictures are brought to the image's size; or "none".
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


@dataclasses.dataclass(frozen=True)
class DrawnImages:
  """Smooth coloured pictures, drawn by formula: for tiny trial runs.

  Attributes:
    count: how many.
    size: height and width.
  """

  count: int = 3
  size: int = 32

  def open(self) -> data.Dataset:
    """See `DataSource`."""
    return _Drawn(self)


class _Drawn:
  """The data set of `DrawnImages`."""

  def __init__(self, source: DrawnImages):
    self._size = source.size
    self.names = [f"drawn{i:03d}.png" for i in range(source.count)]

  def __len__(self) -> int:
    return len(self.names)

  def name(self, index: int) -> str:
    return self.names[index]

  def load(self, index: int) -> np.ndarray:
    rng = np.random.default_rng([5, index])
    v, u = np.mgrid[0:1:1j * self._size, 0:1:1j * self._size]
    waves = [
        np.sin(2 * np.pi * (a * u + b * v + c))
        for a, b, c in rng.uniform([-2, -2, 0], [2, 2, 1], (3, 3))
    ]
    return np.stack(waves, -1).astype(np.float32)
