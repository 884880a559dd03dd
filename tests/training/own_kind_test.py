"""A kind of training of one's own: one class, and the trainer runs it."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from jaxguide import training
from jaxguide.data import images as image_files
from jaxguide.data import training_images
from jaxguide.training import image_sets


class State(NamedTuple):
  step: jax.Array
  mean: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanTraining(training.Training):
  """The mean of the images and of noise, found by steps of a running mean."""

  noise_std: float = 0.0
  options: ClassVar = (
      *training.Training.options,
      training.Option("noise_std", "Standard deviation of noise.", float))

  def init_state(self, models):
    del models
    size = self.image_size
    return State(jnp.zeros((), jnp.int32), jnp.zeros((size, size, 3)))

  def session(self, images, models):
    del models
    held_out = images.held_out.images().mean(0)

    def update(state, batch, key):
      noise = jax.random.normal(
          jax.random.fold_in(key, state.step), state.mean.shape)
      count = state.step.astype(jnp.float32)
      target = batch.x0.mean(0) + self.noise_std * noise
      return State(
          state.step + 1, state.mean + (target - state.mean) / (count + 1))

    error = lambda state: float(np.abs(state.mean - held_out).mean())
    return training.Session(
        update=update,
        batches=lambda first: image_sets.batches(
            images.train, first, batch_size=self.batch_size, seed=self.seed,
            flip=0.0),
        columns=("error",),
        numbers=lambda state: (error(state),),
        measurements=(training.Measurement(
            name="rows", columns=("row", "mean"), every=2,
            measure=lambda state: [
                (i, float(row.mean())) for i, row in enumerate(state.mean)],
            draw=lambda rows: np.full((4, len(rows), 3), 99, np.uint8)),),
        pictures=training.Pictures(3, lambda state: [state.mean[None]]))

  def exported(self, state):
    return {"mean": state.mean}

  def save(self, params, destination, source, *, models, data=None):
    del models, data
    pathlib.Path(destination).mkdir()
    np.savez(
        pathlib.Path(destination, "mean.npz"), updates=source["updates"],
        **params)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
  folder = tmp_path_factory.mktemp("images")
  rng = np.random.default_rng(0)
  for split, number in (("train", 6), ("val", 3)):
    (folder / split).mkdir()
    for i in range(number):
      pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
      Image.fromarray(pixels).save(folder / split / f"{i}.png")
  return folder


MEAN = MeanTraining(
    name="mean", module={}, image_size=8, batch_size=2, num_steps=6,
    log_every=2, checkpoint_every=3, images=training_images.ImageFolders())


def test_it_is_run_measured_drawn_and_exported(data, tmp_path):
  state = training.train(MEAN, data, tmp_path / "run")
  pixels = np.stack([
      image_files.read_picture(path)
      for path in sorted((data / "train").iterdir())])
  # Six batches of two are two epochs: the plain mean.
  np.testing.assert_allclose(
      state.mean, (pixels / 127.5 - 1).mean(0), atol=1e-5)
  run = tmp_path / "run"
  log = (run / "training_log.csv").read_text().splitlines()
  assert log[0] == "step,error,seconds" and len(log) == 4
  table = (run / "rows.csv").read_text().splitlines()
  assert table[0] == "step,row,mean" and len(table) == 1 + 3 * 8
  assert table[-1] == f"6,7,{float(state.mean[7].mean()):.6f}"
  assert sorted(path.name for path in (run / "pictures").iterdir()) == [
      "000003.png", "000006.png"]
  assert training.export(MEAN, run, tmp_path / "model") == 6
  with np.load(tmp_path / "model" / "mean.npz") as file:
    np.testing.assert_array_equal(file["mean"], state.mean)
    assert file["updates"] == 6
  assert (tmp_path / "model" / "rows.csv").read_bytes() == (
      run / "rows.csv").read_bytes()


def test_it_resumes_to_the_bit_and_its_option_is_part_of_the_run(
    data, tmp_path):
  noisy = MEAN.changed(noise_std=0.5)
  whole = training.train(noisy, data, tmp_path / "whole")
  shutil.copytree(tmp_path / "whole", tmp_path / "run")
  shutil.rmtree(tmp_path / "run" / "checkpoints" / "6")
  resumed = training.train(noisy, data, tmp_path / "run")
  jax.tree.map(np.testing.assert_array_equal, resumed, whole)
  for name in ("rows.csv", "run.json", "pictures/000006.png"):
    assert (tmp_path / "run" / name).read_bytes() == (
        tmp_path / "whole" / name).read_bytes()
  with pytest.raises(ValueError, match="training.noise_std: 0.5 -> 0.0"):
    training.train(MEAN, data, tmp_path / "run")
