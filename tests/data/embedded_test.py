"""The embedded images and masks."""

import importlib.resources
import zipfile

import numpy as np
import pytest

from experiments.training import make_embedded_set
from jaxguide import data
from jaxguide.data import embedded
from jaxguide.data import masks


def test_shapes_types_and_names():
  found = embedded.read()
  assert found.images.shape == (64, 32, 32, 3)
  assert found.images.dtype == found.box.dtype == np.uint8
  assert found.box.shape == found.free_form.shape == (64, 32, 32, 1)
  assert len(set(found.names)) == 64
  assert found.names.dtype.kind == found.categories.dtype.kind == "U"
  assert len(np.unique(found.categories)) == 9
  # Any first images are of many kinds.
  assert len(np.unique(found.categories[:9])) == 9


def test_pictures_are_emoji_on_white():
  found = embedded.read()
  corners = found.images[:, [0, 0, -1, -1], [0, -1, 0, -1]]
  assert np.mean(np.all(corners >= 250, axis=-1)) > 0.7
  spread = found.images.reshape(64, -1).std(axis=1)
  assert spread.min() > 20
  flat = found.images.reshape(64, -1)
  assert len(np.unique(flat, axis=0)) == 64


def test_dataset_and_array_agree():
  dataset = data.embedded_dataset()
  array = data.embedded_images("noto32")
  assert array.dtype == np.float32 and len(dataset) == 64
  assert array.min() >= -1 and array.max() <= 1
  for item in data.items(dataset, [0, 63]):
    np.testing.assert_array_equal(item.image, array[item.index])
    assert item.error is None and item.name == dataset.names[item.index]


def test_masks_are_those_of_the_generators():
  box = masks.stack(masks.Box(0), range(64), (32, 32))
  np.testing.assert_array_equal(
      masks.stack(data.EmbeddedMasks("box"), range(64), (32, 32)), box
  )
  free = masks.stack(masks.FreeForm(0), range(64), (32, 32))
  np.testing.assert_array_equal(
      masks.stack(data.EmbeddedMasks("free_form"), range(64), (32, 32)), free
  )


def test_masks_of_other_images_are_refused():
  source = data.EmbeddedMasks()
  name = embedded.read().names[3]
  assert source.mask(3, name, (32, 32)).shape == (32, 32, 1)
  with pytest.raises(ValueError, match="not in the embedded set"):
    source.mask(3, "photo.png", (32, 32))
  with pytest.raises(ValueError, match="not in the embedded set"):
    source.mask(64, "", (32, 32))
  with pytest.raises(ValueError, match="mask must have shape"):
    source.mask(3, name, (64, 64))
  with pytest.raises(ValueError, match="name must be one of"):
    data.embedded_images("celeba")


def test_vendors_have_the_same_emoji_in_their_own_artwork():
  noto, twemoji = (embedded.read(name) for name in ("noto32", "twemoji32"))
  for a, b in zip(noto[1:], twemoji[1:], strict=True):
    np.testing.assert_array_equal(a, b)
  flat = [s.images.reshape(64, -1) - 255.0 for s in (noto, twemoji)]
  assert not np.any(np.all(flat[0] == flat[1], axis=1))
  # A picture is nearer to its counterpart than to most others.
  apart = np.linalg.norm(flat[0][:, None] - flat[1], axis=2)
  rank = np.sum(apart < np.diag(apart)[:, None], axis=1)
  assert np.median(rank) == 0


def test_larger_images_are_the_same_emoji():
  """Reduced by means they are the small ones; masks are the generators'."""
  small, large = embedded.read("noto32"), embedded.read("noto64")
  np.testing.assert_array_equal(
      make_embedded_set.reduce(large.images), small.images)
  np.testing.assert_array_equal(large.names, small.names)
  np.testing.assert_array_equal(
      data.EmbeddedMasks("free_form", "noto64").mask(5, "", (64, 64)),
      masks.FreeForm(0).mask(5, "", (64, 64)))
  for name, size in embedded.SIZES.items():
    assert embedded.read(name).images.shape == (64, size, size, 3)


def test_labels_are_the_classes_that_priors_are_trained_on():
  found = embedded.read("noto64")
  for n in (0, 7, 63):
    label = data.embedded_label(n, found.names[n])
    assert data.CATEGORIES[label] == found.categories[n]
  with pytest.raises(ValueError, match="not in the embedded set noto64"):
    data.embedded_label(3, "photo.png")


@pytest.mark.parametrize("name", embedded.NAMES)
def test_file_holds_no_objects_and_is_small(name):
  file = (
      importlib.resources.files("jaxguide") / "embedded" / f"{name}_test.npz"
  )
  assert len(file.read_bytes()) < (300_000 if "64" in name else 200_000)
  with file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
    assert sorted(archive.namelist()) == [
        "category.npy", "image.npy", "mask_box.npy", "mask_free_form.npy",
        "name.npy",
    ]


def test_making_takes_turns_and_one_skin_tone():
  """The chooser on a made-up index."""
  index = []
  for category in "AB":
    for n in range(40):
      for tone in ("", "1F3FB", "1F3FF"):
        index.append({
            "base": f"{category}{n}", "skin_tone": tone,
            "category": category, "subcategory": str(n % 3),
        })
  rng = np.random.default_rng(0)
  chosen = make_embedded_set.choose(index, range(len(index)), rng)
  entries = [index[n] for n in chosen]
  assert len({e["base"] for e in entries}) == len(entries) == 64
  assert [e["category"] for e in entries[:4]] == ["A", "B", "A", "B"]
  assert {e["subcategory"] for e in entries[:6:2]} == {"0", "1", "2"}
  assert {e["skin_tone"] for e in entries} == {"", "1F3FB", "1F3FF"}
  with pytest.raises(ValueError, match="only 20 concepts"):
    make_embedded_set.choose(index, range(60), rng)


def test_reducing_is_the_mean_of_four():
  pictures = np.zeros((1, 64, 64, 3), np.uint8)
  pictures[0, 0, 0] = 255
  pictures[0, 2:4, 2:4] = 7
  small = make_embedded_set.reduce(pictures)
  assert small.shape == (1, 32, 32, 3)
  np.testing.assert_array_equal(small[0, 0, 0], 64)
  np.testing.assert_array_equal(small[0, 1, 1], 7)


def test_same_arrays_give_the_same_bytes():
  arrays = {"a": np.arange(5), "b": np.array(["x", "yy"])}
  first = make_embedded_set.to_npz(arrays)
  assert first == make_embedded_set.to_npz(arrays)
