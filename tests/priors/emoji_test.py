"""The data order of the embedded prior's training."""

import json

import numpy as np
import pytest

from experiments.priors import emoji
from jaxguide import data


@pytest.fixture
def folder(tmp_path):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
  np.savez(tmp_path / "noto64.npz", image=images)
  splits = ["train", "train", "valid", "train", "test", "train"]
  kinds = ["Flags", "Objects", "Objects", "Symbols", "Activities", "Objects"]
  index = [{"split": s, "category": c}
           for s, c in zip(splits, kinds, strict=True)]
  (tmp_path / "emoji_index.json").write_text(json.dumps(index))
  return tmp_path, images


def test_a_split_is_reduced_by_area_means(folder):
  path, images = folder
  train = emoji.load(path, "train", 32)
  blocks = images[[0, 1, 3, 5]].reshape(4, 32, 2, 32, 2, 3).astype(np.float64)
  np.testing.assert_allclose(
      train.images, blocks.mean((2, 4)) / 127.5 - 1, atol=1e-6)
  assert train.may_flip.tolist() == [False, True, False, True]
  assert [data.CATEGORIES[i] for i in train.label] == [
      "Flags", "Objects", "Symbols", "Objects"]


def test_batches_are_a_function_of_seed_and_step_alone(folder):
  train = emoji.load(folder[0], "train", 8)
  stream = emoji.batches(train, 0, 3, seed=5)
  first = [next(stream) for _ in range(6)]
  late = emoji.batches(train, 4, 3, seed=5)
  np.testing.assert_array_equal(next(late), first[4])
  np.testing.assert_array_equal(next(late), first[5])
  other = emoji.batch_at(train, 4, 3, seed=6)
  assert not np.array_equal(other, first[4])


def test_every_epoch_holds_every_image_once_and_text_is_not_mirrored(folder):
  train = emoji.load(folder[0], "train", 8)
  mirrored = np.zeros(4, int)
  for epoch in range(8):
    seen = []
    for image in np.concatenate(
        [emoji.batch_at(train, 2 * epoch + i, 2, seed=0) for i in (0, 1)]):
      plain = [np.array_equal(image, x) for x in train.images]
      flipped = [np.array_equal(image, x[:, ::-1]) for x in train.images]
      seen.append(int(np.argmax(np.logical_or(plain, flipped))))
      mirrored[seen[-1]] += not any(plain)
    assert sorted(seen) == [0, 1, 2, 3]
  assert np.all((mirrored > 0) == train.may_flip)


@pytest.mark.parametrize("split, size, name", [
    ("nothing", 32, "split"), ("train", 20, "image_size"),
])
def test_what_does_not_fit_is_named(folder, split, size, name):
  with pytest.raises(ValueError, match=name):
    emoji.load(folder[0], split, size)


def test_missing_and_disagreeing_files_are_named(folder, tmp_path_factory):
  empty = tmp_path_factory.mktemp("empty")
  with pytest.raises(ValueError, match="empty"):
    emoji.load(empty, "train", 32)
  (folder[0] / "emoji_index.json").write_text("[]")
  with pytest.raises(ValueError, match="names 0 images"):
    emoji.load(folder[0], "train", 32)


def test_an_unknown_category_is_named(folder):
  path, _ = folder
  index = json.loads((path / "emoji_index.json").read_text())
  index[0]["category"] = "Machines"
  (path / "emoji_index.json").write_text(json.dumps(index))
  with pytest.raises(ValueError, match="category 'Machines'; known are Act"):
    emoji.load(path, "train", 32)
