"""Images of domains: labels, splits, damaged files, the order of batches."""

import dataclasses
import json

import numpy as np
from PIL import Image
import pytest

from experiments.egsde import domains
from jaxguide.training import config

RECIPE = config.ClassifierTraining(
    name="x", module={"out_channels": 2}, image_size=8, batch_size=4)


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


PLACES = domains.Domains(
    train=("train/cat", "train/dog"), held_out=("val/cat", "val/dog"))


def test_the_label_is_the_position_of_the_folder(root):
  found = domains.read(root, PLACES, 8)
  assert found.label.tolist() == [0] * 4 + [1] * 5
  assert found.pixels.dtype == np.uint8
  assert found.pixels[:, 3, 3, 1].tolist() == [
      10, 11, 12, 13, 200, 201, 202, 203, 204]
  assert found.skipped == ()
  other = dataclasses.replace(
      PLACES, train=PLACES.train[::-1], held_out=PLACES.held_out[::-1])
  turned = domains.read(root, other, 8, held_out=True)
  assert turned.label.tolist() == [0] * 3 + [1] * 2
  assert turned.pixels[0, 0, 0, 0] == 200


def test_three_domains_grey_files_and_other_sizes(root):
  (root / "train" / "wild").mkdir()
  Image.fromarray(np.full((20, 20), 77, np.uint8)).save(
      root / "train" / "wild" / "grey.png")
  write_folder(root / "val" / "wild", 1, 70)
  three = domains.Domains(
      train=(*PLACES.train, "train/wild"), held_out=(
          *PLACES.held_out, "val/wild"))
  found = domains.read(root, three, 8)
  assert found.label.tolist() == [0] * 4 + [1] * 5 + [2]
  assert np.all(found.pixels[-1] == 77)


def test_a_corrupt_image_is_named_and_skipped(root):
  (root / "train" / "cat" / "1.png").write_bytes(b"no picture")
  truncated = root / "train" / "dog" / "0.png"
  truncated.write_bytes(truncated.read_bytes()[:40])
  found = domains.read(root, PLACES, 8)
  assert found.label.tolist() == [0] * 3 + [1] * 4
  assert found.pixels[:3, 0, 0, 0].tolist() == [10, 12, 13]
  assert [error.name for error in found.skipped] == [
      "train/cat/1.png", "train/dog/0.png"]


def test_images_of_the_same_stem_are_two(root):
  Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(
      root / "train" / "cat" / "0.bmp")
  assert len(domains.read(root, PLACES, 8).label) == 10


def test_an_empty_domain_is_named(root):
  for file in (root / "train" / "dog").iterdir():
    file.unlink()
  with pytest.raises(ValueError, match="domain 'train/dog'.*holds no picture"):
    domains.read(root, PLACES, 8)
  (root / "train" / "dog" / "0.png").write_bytes(b"")
  with pytest.raises(ValueError, match="none of its 1 images can be used"):
    domains.read(root, PLACES, 8)
  missing = dataclasses.replace(PLACES, train=("train/cat", "train/bird"))
  with pytest.raises(ValueError, match="train/bird.*does not exist"):
    domains.read(root, missing, 8)


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
    domains.ExtractorTraining(RECIPE, domains.Domains(
        train=("a", "b", "c"), held_out=("d", "e", "f")))


@pytest.fixture
def files(tmp_path):
  rng = np.random.default_rng(0)
  for name in ("a.npz", "b.npz"):
    np.savez(tmp_path / name, image=rng.integers(
        0, 256, (5, 16, 16, 3), dtype=np.uint8))
  index = [{"split": s} for s in ("train", "valid", "train", "test", "valid")]
  (tmp_path / "index.json").write_text(json.dumps(index))
  return tmp_path, domains.Domains(
      train=("a.npz", "b.npz"), held_out=("a.npz", "b.npz"),
      index="index.json", resize="center_crop_area")


def test_an_index_tells_the_images_of_npz_files_apart(files):
  root, places = files
  for held_out, rows in ((False, [0, 2]), (True, [1, 4])):
    found = domains.read(root, places, 8, held_out=held_out)
    assert found.label.tolist() == [0, 0, 1, 1]
    wanted = np.concatenate(
        [np.load(root / name)["image"][rows] for name in places.train])
    wanted = wanted.reshape(4, 8, 2, 8, 2, 3).mean((2, 4))
    # Pillow rounds after each of the two axes.
    np.testing.assert_allclose(found.pixels, wanted, atol=1.0)


def test_held_out_images_are_thinned_evenly(files):
  root, places = files
  few = dataclasses.replace(places, max_held_out=1)
  assert len(domains.read(root, few, 8).label) == 4
  assert domains.read(root, few, 8, held_out=True).label.tolist() == [0, 1]


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
    domains.read(root, places, 8)


@pytest.mark.parametrize("order", ["epochs", "independent"])
def test_batches_are_a_function_of_the_step(root, order):
  recipe = dataclasses.replace(RECIPE, order=order)
  data = domains.read(root, PLACES, 8)
  stream = domains.batches(data, recipe, 0)
  first = [next(stream) for _ in range(4)]
  late = next(domains.batches(data, recipe, 3))
  np.testing.assert_array_equal(late.x0, first[3].x0)
  np.testing.assert_array_equal(late.label, first[3].label)
  for batch in first:
    value = np.rint((batch.x0[:, 0, 0, 0] + 1) * 127.5)
    assert np.array_equal(batch.label, value >= 200)


def test_half_of_the_images_are_mirrored():
  ramp = np.tile(np.arange(8, dtype=np.uint8)[None, :, None], (8, 1, 3))
  data = domains.LabelledImages(
      np.stack([ramp] * 50), np.zeros(50, np.int32), ())
  recipe = dataclasses.replace(RECIPE, batch_size=40)
  left = np.concatenate([
      domains.batch_at(data, recipe, s).x0[:, 0, 0, 0] for s in range(20)])
  share = np.mean(left > -0.99)
  assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(left.size)
  still = dataclasses.replace(recipe, flip=0.0)
  assert np.all(domains.batch_at(data, still, 0).x0[:, 0, 0, 0] == -1)
