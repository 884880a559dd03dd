"""Which images are fitted, when, and how often."""

import jax
import numpy as np
import pytest

from jaxguide.evaluation.running import compiled
from jaxguide.evaluation.running import fits
from jaxguide.evaluation.running import pipeline


def _fit(shared, rows):
  """A "fit" that shows which image it was made of."""
  return {"number": rows.indices + shared["offset"],
          "mean": rows.references.mean(axis=(1, 2, 3))}


def _batch(images, values=None):
  values = images if values is None else values
  return pipeline.Rows(
      np.asarray(images, np.int32),
      np.stack([np.full((4, 4, 3), v, np.float32) for v in values]), {}, {})


def _fitter(samples, **options):
  fitter = fits.Fits(
      _fit, samples, devices=jax.local_devices()[:1], **options)
  return fitter, fitter.program.mapped.replicate({"offset": np.int32(100)})


@pytest.mark.parametrize("samples, size", [(1, 4), (2, 2), (3, 1), (9, 1)])
def test_every_image_of_a_run_is_fitted_once(samples, size):
  """Batches of four items, whether or not they part an image's samples."""
  seen = []
  fitter, shared = _fitter(samples, on_compiled=seen.append)
  items = np.arange(20) // samples
  for first in range(0, 20, 4):
    images = items[first:first + 4]
    found = fitter(shared, _batch(images))
    np.testing.assert_array_equal(found["number"], images + 100)
    np.testing.assert_array_equal(found["mean"], images)
  assert fitter.timing()["images_fitted"] == items[-1] + 1
  # One program for all calls, however many images they fit.
  assert [(c.purpose, c.batch_size) for c in seen] == [("fit", size)]


def test_a_row_of_another_image_is_not_kept():
  """Where image 1 cannot be read its row holds image 0; then it is mended."""
  fitter, shared = _fitter(2)
  fitter(shared, _batch([0, 0, 1, 1], [0, 0, 0, 0]), failed=[1])
  found = fitter(shared, _batch([1, 1, 2, 2]))
  np.testing.assert_array_equal(found["mean"], [1, 1, 2, 2])


def test_only_the_last_batch_is_kept():
  fitter, shared = _fitter(2)
  for images in ([0, 0], [1, 1], [0, 0]):
    fitter(shared, _batch(images))
  assert fitter.timing()["images_fitted"] == 3


def test_memory_that_runs_out_is_told_apart(monkeypatch):
  fitter, shared = _fitter(1)

  def full(self, shared, batch):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 GiB\nand so on")

  monkeypatch.setattr(type(fitter.program.mapped), "__call__", full)
  with pytest.raises(compiled.OutOfMemory, match="9 GiB$"):
    fitter(shared, _batch([0, 1]))


def test_compilations_are_reported_in_mib():
  done = compiled.Compilation(2, 1.5, 3 * 2**20, "fit")
  assert done.to_json() == {
      "batch_size": 2, "seconds": 1.5, "bytes_per_device": 3 * 2**20,
      "purpose": "fit", "mib_per_device": 3.0}
  assert compiled.Compilation(2, 1.5, None).to_json() == {
      "batch_size": 2, "seconds": 1.5, "bytes_per_device": None}
