"""Translation as an experiment: task, methods, seeds, folders."""

import dataclasses
import functools
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from jaxguide import data
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance as guidances
from jaxguide import metrics
from jaxguide import noises
from jaxguide import pixels
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import store
from jaxguide.evaluation import tasks
from jaxguide.metrics import preprocessing
from tests import programs
from tests.evaluation import support


def _egsde(**changes):
  return methods.Egsde(**{
      "extractor": support.Tint(), "num_steps": 5, "factor": 4, **changes})


def _experiment(**changes):
  return support.experiment(**{
      "name": "translate", "task": tasks.Translation(),
      "method": _egsde(), **changes})


def _run(experiment, out, **options):
  return runner.evaluate(
      experiment, out, devices=1, stream=io.StringIO(), **options)


def _program(method):
  """What is traced, with the constants and the plan that it runs on."""
  experiment = _experiment(method=method)
  prior = experiment.prior.load()
  steps = method.steps(prior.schedule)

  def run(x, keys):
    noise = noises.prng_noise(keys)
    problem = tasks.observe(experiment.task, x, {}, noise)
    problem = problem._replace(networks={"extractor": functools.partial(
        support.tint, {"slope": 1.5})})
    denoise = denoisers.from_apply(prior.apply, prior.params)
    sampler = method.sampler(denoise, noise, problem)
    z = noise(-1, "start", x.shape[1:])
    return samplers.sample(sampler, z, steps).x

  traced = jax.make_jaxpr(run)(
      jnp.zeros((1, 16, 16, 3)), jax.random.split(jax.random.key(0), 1))
  plan = [(leaf.shape, leaf.tobytes())
          for leaf in map(np.asarray, jax.tree.leaves(steps))]
  # Two matrices of one shape read alike in the text.
  constants = [np.asarray(c).tobytes() for c in traced.consts
               if not jnp.issubdtype(c.dtype, jax.dtypes.prng_key)]
  return str(traced), constants, plan


def _save(path, seed=0, grey=False, size=16):
  path.parent.mkdir(parents=True, exist_ok=True)
  pixels = np.random.default_rng(seed).integers(
      0, 256, (size, size) if grey else (size, size, 3), np.uint8)
  Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  out = tmp_path_factory.mktemp("whole") / "run"
  return out, _run(_experiment(), out)


class TestMethods:

  def test_a_picture_is_what_the_sampler_makes(self, whole):
    experiment, n = _experiment(), 3
    prior = experiment.prior.load()
    source = jnp.asarray(experiment.data.open().load(n))[None]
    image_key = jax.random.fold_in(jax.random.key(experiment.seed), n)
    key = jax.random.fold_in(image_key, 0)[None]
    steps = samplers.egsde_steps(prior.schedule, 5)

    @programs.jit
    def by_hand(key):
      noise = noises.prng_noise(key)
      denoise = denoisers.from_apply(prior.apply, prior.params)
      energy = energies.translation(
          lambda x, time: support.tint({"slope": 1.5}, x, time), source,
          factor=4)
      sampler = samplers.egsde(
          denoise, noise, source=source,
          guidance=guidances.at_state(energy))
      return samplers.sample(sampler, noise(-1, "start", (16, 16, 3)), steps).x

    wanted = pixels.to_uint8(np.asarray(by_hand(key))[0])
    found = pictures.decode(whole[0] / f"images/drawn{n:03d}.png")
    assert np.abs(found.astype(int) - wanted).max() <= 1

  def test_weights_of_zero_are_sdedit_to_the_bit(self, tmp_path):
    off = _egsde(extractor=None, domain_weight=0.0, lowpass_weight=0.0)
    _run(_experiment(method=off), tmp_path / "off", limit=2)
    sdedit = methods.SdEdit(num_steps=5)
    _run(_experiment(method=sdedit), tmp_path / "sdedit", limit=2)
    for n in range(2):
      name = f"images/drawn{n:03d}.png"
      assert ((tmp_path / "off" / name).read_bytes()
              == (tmp_path / "sdedit" / name).read_bytes())

  def test_experts_move_the_picture(self, whole, tmp_path):
    _run(_experiment(method=_egsde(domain_weight=0.0)), tmp_path, limit=1)
    name = "images/drawn000.png"
    assert (tmp_path / name).read_bytes() != (whole[0] / name).read_bytes()

  @pytest.mark.parametrize("name, value", [
      ("domain_weight", 7.0), ("lowpass_weight", 0.0), ("first_level", 400),
      ("num_steps", 6), ("factor", 2), ("similarity", "neg_l2"),
      ("distance", "cosine"), ("num_repeats", 2), ("num_draws", 2),
      ("solver", "em"), ("variance", "fixed_large"),
      ("source_noise", "shared")])
  def test_every_field_of_egsde_changes_the_program(self, name, value):
    base = _egsde(domain_weight=2.0, lowpass_weight=3.0)
    changed = dataclasses.replace(base, **{name: value})
    assert _program(changed) == _program(dataclasses.replace(changed))
    assert _program(changed) != _program(base)

  @pytest.mark.parametrize("name, value", [
      ("num_steps", 6), ("factor", 2), ("refine_above", 3),
      ("variant", "released"), ("variance", "fixed_large"),
      ("start", "reference"), ("clip_x0", False)])
  def test_every_field_of_ilvr_changes_the_program(self, name, value):
    base = methods.Ilvr(num_steps=5, factor=4)
    changed = dataclasses.replace(base, **{name: value})
    assert _program(changed) != _program(base)

  @pytest.mark.parametrize("name, value", [
      ("first_level", 400), ("num_steps", 6), ("num_repeats", 2),
      ("solver", "em"), ("variance", "fixed_large")])
  def test_every_field_of_sdedit_changes_the_program(self, name, value):
    base = methods.SdEdit(num_steps=5)
    changed = dataclasses.replace(base, **{name: value})
    assert _program(changed) != _program(base)

  def test_an_extractor_that_weighs_nothing_is_not_loaded(self):
    off = _egsde(domain_weight=0.0)
    assert methods.load_networks(off) == {}
    assert set(methods.load_networks(_egsde())) == {"extractor"}
    assert methods.load_networks(methods.Steered()) == {}

  def test_the_run_says_which_network_it_used(self, whole):
    summary = json.loads((whole[0] / "summary.json").read_text())
    assert summary["networks"] == {
        "extractor": {"name": "tint", "digest": "1.5"}}

  def test_released_visits_every_level(self):
    schedule = schedules.linear(1000)
    egsde = _egsde(num_steps=None, variant="released", num_repeats=2)
    assert egsde.steps(schedule).index.size == 1000
    with pytest.raises(ValueError, match="visits every level"):
      _egsde(variant="released").steps(schedule)

  def test_ilvr_counts_levels_of_the_respaced_schedule(self):
    steps = methods.Ilvr(
        num_steps=10, variant="released").steps(schedules.linear(1000))
    np.testing.assert_array_equal(
        steps.level.time, np.arange(9, -1, -1) * 111)
    np.testing.assert_array_equal(
        steps.coefficients.refine, [1] * 9 + [0])

  def test_ilvr_keeps_the_low_frequencies(self, tmp_path):
    """Against unguided samples, which know nothing of the source."""
    found = {}
    for name, method in (
        ("ilvr", methods.Ilvr(num_steps=8, factor=4)),
        ("ddim", methods.Ddim(num_steps=8))):
      report = _run(_experiment(method=method), tmp_path / name, limit=2)
      found[name] = report.rows[-1].values["l2_egsde"].mean
    assert found["ilvr"] < found["ddim"]

  def test_sdedit_keeps_what_inpainting_observes(self, tmp_path):
    """The paper's variant leaves the kept region clean."""
    experiment = _experiment(
        task=tasks.Inpainting(data.masks.Half(missing="left")),
        method=methods.SdEdit(num_steps=3))
    report = _run(experiment, tmp_path, limit=1)
    made, given = report.rows[-1].values, report.rows[0].values
    # Half of a step of 8 bits, at most.
    assert made["consistency"].mean < 1 / 255
    assert made["psnr"].mean != given["psnr"].mean

  def test_presets_are_the_published_settings(self):
    plain = methods.egsde_published(support.Tint())
    dagger = methods.egsde_dagger(
        support.Tint(), variant="released")
    assert (plain.domain_weight, plain.lowpass_weight, plain.first_level,
            plain.factor, plain.num_repeats) == (500, 2, 500, 32, 1)
    assert (dagger.domain_weight, dagger.lowpass_weight, dagger.first_level,
            dagger.variant) == (700, 0.5, 600, "released")

  @pytest.mark.parametrize("fields, message", [
      ({"extractor": None}, "extractor must be given unless"),
      ({"variant": "papers"}, "variant must be one of"),
      ({"solver": "heun"}, "solver must be one of"),
      ({"similarity": "dot"}, "similarity must be one of"),
      ({"source_noise": "old"}, "source_noise must be one of"),
      ({"num_repeats": 0}, "num_repeats must be at least 1, got 0"),
      ({"first_level": 0}, "first_level must be at least 1"),
      ({"factor": 1}, "factor must be at least 2"),
  ])
  def test_impossible_settings_are_refused(self, fields, message):
    with pytest.raises(ValueError, match=message):
      _egsde(**fields)

  def test_fields_can_be_set_from_the_command_line(self):
    changed = overrides.override(_experiment(), [
        "method.domain_weight=700", "method.first_level=none",
        "method.source_noise=shared", "method.extractor.slope=2",
        "spread=seeds"])
    assert changed.method.domain_weight == 700
    assert changed.method.source_noise == "shared"
    assert changed.method.extractor.slope == 2
    assert changed.spread == "seeds"

  def test_titles_tell_settings_apart(self):
    made = [_egsde(), _egsde(domain_weight=1.0), _egsde(num_repeats=2),
            _egsde(first_level=300), _egsde(num_steps=None),
            _egsde(factor=2), _egsde(similarity="neg_l2"),
            _egsde(distance="cosine"), _egsde(num_draws=2),
            _egsde(solver="em"), _egsde(variance="fixed_large"),
            _egsde(source_noise="shared"), methods.SdEdit(),
            methods.SdEdit(solver="em"),
            methods.Ilvr(), methods.Ilvr(factor=2),
            methods.Ilvr(start="reference"),
            methods.Ilvr(refine_above=3)]
    assert len({m.title for m in made}) == len(made)
    plain = methods.SdEdit(first_level=500, num_steps=25)
    assert plain.title == "SDEdit, paper (M=500, 25 steps)"


class TestExtractor:

  def _write(self, folder, **changes):
    source = sources.RandomExtractor(16)
    module = {
        "in_channels": 3, "out_channels": 2, "model_channels": 32,
        "channel_mult": (1.0,), "num_res_blocks": 1, "attention_factors": (),
        "num_head_channels": 32, "image_size": 16, "head_name": "I2Iout"}
    fields = {
        "family": "adm_classifier", "module": module, "image_size": 16,
        "prediction": None,
        "schedule": {"kind": "linear", "num_steps": 1000}, **changes}
    network = source.load()
    model_store.save_model(
        folder, network.params, model_config.ModelConfig(**fields))
    return network

  def test_a_converted_one_is_what_was_saved(self, tmp_path):
    wanted = self._write(tmp_path / "dse")
    found = sources.ConvertedExtractor(str(tmp_path / "dse")).load()
    x = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3))
    x, time = np.float32(x), np.float32([3, 700])
    features = found.apply(found.params, x, time)
    assert features.shape == (2, 16, 16, 32)
    np.testing.assert_array_equal(
        features, wanted.apply(wanted.params, x, time))
    assert found.digest == wanted.digest and found.image_size == 16

  def test_a_missing_one_says_how_to_get_it(self, tmp_path):
    experiment = _experiment(method=_egsde(
        extractor=sources.ConvertedExtractor(
            str(tmp_path / "none"), "cat2dog_dse.pt", "egsde_dse")))
    with pytest.raises(FileNotFoundError) as caught:
      _run(experiment, tmp_path / "run")
    text = str(caught.value)
    assert "jaxguide convert cat2dog_dse.pt --card egsde_dse --out" in text
    assert "--set method.extractor.path=" in text and "\n" not in text
    assert not (tmp_path / "run").exists()

  @pytest.mark.parametrize("extractor, message", [
      (support.Tint(size=32), "sees images of size 32, .* of size 16"),
      (support.Tint(num_levels=100), "other noise levels .*: 100 and 1000"),
  ])
  def test_one_for_another_prior_is_refused(
      self, tmp_path, extractor, message):
    with pytest.raises(ValueError, match=message):
      _run(_experiment(method=_egsde(extractor=extractor)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_tiny_experiments_need_no_file():
  whole = _experiment(
      data=sources.EmbeddedImages(),
      task=tasks.Translation(sources.NpzImages("none.npz", 32)),
      method=_egsde(variant="released", num_steps=None, first_level=500,
                    factor=32))
  small = whole.tiny()
  assert small.task == tasks.Translation(small.data)
  assert small.method.extractor == sources.RandomExtractor(32)
  assert small.method.factor == 4 and small.method.variant == "released"
  assert small.method.steps(schedules.linear(1000)).index.size == 2


@pytest.mark.slow
@pytest.mark.parametrize("batch_size, devices, backend", [
    (3, 1, "jit"), (8, 8, "pmap")])
def test_networks_give_the_same_bits(
    tmp_path, batch_size, devices, backend):
  """Batch size, devices and back end decide nothing, extractor included."""
  experiment = _experiment(
      prior=sources.RandomPrior(16), samples_per_image=2,
      method=_egsde(extractor=sources.RandomExtractor(16), num_steps=2))
  _run(experiment, tmp_path / "plain", limit=3)
  runner.evaluate(
      experiment, tmp_path / "other", limit=3, batch_size=batch_size,
      devices=devices, backend=backend, stream=io.StringIO())
  assert support.files(tmp_path / "plain") == support.files(
      tmp_path / "other")


class TestCounterparts:

  def test_are_a_second_reference(self, tmp_path):
    task = tasks.Translation(sources.DrawnImages(5, 16))
    experiment = _experiment(task=task)
    report = _run(experiment, tmp_path, limit=2)
    # Source and counterpart are the same drawn images here.
    source, made = report.rows
    assert source.method == "Source"
    assert source.values["l2_egsde_counterpart"].mean == 0
    for name in ("l2_egsde", "psnr_egsde", "ssim"):
      assert (made.values[f"{name}_counterpart"].mean
              == made.values[name].mean)
    assert report.summary["metrics"]["ssim_counterpart"].endswith(
        "|reference=counterpart|N=2")

  def test_their_distance_is_that_of_the_saved_picture(self, tmp_path):
    for n in range(2):
      _save(tmp_path / "a" / f"{n}.png", seed=n)
      _save(tmp_path / "b" / f"{n}.png", seed=10 + n)
    folder = lambda name: sources.FolderImages(str(tmp_path / name), 16)
    report = _run(_experiment(
        data=folder("a"), task=tasks.Translation(folder("b"))),
        tmp_path / "run")
    values = []
    for n in range(2):
      x = pictures.decode(tmp_path / "run" / "images" / f"{n}.png")
      other = pictures.decode(tmp_path / "b" / f"{n}.png")
      values.append(np.linalg.norm((x.astype(float) - other) / 255))
    found = report.rows[-1].values
    assert found["l2_egsde_counterpart"].mean == pytest.approx(
        np.mean(values), rel=1e-5)
    assert found["l2_egsde"].mean != found["l2_egsde_counterpart"].mean

  def test_methods_do_not_see_them(self, whole, tmp_path):
    task = tasks.Translation(sources.DrawnImages(5, 16))
    _run(_experiment(task=task), tmp_path, limit=1)
    name = "images/drawn000.png"
    assert (tmp_path / name).read_bytes() == (whole[0] / name).read_bytes()

  def test_are_found_by_stem(self, tmp_path):
    for name in ("a.png", "b.png", "c.png"):
      _save(tmp_path / "x" / name, seed=ord(name[0]))
    for name in ("c.bmp", "a.bmp"):
      _save(tmp_path / "y" / name, seed=7)
    task = tasks.Translation(
        sources.FolderImages(str(tmp_path / "y"), 16), match="stem")
    report = _run(_experiment(
        data=sources.FolderImages(str(tmp_path / "x"), 16), task=task),
        tmp_path / "run")
    (failure,) = report.summary["failures"]
    assert failure["name"] == "b.png" and failure["status"] == "missing"
    assert "no counterpart is called b" in failure["error"]

  @pytest.mark.parametrize("names, match, message", [
      (("a.png",), "index", "counterparts are 1 images, the sources are 5"),
      (("a.png",), "stem", "no name in common"),
      (("a.png", "a.bmp"), "stem", "have the same name without suffix"),
  ])
  def test_that_do_not_belong_are_refused(
      self, tmp_path, names, match, message):
    for name in names:
      _save(tmp_path / "y" / name)
    task = tasks.Translation(
        sources.FolderImages(str(tmp_path / "y"), 16), match=match)
    with pytest.raises(ValueError, match=message):
      _run(_experiment(task=task), tmp_path / "run")
    assert not (tmp_path / "run").exists()

  def test_that_are_missing_are_named(self, tmp_path):
    task = tasks.Translation(
        sources.FolderImages(str(tmp_path / "none"), 16))
    with pytest.raises(FileNotFoundError, match="counterparts: .*none"):
      _run(_experiment(task=task), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def _means():
  return metrics.FeatureSet(
      "means", "features=means|weights=none", 3, preprocessing.AS_IS,
      lambda x: jnp.mean(x, (1, 2)), "frechet_means", "kernel_means")


class TestSeeds:

  def test_rows_are_mean_and_deviation_over_runs(self, tmp_path):
    experiment = _experiment(
        samples_per_image=3, spread="seeds",
        set_metrics=(metrics.frechet_metric(_means()),))
    report = _run(experiment, tmp_path, limit=4)
    made = [
        [pictures.decode(tmp_path / f"images/drawn{n:03d}_s{s}.png")
         for n in range(4)] for s in range(3)]
    dataset = experiment.data.open()
    true = [pixels.to_uint8(dataset.load(n)) for n in range(4)]
    l2 = [np.mean([np.linalg.norm((x.astype(float) - y) / 255)
                   for x, y in zip(run, true, strict=True)]) for run in made]
    row = report.rows[-1].values
    assert row["l2_egsde"].mean == pytest.approx(np.mean(l2), rel=1e-5)
    assert row["l2_egsde"].deviation == pytest.approx(
        np.std(l2, ddof=1), rel=1e-3)
    assert row["l2_egsde"].num_images == 4
    law = lambda run: metrics.Gaussian(*(
        f(np.stack([p.mean((0, 1)) / 127.5 - 1 for p in run]))
        for f in (lambda v: v.mean(0), lambda v: np.cov(v, rowvar=False))))
    frechet = [metrics.frechet_distance(law(run), law(true)) for run in made]
    found = report.summary["set_results"]["frechet_means"]
    assert found["value"] == pytest.approx(np.mean(frechet), rel=1e-3)
    assert found["spread"] == pytest.approx(
        np.std(frechet, ddof=1), rel=1e-2)
    assert found["signature"].endswith("|references=4|N=4|seeds=3")
    text = (tmp_path / "table.md").read_text()
    assert "standard deviation over 3 seeds" in text
    assert f"{np.mean(l2):.2f} ± {np.std(l2, ddof=1):.2f}" in text
    said = report.summary["results"][experiment.method.title]["l2_egsde"]
    assert said["num_seeds"] == 3 and said["standard_error"] is None


class TestFolders:
  """What is wrong with one picture costs that picture alone."""

  def _domain(self, folder):
    for n in range(3):
      _save(folder / f"{n}.jpg", seed=n)
    return sources.FolderImages(str(folder), 16)

  def test_a_corrupt_picture(self, tmp_path):
    images = self._domain(tmp_path / "cat")
    (tmp_path / "cat" / "1.jpg").write_bytes(b"\xff\xd8\xff nothing")
    report = _run(_experiment(data=images), tmp_path / "run")
    assert report.summary["counts"] == {
        "images": 3, "pictures": 3, "ok": 2, "unreadable": 1}
    assert "1 of 3 pictures failed" in (
        tmp_path / "run" / "table.md").read_text()
    # Mended, it is made, and the others are not made again.
    _save(tmp_path / "cat" / "1.jpg", seed=1)
    mended = _run(_experiment(data=images), tmp_path / "run")
    assert mended.summary["counts"]["ok"] == 3
    _run(_experiment(data=images), tmp_path / "fresh")
    assert support.files(tmp_path / "run") == support.files(
        tmp_path / "fresh")

  def test_two_pictures_of_one_stem(self, tmp_path):
    images = self._domain(tmp_path / "cat")
    _save(tmp_path / "cat" / "1.png")
    with pytest.raises(ValueError, match=r"1\.jpg.*1\.png"):
      _run(_experiment(data=images), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert len(list((tmp_path / "cat").iterdir())) == 4

  def test_a_grey_picture_is_translated_and_named(self, tmp_path):
    images = self._domain(tmp_path / "cat")
    _save(tmp_path / "cat" / "grey.png", grey=True)
    report = _run(_experiment(data=images), tmp_path / "run")
    assert report.summary["counts"]["ok"] == 4
    assert report.summary["grey"] == ["grey.png"]
    assert "Grey images, the same on three channels: grey.png." in (
        tmp_path / "run" / "table.md").read_text()

  def test_several_folders_are_one_after_the_other(self, tmp_path):
    self._domain(tmp_path / "val" / "wild")
    self._domain(tmp_path / "val" / "cat")
    images = sources.FolderImages(
        str(tmp_path / "val"), 16, folders=("wild", "cat"))
    dataset = images.open()
    assert dataset.names == [
        f"{f}/{n}.jpg" for f in ("wild", "cat") for n in range(3)]
    np.testing.assert_array_equal(dataset.load(0), dataset.load(3))
    _run(_experiment(data=images), tmp_path / "run")
    assert (tmp_path / "run" / "images" / "cat" / "2.png").is_file()
    first = dataclasses.replace(images, count=4).open()
    assert first.names == dataset.names[:4] and len(first) == 4

  def test_the_first_so_many_pictures_are_another_run(self, tmp_path):
    images = self._domain(tmp_path / "cat")
    _save(tmp_path / "cat" / "10.jpg")
    whole = _experiment(data=images)
    two = overrides.override(whole, ["data.count=2"])
    assert _run(two, tmp_path / "run").summary["counts"]["images"] == 2
    assert two.data.open().names == ["0.jpg", "1.jpg"]
    with pytest.raises(store.StoreError, match="count"):
      _run(whole, tmp_path / "run")
    assert overrides.override(two, ["data.count=none"]) == whole
    assert whole.data.open().names[-1] == "10.jpg"

  def test_fewer_pictures_than_asked_for(self, tmp_path):
    images = dataclasses.replace(
        self._domain(tmp_path / "cat"), count=5, origin="five cats")
    with pytest.raises(ValueError, match="at least 5 pictures, got 3") as err:
      _run(_experiment(data=images), tmp_path / "run")
    for part in (str(tmp_path / "cat"), "five cats", "data.count=none"):
      assert part in str(err.value)
    assert not (tmp_path / "run").exists()
    with pytest.raises(
        overrides.OverrideError, match="count must be at least 1"):
      overrides.override(_experiment(data=images), ["data.count=0"])

  @pytest.mark.parametrize("make", [True, False])
  def test_an_empty_domain(self, tmp_path, make):
    self._domain(tmp_path / "val" / "cat")
    if make:
      (tmp_path / "val" / "wild").mkdir()
    images = sources.FolderImages(
        str(tmp_path / "val"), 16, folders=("cat", "wild"),
        origin="AFHQ's validation split")
    with pytest.raises(FileNotFoundError) as caught:
      _run(_experiment(data=images), tmp_path / "run")
    assert str(tmp_path / "val" / "wild") in str(caught.value)
    assert "AFHQ's validation split" in str(caught.value)
    assert not (tmp_path / "run").exists()


class TestPairs:
  """Two vendors' pictures of the same things."""

  def _write(self, folder, count=4):
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (2, count, 32, 32, 3), np.uint8)
    for name, part in zip(("ours", "theirs"), images, strict=True):
      np.savez(folder / f"{name}.npz", image=part)
    index = [{"file": f"{n}.png", "split": "test" if n % 2 else "train"}
             for n in range(4)]
    (folder / "index.json").write_text(json.dumps(index))
    return images

  def _source(self, folder, name, **changes):
    return sources.SplitImages(**{
        "path": str(folder / f"{name}.npz"),
        "index": str(folder / "index.json"), "size": 16, **changes})

  def test_a_split_by_its_index(self, tmp_path):
    images = self._write(tmp_path)
    dataset = self._source(tmp_path, "ours").open()
    assert dataset.names == ["1.png", "3.png"]
    means = images[0, 3].reshape(16, 2, 16, 2, 3).mean((1, 3))
    np.testing.assert_allclose(
        (dataset.load(1) + 1) * 127.5, means, atol=1.01)

  def test_counterparts_are_of_the_same_number(self, tmp_path):
    self._write(tmp_path)
    theirs = self._source(tmp_path, "theirs")
    report = _run(_experiment(
        data=self._source(tmp_path, "ours"),
        task=tasks.Translation(theirs)), tmp_path / "run")
    x = pictures.decode(tmp_path / "run" / "images" / "3.png")
    other = pixels.to_uint8(theirs.open().load(1))
    found = report.records[1].metrics["l2_egsde_counterpart"]
    assert found == pytest.approx(
        np.linalg.norm((x.astype(float) - other) / 255), rel=1e-5)

  @pytest.mark.parametrize("changes, message", [
      ({"split": "valid"}, "'valid' of .* is empty; it has test, train"),
      ({"index": "none.json"}, "none.json does not exist"),
      ({"path": "none.npz"}, "none.npz does not exist"),
  ])
  def test_what_is_missing_is_named(self, tmp_path, changes, message):
    self._write(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
      self._source(tmp_path, "ours", **changes).open()

  def test_files_that_do_not_belong_together(self, tmp_path):
    self._write(tmp_path, count=3)
    with pytest.raises(ValueError, match="of the 3 images .* got 4 entries"):
      self._source(tmp_path, "ours").open()


def test_steering_a_translation_is_refused(tmp_path):
  with pytest.raises(ValueError, match="must have a linear constraint"):
    _run(_experiment(method=methods.Steered(num_steps=2)), tmp_path)


def test_the_grid_shows_source_and_counterpart(tmp_path):
  task = tasks.Translation(sources.DrawnImages(5, 16))
  _run(_experiment(task=task), tmp_path / "two", limit=1)
  _run(_experiment(), tmp_path / "one", limit=1)
  widths = [pictures.decode(tmp_path / name / "grid.png").shape[1]
            for name in ("one", "two")]
  assert widths[0] < widths[1]


def test_a_row_without_any_sampler_is_the_source(tmp_path):
  report = _run(_experiment(prior=None, method=methods.Baseline()), tmp_path)
  assert [row.method for row in report.rows] == ["Source"]
  assert report.rows[0].values["l2_egsde"].mean == 0


def test_counterparts_cannot_be_matched_by_anything():
  with pytest.raises(ValueError, match="match must be one of"):
    tasks.Translation(match="name")
