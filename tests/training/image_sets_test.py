"""What an update sees: batches as functions of the seed and the step."""

import numpy as np
import pytest

from jaxguide.training import image_sets


def _set(number, side=8, may_flip=None):
  rng = np.random.default_rng(0)
  may_flip = np.ones(number, bool) if may_flip is None else may_flip
  return image_sets.ImageSet(
      rng.integers(0, 256, (number, side, side, 3), dtype=np.uint8),
      np.arange(number, dtype=np.int32), may_flip)


def test_8_bits_and_floats_are_the_same_images():
  stored = _set(5)
  floats = stored._replace(pixels=stored.images())
  assert floats.pixels.dtype == np.float32
  np.testing.assert_array_equal(
      np.rint((stored.images() + 1) * 127.5), stored.pixels)
  drawing = dict(batch_size=4, seed=0)
  first, second = (
      image_sets.batch_at(data, 3, **drawing) for data in (stored, floats))
  np.testing.assert_array_equal(first.x0, second.x0)
  np.testing.assert_array_equal(first.label, second.label)


@pytest.mark.parametrize("order", ["epochs", "independent"])
def test_batches_are_a_function_of_seed_and_step_alone(order):
  train = _set(7)
  drawing = dict(batch_size=3, order=order)
  stream = image_sets.batches(train, 0, seed=5, **drawing)
  first = [next(stream) for _ in range(6)]
  late = image_sets.batches(train, 4, seed=5, **drawing)
  for batch in first[4:]:
    found = next(late)
    np.testing.assert_array_equal(found.x0, batch.x0)
    np.testing.assert_array_equal(found.label, batch.label)
  other = image_sets.batch_at(train, 4, seed=6, **drawing)
  assert not np.array_equal(other.x0, first[4].x0)
  for batch in first:  # The label is the place.
    for image, place in zip(batch.x0, batch.label, strict=True):
      x = train.images()[place]
      assert np.array_equal(image, x) or np.array_equal(image, x[:, ::-1])


def test_every_epoch_holds_every_image_once_and_text_is_not_mirrored():
  train = _set(4, may_flip=np.array([False, True, False, True]))
  mirrored = np.zeros(4, int)
  for epoch in range(8):
    seen = []
    for image in np.concatenate([
        image_sets.batch_at(train, 2 * epoch + i, batch_size=2, seed=0).x0
        for i in (0, 1)]):
      plain = [np.array_equal(image, x) for x in train.images()]
      flipped = [np.array_equal(image, x[:, ::-1]) for x in train.images()]
      seen.append(int(np.argmax(np.logical_or(plain, flipped))))
      mirrored[seen[-1]] += not any(plain)
    assert sorted(seen) == [0, 1, 2, 3]
  assert np.all((mirrored > 0) == train.may_flip)


def test_half_of_the_images_are_mirrored():
  ramp = np.tile(np.arange(8, dtype=np.uint8)[None, :, None], (8, 1, 3))
  train = _set(50)._replace(pixels=np.stack([ramp] * 50))
  batch_at = lambda step, **more: image_sets.batch_at(
      train, step, batch_size=40, seed=0, order="independent", **more).x0
  left = np.concatenate([batch_at(step)[:, 0, 0, 0] for step in range(20)])
  share = np.mean(left > -0.99)
  assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(left.size)
  assert np.all(batch_at(0, flip=0.0)[:, 0, 0, 0] == -1)


def test_an_identity_is_of_the_images_their_labels_and_their_mirroring():
  train = _set(6)
  same = train._replace(pixels=train.pixels.copy())
  assert same.identity() == train.identity()
  assert train.identity()["count"] == [1] * 6
  pixels = train.pixels.copy()
  pixels[3, 2, 1, 0] ^= 1
  for other in (
      train._replace(pixels=pixels), train._replace(label=train.label[::-1]),
      train._replace(may_flip=~train.may_flip)):
    assert other.identity()["sha256"] != train.identity()["sha256"]
