"""The runner: determinism, resuming, failures that stay small."""

import csv
import dataclasses
import errno
import io
import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import data
from jaxguide import denoisers
from jaxguide import evaluation
from jaxguide import noises
from jaxguide import operators
from jaxguide import parallel
from jaxguide import pixels
from jaxguide import samplers
from jaxguide.data import images as image_files
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import store
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.samplers import constraints
from tests.evaluation import support


def _run(experiment, out, **options):
  options.setdefault("devices", 1)
  stream = options.setdefault("stream", io.StringIO())
  return runner.evaluate(experiment, out, **options), stream.getvalue()


def _rows(directory):
  with open(directory / "per_image.csv", newline="") as file:
    return list(csv.DictReader(file))


def _rounded(x):
  """Metrics compare 8-bit pictures, the reference too."""
  return pixels.to_float(pixels.to_uint8(x)).astype(np.float64)


def _drawn(count):
  dataset = sources.DrawnImages(count, 16).open()
  return [pixels.to_uint8(dataset.load(n)) for n in range(count)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """An uninterrupted run, and what it said."""
  out = tmp_path_factory.mktemp("whole") / "run"
  report, said = _run(support.experiment(), out)
  return out, report, said


class TestFiles:

  def test_all_are_there_and_nothing_else(self, whole):
    names = set(support.files(whole[0]))
    assert names == {*support.FILES,
                     *(f"images/drawn{i:03d}.png" for i in range(5))}

  def test_times_are_in_timing_json_alone(self, whole):
    timing = json.loads((whole[0] / "timing.json").read_text())
    (session,) = timing["sessions"]
    assert session["pictures_made"] == 5
    assert len(session["compilations"]) == 1
    assert session["compilations"][0]["bytes_per_device"] > 0
    assert session["images_per_second"] > 0
    summary = (whole[0] / "summary.json").read_text()
    assert "second" not in summary and "batch_size" not in summary

  def test_scores_belong_to_the_saved_pictures(self, whole):
    dataset = support.experiment().data.open()
    for n, row in enumerate(_rows(whole[0])):
      saved = pictures.decode(whole[0] / row["picture"])
      x = pixels.to_float(saved).astype(np.float64)
      reference = _rounded(dataset.load(n))
      psnr = 10 * np.log10(4 / np.mean((x - reference) ** 2))
      assert float(row["psnr"]) == pytest.approx(psnr, abs=1e-4)
      luma = (x - dataset.load(n)) @ [0.299, 0.587, 0.114]
      rmse = np.sqrt(np.mean(luma**2))
      assert float(row["consistency"]) == pytest.approx(rmse, abs=1e-5)

  def test_degraded_row_is_the_grey_picture(self, whole):
    reference = support.experiment().data.open().load(0)
    grey = np.repeat((reference @ np.float32([0.299, 0.587, 0.114]))[..., None],
                     3, axis=-1)
    x = pixels.to_float(pixels.to_uint8(grey))
    psnr = 10 * np.log10(4 / np.mean((x - _rounded(reference)) ** 2))
    assert float(_rows(whole[0])[0]["baseline_psnr"]) == pytest.approx(
        psnr, abs=1e-3)

  def test_table_and_summary_hold_the_means(self, whole):
    out, report, _ = whole
    values = [float(row["psnr"]) for row in _rows(out)]
    summary = json.loads((out / "summary.json").read_text())
    found = summary["results"][support.experiment().method.title]["psnr"]
    assert found["mean"] == pytest.approx(np.mean(values), abs=1e-5)
    assert found["standard_error"] == pytest.approx(
        np.std(values, ddof=1) / np.sqrt(5), abs=1e-5)
    assert f"{np.mean(values):.2f} ± " in (out / "table.md").read_text()
    assert [row.method for row in report.rows] == [
        "Degraded input", support.experiment().method.title]

  def test_summary_says_what_was_run(self, whole):
    summary = json.loads((whole[0] / "summary.json").read_text())
    assert summary["experiment"]["method"]["num_inner"] == 2
    assert summary["experiment"]["prior"]["kind"] == "GaussianPrior"
    assert summary["versions"]["jax"] == jax.__version__
    prior = support.experiment().prior.load()
    assert summary["model"]["sha256"] == prior.sha256
    assert summary["metrics"]["psnr"].endswith("N=5")
    assert summary["counts"] == {"images": 5, "pictures": 5, "ok": 5}

  def test_devices_that_are_hardly_used_are_noted(self, whole, tmp_path):
    _, said = _run(support.experiment(), tmp_path, limit=1, devices=4)
    assert "pad them to 8, so --batch_size=8 costs no more" in said
    assert "pad them" not in whole[2]

  def test_progress_is_on_the_stream(self, whole):
    assert "compiled for batches of 2" in whole[2]
    assert "5/5 images (100 %)" in whole[2]

  def test_grid_shows_original_observed_and_output(self, whole):
    out, _, _ = whole
    page = pictures.decode(out / "grid.png")
    reference = support.experiment().data.open().load(0)
    shown = pictures.draw_grid(
        [[pixels.to_uint8(reference)]], cell_size=128)
    m = pictures.MARGIN
    tile = shown[m:m + 128, m:m + 128]
    places = [
        (y, x) for y in range(0, 60) for x in range(0, 200)
        if np.array_equal(page[y:y + 128, x:x + 128], tile)]
    assert len(places) == 1


def test_a_picture_is_what_its_key_makes(whole):
  """The runner's image n against the sampler called by hand."""
  experiment = support.experiment()
  prior = experiment.prior.load()
  n = 3
  reference = jnp.asarray(experiment.data.open().load(n))[None]
  image_key = jax.random.fold_in(jax.random.key(experiment.seed), n)
  key = jax.random.fold_in(image_key, 0)[None]
  steps = samplers.steered_steps(prior.schedule, 4, num_inner=2)

  @jax.jit
  def by_hand(key):
    noise = noises.prng_noise(key)
    denoise = denoisers.from_apply(prior.apply, prior.params)
    constraint = constraints.colorization(
        operators.colorization().apply(reference))
    sampler = samplers.steered(denoise, noise, constraint=constraint)
    z = noise(-1, "start", reference.shape[1:])
    return samplers.sample(sampler, z, steps).x

  wanted = pixels.to_uint8(np.asarray(by_hand(key))[0])
  found = pictures.decode(whole[0] / f"images/drawn{n:03d}.png")
  assert np.abs(found.astype(int) - wanted).max() <= 1


class TestSamePictures:
  """Batch size, devices, back end and limit decide nothing."""

  @pytest.mark.parametrize("batch_size, devices, backend", [
      (2, 8, "pmap"), (3, 1, "jit"), (8, 1, "pmap"), (8, 8, "jit"),
  ])
  def test_gaussian(self, whole, tmp_path, batch_size, devices, backend):
    _run(support.experiment(), tmp_path, batch_size=batch_size,
         devices=devices, backend=backend)
    assert support.files(tmp_path) == support.files(whole[0])

  def test_limit_is_a_prefix(self, whole, tmp_path):
    _run(support.experiment(), tmp_path, limit=3)
    few, all_files = support.files(tmp_path), support.files(whole[0])
    for n in range(3):
      name = f"images/drawn{n:03d}.png"
      assert few[name] == all_files[name]
    lines = all_files["per_image.csv"].splitlines(keepends=True)
    assert few["per_image.csv"] == b"".join(lines[:4])
    assert few["images/drawn002.png"] and "images/drawn003.png" not in few

  def test_a_larger_limit_goes_on(self, whole, tmp_path):
    _run(support.experiment(), tmp_path, limit=3)
    _, said = _run(support.experiment(), tmp_path)
    assert "3 of 5 pictures are there already" in said
    assert support.files(tmp_path) == support.files(whole[0])

  def test_seed_decides(self, whole, tmp_path):
    _run(support.experiment(), tmp_path, limit=1, seed=1)
    one = (tmp_path / "images/drawn000.png").read_bytes()
    assert one != (whole[0] / "images/drawn000.png").read_bytes()

  def test_samples_have_keys_of_their_own(self, whole, tmp_path):
    experiment = support.experiment(samples_per_image=2, batch_size=3)
    report, _ = _run(experiment, tmp_path, limit=2)
    files, first = support.files(tmp_path), support.files(whole[0])
    for n in range(2):
      assert (files[f"images/drawn{n:03d}_s0.png"]
              == first[f"images/drawn{n:03d}.png"])
      assert (files[f"images/drawn{n:03d}_s1.png"]
              != files[f"images/drawn{n:03d}_s0.png"])
    rows = _rows(tmp_path)
    by_image = [np.mean([float(r["psnr"]) for r in rows[i:i + 2]])
                for i in (0, 2)]
    psnr = report.rows[1].values["psnr"]
    assert psnr.num_images == 2
    assert psnr.mean == pytest.approx(np.mean(by_image), abs=1e-5)
    ends = json.loads(files["summary.json"])["over_samples"]["psnr"]
    pairs = np.array([float(r["psnr"]) for r in rows]).reshape(2, 2)
    assert ends["lowest"] == pytest.approx(pairs.min(1).mean(), abs=1e-5)
    assert ends["highest"] == pytest.approx(pairs.max(1).mean(), abs=1e-5)
    assert ends["lowest"] < psnr.mean < ends["highest"]
    assert (f"PSNR [dB] {ends['lowest']:.4g} to {ends['highest']:.4g}"
            in files["table.md"].decode())
    assert "over_samples" not in json.loads(first["summary.json"])


@pytest.fixture(scope="module")
def network(tmp_path_factory):
  """A run of a small network, by two images at a time on one device."""
  out = tmp_path_factory.mktemp("network") / "run"
  _run(_network_experiment(), out)
  return support.files(out)


def _network_experiment():
  return support.experiment(
      prior=sources.RandomPrior(size=16), task=tasks.SuperResolution(factor=4))


@pytest.mark.parametrize("batch_size, devices, backend", [
    (3, 1, "jit"), (8, 8, "pmap"), (8, 2, "jit"),
])
def test_a_network_gives_the_same_bits(
    network, tmp_path, batch_size, devices, backend
):
  _run(_network_experiment(), tmp_path, batch_size=batch_size,
       devices=devices, backend=backend)
  assert support.files(tmp_path) == network


class TestRefusals:

  @pytest.mark.parametrize("changes, named", [
      ({"seed": 4}, "experiment.seed: 0 -> 4"),
      ({"method": methods.Steered(num_steps=5, num_inner=2)},
       "experiment.method.num_steps: 4 -> 5"),
      ({"prior": support.GaussianPrior(shift=0.1)}, "model.sha256"),
      ({"samples_per_image": 2}, "experiment.samples_per_image: 1 -> 2"),
  ])
  def test_another_run_s_folder(self, whole, changes, named):
    before = support.files(whole[0])
    with pytest.raises(store.StoreError, match=named):
      _run(support.experiment(**changes), whole[0])
    assert support.files(whole[0]) == before

  def test_batch_size_and_published_rows_are_no_other_run(self, whole):
    row = tables.Published("P", "Table 1", {"psnr": 20.0}, 300)
    _run(support.experiment(batch_size=4), whole[0])
    report, _ = _run(support.experiment(published=(row,)), whole[0])
    assert report.rows[-1].published
    assert "P (published)" in (whole[0] / "table.md").read_text()
    _run(support.experiment(), whole[0])

  def test_a_folder_with_other_images_in_it(self, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    png = pictures.encode_png(np.zeros((16, 16, 3), np.uint8))
    for name in "bcd":
      (photos / f"{name}.png").write_bytes(png)
    experiment = support.experiment(
        data=sources.FolderImages(str(photos), 16), method=methods.Baseline())
    _run(experiment, tmp_path / "run", limit=2)
    (photos / "a.png").write_bytes(png)
    with pytest.raises(store.StoreError, match="image 0 was b.png and is a"):
      _run(experiment, tmp_path / "run")

  def test_changed_pictures_of_another_program(self, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for value in (0, 9):
      (theirs / "drawn000.png").write_bytes(
          pictures.encode_png(np.full((16, 16, 3), value, np.uint8)))
      if value:
        with pytest.raises(store.StoreError, match="outputs.sha256"):
          runner.score_outputs(support.experiment(), theirs, tmp_path / "out",
                               limit=1, stream=io.StringIO())
      else:
        runner.score_outputs(support.experiment(), theirs, tmp_path / "out",
                             limit=1, stream=io.StringIO())

  def test_a_prior_of_another_size(self, tmp_path):
    experiment = support.experiment(prior=support.GaussianPrior(size=32))
    with pytest.raises(ValueError, match="32x32x3 .*16x16x3; set data.size=32"):
      _run(experiment, tmp_path)

  @pytest.mark.parametrize("options, message", [
      ({"devices": 9}, "devices must be in 1..8, got 9"),
      ({"backend": "pmep"}, "backend must be one of 'pmap', 'jit'"),
      ({"limit": 0}, "limit must be at least 1, got 0"),
      ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
  ])
  def test_options(self, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
      _run(support.experiment(), tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@dataclasses.dataclass(frozen=True)
class _Spoilt:
  """Drawn images, one of which cannot be read, and one the mask refuses."""

  size: int = 16
  unreadable: int = 1

  def open(self):
    return _SpoiltImages(self)


class _SpoiltImages:

  def __init__(self, source):
    self._source = source
    self._drawn = sources.DrawnImages(5, source.size).open()
    self.names = self._drawn.names

  def __len__(self):
    return 5

  def name(self, index):
    return self.names[index]

  def load(self, index):
    if index == self._source.unreadable:
      raise data.ImageError(self.names[index], "unreadable", "cut off")
    return self._drawn.load(index)


@dataclasses.dataclass(frozen=True)
class _Poisoned(methods.Method):
  """A sampler that gives NaN for the image with the darkest corner."""

  threshold: float
  title = "poisoned"

  def steps(self, schedule):
    return samplers.ddim_steps(schedule, 2)

  def sampler(self, denoise, noise, problem):
    inner = samplers.ddim(denoise, noise)
    dark = problem.observation.y[:, :1, :1] < self.threshold

    def output(state):
      x = inner.output(state)
      return jnp.where(dark, jnp.nan, x)

    return samplers.Sampler(inner.init, inner.step, output)


class TestFailuresStaySmall:

  def test_an_unreadable_image(self, whole, tmp_path):
    report, _ = _run(support.experiment(data=_Spoilt()), tmp_path)
    files, good = support.files(tmp_path), support.files(whole[0])
    for n in (0, 2, 3, 4):
      name = f"images/drawn{n:03d}.png"
      assert files[name] == good[name]
    assert "images/drawn001.png" not in files
    assert report.summary["counts"] == {
        "images": 5, "pictures": 5, "ok": 4, "unreadable": 1}
    assert report.summary["failures"] == [{
        "index": 1, "sample": 0, "name": "drawn001.png",
        "status": "unreadable", "error": "cut off"}]
    assert report.rows[1].num_images == 4
    assert "1 of 5 pictures failed" in (tmp_path / "table.md").read_text()
    row = _rows(tmp_path)[1]
    assert row["status"] == "unreadable" and row["psnr"] == ""

  def test_a_mended_image_is_tried_again(self, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for n, image in enumerate(_drawn(3)):
      (photos / f"{n}.png").write_bytes(pictures.encode_png(image))
    experiment = support.experiment(
        data=sources.FolderImages(str(photos), 16, resize="none"))
    _run(experiment, tmp_path / "whole")
    good = (photos / "1.png").read_bytes()
    (photos / "1.png").write_bytes(good[:50])
    report, _ = _run(experiment, tmp_path / "run")
    assert report.summary["counts"]["unreadable"] == 1
    (photos / "1.png").write_bytes(good)
    _, said = _run(experiment, tmp_path / "run")
    assert "2 of 3 pictures are there already" in said
    assert support.files(tmp_path / "run") == support.files(tmp_path / "whole")

  def test_a_whole_batch_of_unreadable_images(self, tmp_path):
    experiment = support.experiment(data=_Spoilt(), batch_size=1)
    report, _ = _run(experiment, tmp_path, limit=2)
    assert report.summary["counts"]["ok"] == 1

  def test_an_unreadable_image_that_fills_up_the_last_batch(self, tmp_path):
    """Its copies are no failures more: the others of the batch are sampled."""
    experiment = support.experiment(data=_Spoilt(unreadable=4), batch_size=3)
    report, _ = _run(experiment, tmp_path)
    assert report.summary["counts"]["ok"] == 4
    assert [f["index"] for f in report.summary["failures"]] == [4]

  def test_nothing_but_unreadable_images(self, tmp_path):
    experiment = support.experiment(data=_Spoilt(unreadable=0))
    report, _ = _run(experiment, tmp_path, limit=1)
    assert report.summary["counts"]["ok"] == 0
    assert report.rows[1].values["psnr"].num_images == 0
    assert not (tmp_path / "grid.png").exists()

  def test_one_nan(self, tmp_path):
    corners = [float(support.experiment().data.open().load(n)[0, 0] @
                     [0.299, 0.587, 0.114]) for n in range(5)]
    first, second = sorted(corners)[:2]
    method = _Poisoned((first + second) / 2)
    report, _ = _run(support.experiment(method=method), tmp_path)
    (failure,) = report.summary["failures"]
    assert failure["index"] == int(np.argmin(corners))
    assert failure["status"] == "non_finite"
    assert report.summary["counts"]["ok"] == 4
    assert np.isfinite(report.rows[1].values["psnr"].mean)

  def test_a_folder_of_real_files(self, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for n, image in enumerate(_drawn(5)):
      png = pictures.encode_png(image)
      (photos / f"{n}.png").write_bytes(png[:len(png) // 2] if n == 1 else png)
    (photos / "2.png").write_bytes(
        pictures.encode_png(np.zeros((16, 20, 3), np.uint8)))
    (photos / "3.png").write_text("not a picture at all")
    source = sources.FolderImages(str(photos), 16, resize="none")
    report, _ = _run(support.experiment(data=source), tmp_path / "run")
    assert [r.status for r in report.records] == [
        "ok", "unreadable", "wrong_size", "unreadable", "ok"]
    assert "16x20" in report.records[2].error

  def test_a_mask_that_is_missing(self, tmp_path):

    @dataclasses.dataclass(frozen=True)
    class Masks:

      def mask(self, index, name, shape):
        if index == 2:
          raise ValueError("masks/drawn002.png does not exist")
        return np.ones((*shape, 1), np.float32)

    experiment = support.experiment(task=tasks.Inpainting(Masks()))
    report, _ = _run(experiment, tmp_path, limit=4)
    assert report.summary["counts"]["no_mask"] == 1
    assert "drawn002.png" in report.summary["failures"][0]["error"]

  @pytest.mark.parametrize("name", ["../a", "/etc/a", "", "b/../../a"])
  def test_names_that_lead_elsewhere(self, tmp_path, name):
    path = tmp_path / "images.npz"
    np.savez(path, image=np.zeros((1, 16, 16, 3), np.uint8), name=[name])
    experiment = support.experiment(
        data=sources.NpzImages(str(path), 16), method=methods.Baseline())
    with pytest.raises(ValueError, match="cannot be that of a picture"):
      _run(experiment, tmp_path / "run")
    assert not (tmp_path / "run").exists()

  def test_names_that_would_share_a_picture(self, tmp_path):

    class Twins(_SpoiltImages):

      def __init__(self, source):
        super().__init__(source)
        self.names = ["a.png", "a.jpg", "b.png", "c.png", "d.png"]

    @dataclasses.dataclass(frozen=True)
    class Source:
      size: int = 16

      def open(self):
        return Twins(_Spoilt())

    with pytest.raises(ValueError, match="a.png and a.jpg would share"):
      _run(support.experiment(data=Source()), tmp_path)


class TestFullDisk:

  @pytest.mark.parametrize("writes_left", [1, 4, 7, 12, 19])
  def test_is_said_in_one_line_and_goes_on(
      self, whole, tmp_path, monkeypatch, writes_left
  ):
    real, left = os.fsync, [writes_left]

    def nearly_full(handle):
      left[0] -= 1
      if left[0] < 0:
        raise OSError(errno.ENOSPC, "No space left on device")
      real(handle)

    monkeypatch.setattr(os, "fsync", nearly_full)
    with pytest.raises(store.StoreError) as caught:
      _run(support.experiment(), tmp_path)
    assert "disk full" in str(caught.value)
    assert "same command" in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(os, "fsync", real)
    _run(support.experiment(), tmp_path)
    assert support.files(tmp_path) == support.files(whole[0])


class TestDeviceMemory:

  def _small_device(self, monkeypatch, room):
    real = parallel.MappedFunction.__call__

    def call(mapped, shared, batch):
      if len(batch.indices) > room:
        raise jax.errors.JaxRuntimeError(
            "RESOURCE_EXHAUSTED: Out of memory allocating 1 byte.\nmore")
      return real(mapped, shared, batch)

    monkeypatch.setattr(parallel.MappedFunction, "__call__", call)

  def test_the_batch_is_halved_until_it_fits(
      self, whole, tmp_path, monkeypatch
  ):
    self._small_device(monkeypatch, room=3)
    _, said = _run(support.experiment(), tmp_path, batch_size=8)
    assert "going on with batches of 4" in said
    assert "going on with batches of 2" in said
    assert support.files(tmp_path) == support.files(whole[0])

  def test_there_is_an_end_to_halving(self, tmp_path, monkeypatch):
    self._small_device(monkeypatch, room=0)
    with pytest.raises(MemoryError, match="no room for a batch of 2"):
      _run(support.experiment(), tmp_path, batch_size=8)

  def test_other_device_errors_are_not_hidden(self, tmp_path, monkeypatch):

    def call(mapped, shared, batch):
      raise jax.errors.JaxRuntimeError("INTERNAL: cable on fire")

    monkeypatch.setattr(parallel.MappedFunction, "__call__", call)
    with pytest.raises(jax.errors.JaxRuntimeError, match="cable"):
      _run(support.experiment(), tmp_path)


class TestOtherPrograms:

  def _write(self, directory, name, picture):
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pictures.encode_png(picture))

  def test_pictures_are_matched_by_stem(self, tmp_path):
    experiment = support.experiment()
    dataset = experiment.data.open()
    for n in (0, 1, 2):
      noisy = pixels.to_uint8(dataset.load(n) * 0.5)
      self._write(tmp_path / "theirs", f"drawn{n:03d}.png", noisy)
    self._write(tmp_path / "theirs", "drawn003.png",
                np.zeros((8, 16, 3), np.uint8))
    (tmp_path / "theirs" / "drawn004.png").write_bytes(b"\x89PNG nothing")
    (tmp_path / "theirs" / "drawn002.png").rename(
        tmp_path / "theirs" / "drawn002.webp")
    report = runner.score_outputs(
        experiment, tmp_path / "theirs", tmp_path / "out",
        method_name="PULSE", stream=io.StringIO())
    assert [row.method for row in report.rows] == ["Degraded input", "PULSE"]
    assert report.rows[1].num_images == 3
    statuses = [r["status"] for r in _rows(tmp_path / "out")]
    assert statuses == ["ok", "ok", "ok", "wrong_size", "unreadable"]
    x = pixels.to_float(pixels.to_uint8(dataset.load(0) * 0.5))
    psnr = 10 * np.log10(4 / np.mean((x - _rounded(dataset.load(0))) ** 2))
    assert float(_rows(tmp_path / "out")[0]["psnr"]) == pytest.approx(
        psnr, abs=1e-3)

  def test_a_missing_picture_is_named(self, tmp_path):
    self._write(tmp_path / "theirs", "drawn000.png",
                np.zeros((16, 16, 3), np.uint8))
    report = runner.score_outputs(
        support.experiment(), tmp_path / "theirs", tmp_path / "out", limit=2,
        stream=io.StringIO())
    assert report.summary["failures"][0]["status"] == "missing"
    assert "drawn001" in report.summary["failures"][0]["error"]

  def test_scoring_our_own_pictures_gives_our_own_scores(
      self, whole, tmp_path
  ):
    runner.score_outputs(support.experiment(), whole[0] / "images", tmp_path,
                         stream=io.StringIO())
    assert (tmp_path / "per_image.csv").read_bytes() == (
        whole[0] / "per_image.csv").read_bytes()

  @pytest.mark.parametrize("files, message", [
      ([], "is no folder"), (["readme.txt"], "holds no picture"),
      (["a.png", "a.jpg"], "have the same name"),
  ])
  def test_a_useless_folder_is_refused(self, tmp_path, files, message):
    for name in files:
      self._write(tmp_path / "theirs", name, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=message):
      runner.score_outputs(support.experiment(), tmp_path / "theirs",
                           tmp_path / "out", stream=io.StringIO())
    assert not (tmp_path / "out").exists()


def test_degraded_is_a_method_that_needs_no_prior(tmp_path):
  experiment = support.experiment(
      method=methods.Baseline(), prior=None)
  report, _ = _run(experiment, tmp_path)
  assert [row.method for row in report.rows] == ["Degraded input"]
  row = _rows(tmp_path)[0]
  assert row["psnr"] == row["baseline_psnr"] != ""


def test_pictures_can_be_cut_off_as_released_programs_do(tmp_path):
  found = {}
  for rule in ("uint8", "uint8_truncated"):
    _run(support.experiment(quantise=rule), tmp_path / rule, limit=1)
    found[rule] = image_files.read_picture(
        tmp_path / rule / "images" / "drawn000.png").astype(int)
  gap = found["uint8"] - found["uint8_truncated"]
  # About every other value lies nearer to the level above.
  assert set(np.unique(gap)) == {0, 1} and 0.3 < gap.mean() < 0.7
  summary = lambda rule: json.loads(
      (tmp_path / rule / "summary.json").read_text())["experiment"]
  assert summary("uint8_truncated")["quantise"] == "uint8_truncated"
  assert summary("uint8")["quantise"] == "uint8"


def test_a_noisy_observation_is_drawn_once_per_image(tmp_path):
  task = tasks.Colorization(noise_std=0.2)
  _run(support.experiment(task=task, samples_per_image=2), tmp_path, limit=1)
  # Both samples meet what was observed, as does the degraded picture: were it
  # drawn again, the difference would be of the size of the noise.
  for row in _rows(tmp_path):
    assert float(row["consistency"]) < 0.1
  assert float(_rows(tmp_path)[0]["baseline_consistency"]) < 0.1


def test_experiments_refuse_impossible_numbers():
  for name, value in (("batch_size", 0), ("samples_per_image", 0),
                      ("seed", -1), ("seed", 2**32)):
    with pytest.raises(ValueError, match=name):
      support.experiment(**{name: value})
  assert isinstance(support.experiment(seed=2**32 - 1), evaluation.Experiment)


def test_a_sampler_needs_a_prior():
  with pytest.raises(ValueError, match="prior must be given: Steered"):
    support.experiment(prior=None)
