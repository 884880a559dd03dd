"""Reading pictures, good and bad."""

import io
import struct

import numpy as np
from PIL import Image
import pytest

from jaxguide import data
from jaxguide.data import images
from jaxguide.data import resizing


def picture(height=6, width=8, seed=0):
  draw = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
  return draw.astype(np.uint8)


def save(path, array, **options):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(array).save(path, **options)


def test_folder_is_sorted_lazy_and_exact(tmp_path):
  for name in ("b.png", "a.PNG", "B.bmp", "10.png", "9.png"):
    save(tmp_path / name, picture(seed=len(name)))
  (tmp_path / "notes.txt").write_text("no picture")
  (tmp_path / ".hidden.png").write_text("no picture")
  save(tmp_path / "inner" / "c.png", picture(seed=9))
  folder = data.ImageFolder(tmp_path, (6, 8), resize="none")
  assert folder.names == ["9.png", "10.png", "B.bmp", "a.PNG", "b.png"]
  assert len(folder) == 5 and folder.name(2) == "B.bmp"
  image = folder.load(0)
  assert image.dtype == np.float32 and image.shape == (6, 8, 3)
  np.testing.assert_array_equal(
      np.rint((image + 1) * 127.5), picture(seed=len("9.png"))
  )
  deep = data.ImageFolder(tmp_path, (6, 8), recursive=True)
  assert deep.names[-1] == "inner/c.png"


def test_numbers_are_in_their_order_and_the_order_is_total(tmp_path):
  wanted = [
      *(f"{n}.jpg" for n in range(11)), "11-a.jpg", "11.jpeg", "011.jpg",
      "11.jpg", "A1.png", "a.png", "a2.png", "a10.png", "b/2.png", "b/11.png"]
  for name in reversed(wanted):
    save(tmp_path / name, picture())
  assert images.list_pictures(tmp_path, recursive=True) == wanted


def test_bad_images_are_records_and_the_rest_goes_on(tmp_path):
  save(tmp_path / "a.png", picture())
  good = io.BytesIO()
  Image.fromarray(picture(60, 80)).save(good, format="JPEG")
  (tmp_path / "b_cut.jpg").write_bytes(good.getvalue()[:400])
  (tmp_path / "c_text.png").write_text("this is no picture")
  (tmp_path / "d_empty.png").write_bytes(b"")
  save(tmp_path / "e_size.png", picture(7, 8))
  save(tmp_path / "f.png", picture(seed=1))
  bomb = io.BytesIO()
  Image.fromarray(picture()).save(bomb, format="PNG")
  header = bytearray(bomb.getvalue())
  header[16:24] = struct.pack(">II", 2**20, 2**20)
  (tmp_path / "g_bomb.png").write_bytes(bytes(header))
  folder = data.ImageFolder(tmp_path, (6, 8), resize="none")
  found = list(data.items(folder))
  assert [item.index for item in found] == list(range(7))
  assert [item.error.status if item.error else "" for item in found] == [
      "", "unreadable", "unreadable", "unreadable", "wrong_size", "",
      "unreadable",
  ]
  for item in found:
    assert (item.image is None) == (item.error is not None)
    if item.error:
      assert item.name in str(item.error) and "\n" not in str(item.error)
  assert "7x8" in str(found[4].error) and "6x8" in str(found[4].error)
  with pytest.raises(data.ImageError, match="c_text.png"):
    folder.load(2)


def test_items_takes_indices_in_order(tmp_path):
  for name in "abc":
    save(tmp_path / f"{name}.png", picture())
  folder = data.ImageFolder(tmp_path, (6, 8))
  assert [i.name for i in data.items(folder, [2, 0])] == ["c.png", "a.png"]


def test_a_relative_folder_that_is_missing_is_named_in_full(
    tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(FileNotFoundError) as caught:
    data.ImageFolder("pictures", (6, 8))
  assert f"folder {tmp_path / 'pictures'} does not exist" in str(caught.value)


def test_missing_and_empty_folders_are_named(tmp_path):
  with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
    data.ImageFolder(tmp_path / "nowhere", (6, 8))
  with pytest.raises(FileNotFoundError, match="holds no picture"):
    data.ImageFolder(tmp_path, (6, 8))
  with pytest.raises(ValueError, match="resize must be one of"):
    data.ImageFolder(tmp_path, (6, 8), resize="stretch")


def decoded(image, **options):
  buffer = io.BytesIO()
  image.save(buffer, format=options.pop("format", "PNG"), **options)
  return images.decode(Image.open(buffer))


def test_transparency_is_composited_on_white():
  rgba = np.zeros((1, 3, 4), np.uint8)
  rgba[0, :, 0] = 200
  rgba[0, :, 3] = 0, 128, 255
  got = decoded(Image.fromarray(rgba))
  wanted = np.array([[255, 255, 255], [227, 127, 127], [200, 0, 0]])
  assert np.abs(got[0].astype(int) - wanted).max() <= 1
  grey = np.full((1, 1, 2), (50, 0), np.uint8)
  np.testing.assert_array_equal(decoded(Image.fromarray(grey)), 255)
  palette = Image.fromarray(np.zeros((1, 2), np.uint8), "P")
  palette.putpalette([10, 20, 30, 40, 50, 60])
  palette.putpixel((1, 0), 1)
  got = decoded(palette, transparency=0)
  np.testing.assert_array_equal(got[0], [[255, 255, 255], [40, 50, 60]])


def test_grey_and_16_bit_grey():
  grey = np.array([[0, 100, 255]], np.uint8)
  got = decoded(Image.fromarray(grey))
  np.testing.assert_array_equal(got[0], np.repeat(grey.T, 3, axis=1))
  deep = Image.fromarray(grey.astype(np.uint16) * 257)
  np.testing.assert_array_equal(decoded(deep)[0, :, 0], grey[0])


def test_exif_orientation_is_applied():
  array = picture(4, 8)
  exif = Image.Exif()
  exif[0x0112] = 6  # Shown after a quarter turn clockwise.
  got = decoded(Image.fromarray(array), exif=exif)
  np.testing.assert_array_equal(got, np.rot90(array, -1))


def test_first_frame_of_an_animation_and_float_pixels():
  frames = [Image.fromarray(np.full((2, 2, 3), v, np.uint8)) for v in (9, 90)]
  got = decoded(
      frames[0], format="GIF", save_all=True, append_images=frames[1:]
  )
  np.testing.assert_array_equal(got, 9)
  with pytest.raises(ValueError, match="float"):
    decoded(Image.fromarray(np.ones((2, 2), np.float32)), format="TIFF")


def test_npz_files(tmp_path):
  array = np.stack([picture(seed=n) for n in range(3)])
  np.savez(tmp_path / "a.npz", image=array, name=np.array(["x", "y", "z"]))
  opened = data.open_npz(tmp_path / "a.npz")
  assert opened.names == ["x", "y", "z"]
  np.testing.assert_array_equal(
      opened.load(1), array[1].astype(np.float32) / 127.5 - 1
  )
  np.savez(tmp_path / "b.npz", array[..., 0])
  grey = data.open_npz(tmp_path / "b.npz")
  assert grey.names[2] == "000002"
  assert grey.load(2).shape == (6, 8, 3)
  resized = data.open_npz(
      tmp_path / "a.npz", shape=(3, 4), resize="bicubic_squash"
  )
  assert resized.load(0).shape == (3, 4, 3)
  unfit = data.open_npz(tmp_path / "a.npz", shape=(3, 4))
  with pytest.raises(data.ImageError, match="x: the image is 6x8"):
    unfit.load(0)


def test_float_arrays_are_checked_image_by_image():
  array = np.zeros((4, 2, 2, 3), np.float64)
  array[1, 0, 0, 0] = np.nan
  array[2, 0, 0, 0] = 255.0
  found = list(data.items(data.ArrayImages(array)))
  statuses = [item.error.status if item.error else "" for item in found]
  assert statuses == ["", "non_finite", "unreadable", ""]
  assert "[-1, 1]" in str(found[2].error)
  assert found[0].image.dtype == np.float32


def test_bad_npz_files_are_named(tmp_path):
  with pytest.raises(FileNotFoundError, match="none.npz"):
    data.open_npz(tmp_path / "none.npz")
  (tmp_path / "text.npz").write_text("no archive")
  with pytest.raises(ValueError, match="text.npz is no usable npz"):
    data.open_npz(tmp_path / "text.npz")
  np.savez(tmp_path / "keys.npz", picture=picture())
  with pytest.raises(ValueError, match="image or images or arr_0"):
    data.open_npz(tmp_path / "keys.npz")
  np.savez(tmp_path / "object.npz", image=np.array([{}], object))
  with pytest.raises(ValueError, match="object.npz"):
    data.open_npz(tmp_path / "object.npz")
  np.savez(tmp_path / "shape.npz", image=np.zeros((2, 3), np.uint8))
  with pytest.raises(ValueError, match="shape.npz.*must have shape"):
    data.open_npz(tmp_path / "shape.npz")
  np.savez(tmp_path / "type.npz", image=np.zeros((1, 2, 2, 3), np.int32))
  with pytest.raises(ValueError, match="uint8 or float"):
    data.open_npz(tmp_path / "type.npz")
  with pytest.raises(ValueError, match="names"):
    data.ArrayImages(np.zeros((2, 2, 2, 3), np.uint8), ["a", "a"])


def test_resize_rules_keep_constants_and_sizes():
  flat = np.full((30, 50, 3), 77, np.uint8)
  for rule in resizing.RULES[1:]:
    got = resizing.resize(flat, (12, 16), rule)
    assert got.shape == (12, 16, 3)
    np.testing.assert_array_equal(got, 77)
  with pytest.raises(ValueError, match="rule"):
    resizing.resize(flat, (12, 16), "lanczos")
  with pytest.raises(ValueError, match="image must have shape"):
    resizing.resize(flat, (12, 16), "none")


def test_squash_loses_the_aspect_and_crop_keeps_it():
  """A disc stays a disc under a crop only."""
  down, right = np.indices((64, 128)) - np.array([31.5, 63.5])[:, None, None]
  disc = np.repeat((down**2 + right**2 < 400)[..., None], 3, 2) * np.uint8(255)
  for rule in resizing.RULES[1:]:
    mask = resizing.resize(disc, (32, 32), rule)[..., 0] > 127
    rows, cols = np.nonzero(mask)
    ratio = (np.ptp(cols) + 1) / (np.ptp(rows) + 1)
    assert abs(ratio - (0.5 if rule == "bicubic_squash" else 1.0)) < 0.06
    assert abs(cols.mean() - 15.5) < 0.6


def test_area_crop_is_the_mean_of_blocks():
  array = picture(16, 24)
  got = resizing.resize(array, (8, 8), "center_crop_area")
  blocks = array.reshape(8, 2, 12, 2, 3).astype(float).mean(axis=(1, 3))
  # Pillow rounds to 8 bits after each of its two passes.
  assert np.abs(got - blocks[:, 2:10]).max() <= 1.0


def test_box_crop_halves_first():
  """Exactly four times too large: two halvings and nothing else."""
  array = picture(32, 32)
  half = np.asarray(
      Image.fromarray(array).resize((16, 16), Image.Resampling.BOX)
  )
  quarter = np.asarray(
      Image.fromarray(half).resize((8, 8), Image.Resampling.BOX)
  )
  got = resizing.resize(array, (8, 8), "center_crop_box")
  np.testing.assert_array_equal(got, quarter)
