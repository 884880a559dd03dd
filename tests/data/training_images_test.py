"""Images for trainings: labels, splits, reduction, damaged files."""

import dataclasses
import json

import numpy as np
from PIL import Image
import pytest

from jaxguide import data
from jaxguide import training
from jaxguide.data import training_images


def write_folder(path, number, value, side=8):
  path.mkdir(parents=True)
  for i in range(number):
    pixels = np.full((side, side, 3), value + i, np.uint8)
    Image.fromarray(pixels).save(path / f"{i}.png")


@pytest.fixture
def root(tmp_path):
  """Folders of one grey each: 10, 11, ... for cats, 200, 201, ... for dogs."""
  for split, number in (("train", 4), ("val", 2)):
    write_folder(tmp_path / split / "cat", number, 10)
    write_folder(tmp_path / split / "dog", number + 1, 200)
  return tmp_path


PLACES = training_images.Domains(
    train=("train/cat", "train/dog"), held_out=("val/cat", "val/dog"))


def test_the_label_is_the_position_of_the_folder(root):
  found = PLACES.read(root, 8)
  assert found.label.tolist() == [0] * 4 + [1] * 5
  assert found.pixels.dtype == np.uint8
  assert found.pixels[:, 3, 3, 1].tolist() == [
      10, 11, 12, 13, 200, 201, 202, 203, 204]
  assert found.skipped == ()
  other = dataclasses.replace(
      PLACES, train=PLACES.train[::-1], held_out=PLACES.held_out[::-1])
  turned = other.read(root, 8, held_out=True)
  assert turned.label.tolist() == [0] * 3 + [1] * 2
  assert turned.pixels[0, 0, 0, 0] == 200


def test_three_domains_grey_files_and_other_sizes(root):
  (root / "train" / "wild").mkdir()
  Image.fromarray(np.full((20, 20), 77, np.uint8)).save(
      root / "train" / "wild" / "grey.png")
  write_folder(root / "val" / "wild", 1, 70)
  three = training_images.Domains(
      train=(*PLACES.train, "train/wild"), held_out=(
          *PLACES.held_out, "val/wild"))
  found = three.read(root, 8)
  assert found.label.tolist() == [0] * 4 + [1] * 5 + [2]
  assert np.all(found.pixels[-1] == 77)


def test_a_corrupt_image_is_named_and_skipped(root):
  (root / "train" / "cat" / "1.png").write_bytes(b"no picture")
  truncated = root / "train" / "dog" / "0.png"
  truncated.write_bytes(truncated.read_bytes()[:40])
  found = PLACES.read(root, 8)
  assert found.label.tolist() == [0] * 3 + [1] * 4
  assert found.pixels[:3, 0, 0, 0].tolist() == [10, 12, 13]
  assert [text.split(":")[0] for text in found.skipped] == [
      "train/cat/1.png", "train/dog/0.png"]


def test_images_of_the_same_stem_are_two(root):
  Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(
      root / "train" / "cat" / "0.bmp")
  assert len(PLACES.read(root, 8).label) == 10


def test_an_empty_domain_is_named(root):
  for file in (root / "train" / "dog").iterdir():
    file.unlink()
  with pytest.raises(ValueError, match="domain 'train/dog'.*holds no picture"):
    PLACES.read(root, 8)
  (root / "train" / "dog" / "0.png").write_bytes(b"")
  with pytest.raises(ValueError, match="none of its 1 images can be used"):
    PLACES.read(root, 8)
  missing = dataclasses.replace(PLACES, train=("train/cat", "train/bird"))
  with pytest.raises(ValueError, match="train/bird.*does not exist"):
    missing.read(root, 8)


@pytest.mark.parametrize("change, message", [
    ({"train": ("a",), "held_out": ("b",)}, "at least 2"),
    ({"train": ()}, "names 0 domains"),
    ({"train": ("a", "a")}, "a different place for each of the 2"),
    ({"held_out": ("a",)}, "held_out is .* each of the 2 domains"),
    ({"held_out": ("train/cat", "b")}, "nothing would be held out"),
    ({"max_held_out": 0}, "max_held_out is 0"),
])
def test_places_that_do_not_fit_are_named(change, message):
  with pytest.raises(ValueError, match=message):
    dataclasses.replace(PLACES, **change)


def test_classes_are_the_domains():
  with pytest.raises(ValueError, match="out_channels 2; there are 3 domains"):
    training.ClassifierTraining(
        name="x", module={"out_channels": 2}, image_size=8,
        images=training_images.Domains(
            train=("a", "b", "c"), held_out=("d", "e", "f")))


@pytest.fixture
def files(tmp_path):
  rng = np.random.default_rng(0)
  for name in ("a.npz", "b.npz"):
    np.savez(tmp_path / name, image=rng.integers(
        0, 256, (5, 16, 16, 3), dtype=np.uint8))
  index = [{"split": s} for s in ("train", "valid", "train", "test", "valid")]
  (tmp_path / "index.json").write_text(json.dumps(index))
  return tmp_path, training_images.Domains(
      train=("a.npz", "b.npz"), held_out=("a.npz", "b.npz"),
      index="index.json", resize="center_crop_area")


def test_an_index_tells_the_images_of_npz_files_apart(files):
  root, places = files
  for held_out, rows in ((False, [0, 2]), (True, [1, 4])):
    found = places.read(root, 8, held_out=held_out)
    assert found.label.tolist() == [0, 0, 1, 1]
    wanted = np.concatenate(
        [np.load(root / name)["image"][rows] for name in places.train])
    wanted = wanted.reshape(4, 8, 2, 8, 2, 3).mean((2, 4))
    # Pillow rounds after each of the two axes.
    np.testing.assert_allclose(found.pixels, wanted, atol=1.0)


def test_held_out_images_are_thinned_evenly(files):
  root, places = files
  few = dataclasses.replace(places, max_held_out=1)
  assert len(few.read(root, 8).label) == 4
  assert few.read(root, 8, held_out=True).label.tolist() == [0, 1]


@pytest.mark.parametrize("text, message", [
    ('[{"split": "train"}]', "names 1 images; a.npz holds 5"),
    ("{", "JSONDecodeError"),
    ("[{}, {}]", "KeyError"),
    (json.dumps([{"split": "test"}] * 5), "no image is of split 'train'"),
])
def test_an_index_that_does_not_fit_is_named(files, text, message):
  root, places = files
  (root / "index.json").write_text(text)
  with pytest.raises(ValueError, match=message):
    places.read(root, 8)


def test_options_change_the_places():
  changed = PLACES.changed(domains=("a", "b"), held_out=("c", "d"))
  assert changed == dataclasses.replace(
      PLACES, train=("a", "b"), held_out=("c", "d"))
  assert changed.classes == ("a", "b")
  with pytest.raises(ValueError, match="train names 1 domains"):
    PLACES.changed(domains=("a",), held_out=("c",))


def test_folders_without_classes(root):
  source = training_images.ImageFolders(
      train="train/cat", held_out="val/cat", flip=False)
  found = source.read(root, 8)
  assert found.pixels[:, 0, 0, 0].tolist() == [10, 11, 12, 13]
  assert found.label.tolist() == [0] * 4 and not found.may_flip.any()
  assert source.read(root, 8, held_out=True).number == 2
  assert source.classes == ()
  with pytest.raises(ValueError, match="images 'nope'.*does not exist"):
    dataclasses.replace(source, train="nope").read(root, 8)
  with pytest.raises(ValueError, match="nothing would be held out"):
    dataclasses.replace(source, held_out="train/cat")


INDEXED = training_images.IndexedImages(
    file="noto64.npz", index="emoji_index.json", names=data.CATEGORIES,
    unmirrored=("Symbols", "Flags"))


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
  train = INDEXED.read(path, 32)
  blocks = images[[0, 1, 3, 5]].reshape(4, 32, 2, 32, 2, 3).astype(np.float64)
  np.testing.assert_allclose(
      train.images(), blocks.mean((2, 4)) / 127.5 - 1, atol=1e-6)
  assert train.may_flip.tolist() == [False, True, False, True]
  assert [data.CATEGORIES[i] for i in train.label] == [
      "Flags", "Objects", "Symbols", "Objects"]
  assert INDEXED.read(path, 32, held_out=True).number == 1


@pytest.mark.parametrize("change, size, name", [
    ({"train_split": "nothing"}, 32, "no image is of split 'nothing'"),
    ({}, 20, "image_size"),
])
def test_what_does_not_fit_is_named(folder, change, size, name):
  with pytest.raises(ValueError, match=name):
    dataclasses.replace(INDEXED, **change).read(folder[0], size)


def test_missing_and_disagreeing_files_are_named(folder, tmp_path_factory):
  empty = tmp_path_factory.mktemp("empty")
  with pytest.raises(ValueError, match="empty"):
    INDEXED.read(empty, 32)
  (folder[0] / "emoji_index.json").write_text("[]")
  with pytest.raises(ValueError, match="names 0 images"):
    INDEXED.read(folder[0], 32)
  (folder[0] / "noto64.npz").write_bytes(b"no archive")
  with pytest.raises(ValueError, match="noto64.npz is no usable npz"):
    INDEXED.read(folder[0], 32)


def test_an_unknown_category_is_named(folder):
  path, _ = folder
  index = json.loads((path / "emoji_index.json").read_text())
  index[0]["category"] = "Machines"
  (path / "emoji_index.json").write_text(json.dumps(index))
  with pytest.raises(ValueError, match="category 'Machines'; known are Act"):
    INDEXED.read(path, 32)
