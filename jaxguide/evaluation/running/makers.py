"""Where the pictures of a run come from.

A maker takes a batch and gives one outcome per item: a picture, or what
went wrong with it. The sampler is one maker; the observation as a picture and
files that another program made are two more, so that all are scored and
written down in the same way.
"""

import abc
from collections.abc import Callable, Mapping, Sequence
import pathlib
from typing import Any

import jax
import numpy as np

from jaxguide import pixels
from jaxguide.data import images
from jaxguide.evaluation import records
from jaxguide.evaluation import scoring
from jaxguide.evaluation.running import compiled
from jaxguide.evaluation.running import fits
from jaxguide.evaluation.running import loading
from jaxguide.evaluation.running import pipeline

Outcome = np.ndarray | loading.Failure


class PictureMaker(abc.ABC):
  """Makes the pictures of a batch.

  Attributes:
    num_devices: how many devices share a batch.
  """

  num_devices: int = 1

  @abc.abstractmethod
  def __call__(self, batch: loading.Batch) -> list[Outcome]:
    """One outcome per item: uint8 `[H, W, C]`, or a `Failure`.

    Args:
      batch: items that are made together.
    """

  def padded_rows(self, batch_size: int) -> int:
    """The rows that a batch really has: every device has a least share.

    Args:
      batch_size: rows that are asked for.
    """
    return batch_size

  def timing(self) -> dict[str, Any]:
    """What timing.json says of it; nothing where nothing is compiled."""
    return {}


class SampledPictures(PictureMaker):
  """Runs a sampler through one compiled function, after a fit through another.

  Only a method that `fits` has a fit.
  """

  def __init__(
      self,
      functions: pipeline.Pipeline,
      seed: int,
      *,
      samples_per_image: int = 1,
      quantise: str = "uint8",
      devices: Sequence[jax.Device] | None = None,
      backend: str = "pmap",
      on_compiled: Callable[[compiled.Compilation], None] = lambda _: None,
  ):
    """Places parameters and plan on the devices.

    Args:
      functions: the pure functions of the run.
      seed: root of all keys.
      samples_per_image: pictures of every image; a fit is made once for all.
      quantise: rule of `pixels.to_uint8`.
      devices: local devices to use; all when left out.
      backend: "pmap" or "jit".
      on_compiled: told after each compilation.
    """
    self._quantise = quantise
    options = {
        "devices": devices, "backend": backend, "on_compiled": on_compiled}
    method = functions.method
    self._sampling = compiled.Program(
        functions.sample, purpose="sampling" if method.fits else "", **options)
    self._fits = fits.Fits(
        functions.fit, samples_per_image, **options) if method.fits else None
    self._shared = self._sampling.mapped.replicate(functions.shared(seed))
    self._count = 0
    self.num_devices = len(self._sampling.mapped.devices)

  def padded_rows(self, batch_size: int) -> int:
    """See `PictureMaker`."""
    return self._sampling.mapped.padded_rows(batch_size)

  def __call__(self, batch: loading.Batch) -> list[Outcome]:
    """See `PictureMaker`.

    Raises:
      OutOfMemory: if the device has no room for this batch.
    """
    rows = pipeline.Rows(
        batch.indices, batch.references, dict(batch.inputs),
        dict(batch.conditions))
    if self._fits is not None:
      rows = rows._replace(fitted=self._fits(
          self._shared, rows,
          failed=[batch.indices[i] for i in batch.failures]))
    made = self._sampling(
        self._shared, rows._replace(samples=batch.samples),
        len(batch.indices))
    self._count += len(batch.items)
    return [_outcome(x, finite, self._quantise) for x, finite in
            zip(made.x, made.is_finite, strict=True)][:len(batch.items)]

  def timing(self) -> dict[str, Any]:
    """Compilations, the seconds spent sampling, and the speed of that."""
    fitting = [] if self._fits is None else [self._fits.program]
    compilations = [c for program in (self._sampling, *fitting)
                    for c in program.compiled.values()]
    spent = self._sampling.seconds + sum(p.seconds for p in fitting)
    return {
        "devices": [str(d) for d in self._sampling.mapped.devices],
        "backend": self._sampling.mapped.backend,
        "compilations": [c.to_json() for c in compilations],
        "compile_seconds": sum(c.seconds for c in compilations),
        "sampling_seconds": self._sampling.seconds,
        **({} if self._fits is None else self._fits.timing()),
        "images_per_second": self._count / max(spent, 1e-9),
    }


class BaselinePictures(PictureMaker):
  """The observation itself as a picture."""

  def __init__(self, scorer: scoring.Scorer):
    """Takes the scorer that observes."""
    self._scorer = scorer

  def __call__(self, batch: loading.Batch) -> list[Outcome]:
    """See `PictureMaker`."""
    return [
        self._scorer.baseline(
            batch.references[i], _row(batch.inputs, i), int(batch.indices[i])
        )
        for i in range(len(batch.items))
    ]


def picture_name(name: str, sample: int, many: bool) -> str:
  """The name (no suffix) of a picture of the image with this name.

  Args:
    name: name of the image.
    sample: number of the picture among those of the image.
    many: whether images have more than one picture.
  """
  path = pathlib.PurePosixPath(name)
  # A dot in a name need not begin a suffix: "scene.03" is a stem.
  if path.suffix.lower() in images.SUFFIXES:
    path = path.with_suffix("")
  return f"{path}_s{sample}" if many else str(path)


def _outcome(x: np.ndarray, is_finite: bool, rule: str) -> Outcome:
  if not is_finite:
    return loading.Failure(
        records.NON_FINITE, "the sampler gave NaN or infinity")
  return pixels.to_uint8(x, rule)


def _row(inputs: Mapping[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
  return {k: v[i] for k, v in inputs.items()}
