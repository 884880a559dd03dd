"""Pictures of other programs, found by the names of the images."""

import numpy as np
import pytest

from jaxguide.evaluation import pictures
from jaxguide.evaluation.running import loading
from jaxguide.evaluation.running import output_files


def _write(folder, names):
  """Pictures of one colour each: 1, 2, 3 ..., in the order of the names."""
  for colour, name in enumerate(names, 1):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        pictures.encode_png(np.full((4, 4, 3), colour, np.uint8)))


def _batch(names, samples=None):
  count = len(names)
  return loading.Batch(
      items=range(count), indices=np.arange(count),
      samples=np.asarray(samples or [0] * count), names=names,
      references=np.zeros((count, 4, 4, 3), np.float32), inputs={},
      failures={}, conditions={})


def _found(outcomes):
  return [o.status if isinstance(o, loading.Failure) else int(o.max())
          for o in outcomes]


class TestFilesInNoFolder:

  def test_are_of_the_one_image_that_is_called_so(self, tmp_path):
    _write(tmp_path, ["1.png", "2.png"])
    names = ["cat/1.jpg", "dog/2.jpg", "dog/3.jpg"]
    maker = output_files.FoundPictures(tmp_path, names=names)
    assert _found(maker(_batch(names))) == [1, 2, "missing"]

  def test_are_not_of_two_images(self, tmp_path):
    _write(tmp_path, ["1.png"])
    names = ["cat/1.jpg", "dog/1.jpg"]
    maker = output_files.FoundPictures(tmp_path, names=names)
    # One batch each: what is ambiguous must not depend on the batches.
    for name in names:
      (outcome,) = maker(_batch([name]))
      assert outcome.status == "missing"
      assert outcome.error.endswith(
          f" has no picture {name[:-4]}, and 1.png could be of 2 images: "
          "cat/1, dog/1")

  def test_are_of_the_image_that_is_in_no_folder_either(self, tmp_path):
    _write(tmp_path, ["1.png", "dog/1.png"])
    names = ["1.png", "cat/1.png", "dog/1.png"]
    maker = output_files.FoundPictures(tmp_path, names=names)
    assert _found(maker(_batch(names))) == [1, "missing", 2]

  @pytest.mark.parametrize("names, wanted", [
      (["cat/1.jpg"], [1, 2]),
      (["cat/1.jpg", "dog/1.png"], ["missing", "missing"]),
  ])
  def test_and_further_samples(self, tmp_path, names, wanted):
    _write(tmp_path, ["1_s0.png", "1_s1.png"])
    maker = output_files.FoundPictures(tmp_path, 2, names)
    assert _found(maker(_batch(["cat/1.jpg"] * 2, [0, 1]))) == wanted

  def test_are_of_nobody_while_the_other_names_are_unknown(self, tmp_path):
    _write(tmp_path, ["1.png", "dog/2.png"])
    maker = output_files.FoundPictures(tmp_path)
    cat, dog = maker(_batch(["cat/1.jpg", "dog/2.jpg"]))
    assert int(dog.max()) == 2
    assert cat.status == "missing"
    assert "1.png could be of another image" in cat.error

  def test_many_images_of_one_name_are_cut_short(self, tmp_path):
    _write(tmp_path, ["1.png"])
    names = [f"{folder}/1.jpg" for folder in "abcde"]
    (outcome,) = output_files.FoundPictures(tmp_path, names=names)(
        _batch(names[:1]))
    assert outcome.error.endswith("5 images: a/1, b/1, c/1, ...")
