"""Where the pictures of a run come from.

A producer takes a batch and gives one outcome per item: a picture, or what
went wrong with it. The sampler is one producer; the degraded picture itself
and files that another program made are two more, so that all are scored and
written down in the same way.
"""

import collections
from collections.abc import Callable, Mapping, Sequence
import functools
import hashlib
import pathlib
import time
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxguide import data
from jaxguide import noise as noises
from jaxguide import parallel
from jaxguide import samplers
from jaxguide.convert import pretrained
from jaxguide.data import images
from jaxguide.evaluation import methods
from jaxguide.evaluation import networks as network_sources
from jaxguide.evaluation import pictures
from jaxguide.evaluation import scoring
from jaxguide.evaluation import tasks


class Failure(NamedTuple):
  """An item without a picture.

  Attributes:
    status: a word for counting: "unreadable", "wrong_size", "no_mask",
      "missing", "non_finite".
    error: one line.
  """

  status: str
  error: str


Outcome = np.ndarray | Failure


class Batch(NamedTuple):
  """Items that are made together; arrays have a leading axis B.

  Attributes:
    items: the items' numbers; shorter than B in the last batch.
    images: int32 `[B]`, the images' numbers.
    samples: int32 `[B]`, which sample of its image.
    names: of the images.
    references: float32 `[B, H, W, C]` in [-1, 1].
    inputs: of the task.
    failures: what could not be loaded, by place in the batch; the arrays
      hold another image there.
  """

  items: Sequence[int]
  images: np.ndarray
  samples: np.ndarray
  names: Sequence[str]
  references: np.ndarray
  inputs: Mapping[str, np.ndarray]
  failures: Mapping[int, Failure]


class Producer(Protocol):
  """Makes the pictures of a batch."""

  def __call__(self, batch: Batch) -> list[Outcome]:
    """One outcome per item: uint8 `[H, W, C]`, or a `Failure`."""

  def timing(self) -> dict[str, Any]:
    """What timing.json says of it."""


class OutOfMemory(RuntimeError):
  """The device has no room for a batch of this size."""


class Compilation(NamedTuple):
  """What one compilation took.

  Attributes:
    batch_size: images per call.
    seconds: tracing and compilation.
    bytes_per_device: temporary memory, arguments and outputs; None where
      the backend does not say.
  """

  batch_size: int
  seconds: float
  bytes_per_device: int | None


class SamplerProducer:
  """Runs a sampler through one compiled function."""

  def __init__(
      self,
      prior: pretrained.Prior,
      task: tasks.Task,
      method: methods.Method,
      seed: int,
      *,
      networks: Mapping[str, network_sources.Network] | None = None,
      devices: Sequence[jax.Device] | None = None,
      backend: str = "pmap",
      on_compiled: Callable[[Compilation], None] = lambda _: None,
  ):
    """Places parameters and plan on the devices.

    Args:
      prior: the pretrained prior.
      task: what is observed.
      method: its plan is made here.
      seed: root of all keys.
      networks: of the method, see `methods.load_networks`.
      devices: all local ones when left out.
      backend: "pmap" or "jit".
      on_compiled: told after each compilation.
    """
    networks = networks or {}
    self._mapped = parallel.map_batch(
        restore(prior, task, method, networks), devices=devices,
        backend=backend)
    self._shared = self._mapped.replicate({
        "params": prior.params,
        "networks": {k: n.params for k, n in networks.items()},
        "steps": method.steps(prior.schedule),
        "key": jax.random.key_data(jax.random.key(seed)),
    })
    self._on_compiled = on_compiled
    self._compiled: dict[int, Compilation] = {}
    self._seconds, self._count = 0.0, 0

  @property
  def num_devices(self) -> int:
    """How many devices share a batch."""
    return len(self._mapped.devices)

  def padded_rows(self, batch_size: int) -> int:
    """The rows that a batch really has: every device has a least share."""
    return self._mapped.padded_rows(batch_size)

  def __call__(self, batch: Batch) -> list[Outcome]:
    """See `Producer`.

    Raises:
      OutOfMemory: if the device has no room for this batch.
    """
    arrays = {
        "image": batch.images, "sample": batch.samples,
        "reference": batch.references, "inputs": dict(batch.inputs),
    }
    try:
      self._compile(arrays, len(batch.images))
      start = time.monotonic()
      out = self._mapped(self._shared, arrays)
      self._seconds += time.monotonic() - start
      self._count += len(batch.items)
    except jax.errors.JaxRuntimeError as error:
      if "RESOURCE_EXHAUSTED" not in str(error):
        raise
      raise OutOfMemory(str(error).partition("\n")[0]) from error
    return [_outcome(x, finite) for x, finite in
            zip(out["x"], out["is_finite"], strict=True)][:len(batch.items)]

  def timing(self) -> dict[str, Any]:
    """Compilations, the seconds spent sampling, and the speed of that."""
    return {
        "devices": [str(d) for d in self._mapped.devices],
        "backend": self._mapped.backend,
        "compilations": [c._asdict() for c in self._compiled.values()],
        "compile_seconds": sum(c.seconds for c in self._compiled.values()),
        "sampling_seconds": self._seconds,
        "images_per_second": self._count / max(self._seconds, 1e-9),
    }

  def _compile(self, arrays: Mapping, batch_size: int) -> None:
    if batch_size in self._compiled:
      return
    start = time.monotonic()
    compiled = self._mapped.lower(self._shared, arrays).compile()
    done = Compilation(
        batch_size, time.monotonic() - start, _memory(compiled)
    )
    self._compiled[batch_size] = done
    self._on_compiled(done)


def restore(
    prior: pretrained.Prior,
    task: tasks.Task,
    method: methods.Method,
    networks: Mapping[str, network_sources.Network],
) -> parallel.Mapped:
  """The pure function that makes pictures: `(shared, batch) -> out`.

  Args:
    prior: its parameters are an argument of the function, not part of it.
    task: what is observed.
    method: how pictures are made.
    networks: of the method; their parameters too are an argument.

  Returns:
    A function of `shared` {"params", "networks", "steps", "key"} and `batch`
    {"image", "sample": int32 `[B]`, "reference": `[B, H, W, C]`, "inputs"}.
    It gives {"x": `[B, H, W, C]`, "is_finite": `[B]`}.
  """

  def run(
      shared: Mapping[str, Any], batch: Mapping[str, Any]
  ) -> dict[str, jax.Array]:
    root = jax.random.wrap_key_data(shared["key"])
    images = noises.image_keys(root, batch["image"])
    keys = jax.vmap(jax.random.fold_in)(images, batch["sample"])
    reference = batch["reference"]
    problem = tasks.observe(
        task, reference, batch["inputs"], noises.prng_noise(images)
    )
    problem = problem._replace(networks={
        name: functools.partial(network.apply, shared["networks"][name])
        for name, network in networks.items()})
    denoise = prior.denoiser(shared["params"])
    noise = noises.prng_noise(keys)
    sampler = method.sampler(denoise, noise, problem)
    z = noise(-1, "start", reference.shape[1:])
    out = samplers.sample(sampler, z, shared["steps"])
    return {"x": out.x, "is_finite": out.is_finite}

  return run


class DegradedProducer:
  """The degraded picture itself."""

  def __init__(self, scorer: scoring.Scorer):
    """Takes the scorer that observes."""
    self._scorer = scorer

  def __call__(self, batch: Batch) -> list[Outcome]:
    """See `Producer`."""
    return [
        self._scorer.degraded(
            batch.references[i], _row(batch.inputs, i), int(batch.images[i])
        )
        for i in range(len(batch.items))
    ]

  def timing(self) -> dict[str, Any]:
    """Nothing is compiled for it."""
    return {}


class FilesProducer:
  """Pictures that another program made, found by name."""

  def __init__(
      self,
      directory: pathlib.Path | str,
      samples_per_image: int = 1,
      names: Sequence[str] = (),
  ):
    """Lists the folder.

    Args:
      directory: pictures named as the images (any suffix); further samples
        of an image are named like `name_s1`.
      samples_per_image: pictures expected of every image.
      names: of all images of the data set. The picture of `cat/1` may then be
        `1` if no other image's name ends so; left out, it may not.

    Raises:
      ValueError: if there is no such folder, it holds no picture, or two
        files have one stem.
    """
    self._directory = pathlib.Path(directory)
    self._many = samples_per_image > 1
    self._files = _pictures_by_stem(self._directory)
    self._sharing = collections.defaultdict(list)
    for name in names:
      stem = picture_name(name, 0, False)
      self._sharing[_last(stem)].append(stem)

  def __call__(self, batch: Batch) -> list[Outcome]:
    """See `Producer`."""
    shape = batch.references.shape[1:]
    return [
        self._read(batch.names[i], int(batch.samples[i]), shape)
        for i in range(len(batch.items))
    ]

  def timing(self) -> dict[str, Any]:
    """Nothing is compiled for it."""
    return {}

  def fingerprint(self) -> dict[str, Any]:
    """The folder, and a hash over the names and bytes of its pictures."""
    digest = hashlib.sha256()
    for stem, path in self._files.items():
      digest.update(stem.encode() + b"\0")
      digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {"folder": str(self._directory), "sha256": digest.hexdigest()}

  def _find(self, name: str, sample: int) -> pathlib.Path | Failure:
    stem = picture_name(name, sample, self._many)
    if stem in self._files:
      return self._files[stem]
    missing = f"{self._directory} has no picture {stem}"
    path = self._files.get(_last(stem))
    if path is None:
      return Failure("missing", missing)
    sharing = self._sharing[_last(picture_name(name, 0, False))]
    if len(sharing) == 1:
      return path
    # Scored for several images, it would be right for one of them at most.
    images_of = ", ".join(sharing[:3]) + (", ..." if sharing[3:] else "")
    why = (f"could be of {len(sharing)} images: {images_of}" if sharing else
           "could be of another image")
    return Failure("missing", f"{missing}, and {path.name} {why}")

  def _read(self, name: str, sample: int, shape: Sequence[int]) -> Outcome:
    path = self._find(name, sample)
    if isinstance(path, Failure):
      return path
    try:
      picture = images.read_picture(path)
    except data.ImageError as error:
      return Failure(error.status, str(error))
    if picture.shape != tuple(shape):
      return Failure(
          "wrong_size", f"{path}: {_size(picture.shape)}, wanted "
          f"{_size(shape)} pixels")
    return picture


def picture_name(name: str, sample: int, many: bool) -> str:
  """The name (no suffix) of a picture of the image with this name."""
  path = pathlib.PurePosixPath(name)
  # A dot in a name need not begin a suffix: "scene.03" is a stem.
  if path.suffix.lower() in images.SUFFIXES:
    path = path.with_suffix("")
  return f"{path}_s{sample}" if many else str(path)


def _last(stem: str) -> str:
  return stem.rsplit("/", 1)[-1]


def _pictures_by_stem(directory: pathlib.Path) -> dict[str, pathlib.Path]:
  if not directory.is_dir():
    raise ValueError(f"outputs: {directory} is no folder")
  files: dict[str, pathlib.Path] = {}
  for name in images.list_pictures(directory, recursive=True):
    stem = picture_name(name, 0, False)
    if stem in files:
      raise ValueError(
          f"outputs: {files[stem]} and {directory / name} have the same name")
    files[stem] = directory / name
  if not files:
    raise ValueError(f"outputs: {directory} holds no picture")
  return files


def _outcome(x: np.ndarray, is_finite: bool) -> Outcome:
  if not is_finite:
    return Failure("non_finite", "the sampler gave NaN or infinity")
  return pictures.to_uint8(x)


def _row(inputs: Mapping[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
  return {k: v[i] for k, v in inputs.items()}


def _memory(compiled: Any) -> int | None:
  try:
    stats = compiled.memory_analysis()
  except (NotImplementedError, jax.errors.JaxRuntimeError):
    return None
  if stats is None:
    return None
  return int(stats.temp_size_in_bytes + stats.argument_size_in_bytes
             + stats.output_size_in_bytes)


def _size(shape: Sequence[int]) -> str:
  return f"{shape[1]}x{shape[0]}"
