"""Latent and class-conditional priors in the evaluation."""

import dataclasses
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import denoisers
from jaxguide import noises
from jaxguide import pixels
from jaxguide import samplers
from jaxguide.convert import latent_model
from jaxguide.convert import latent_store
from jaxguide.convert import model_config
from jaxguide.convert import model_directories
from jaxguide.convert.cards import ldm_cards
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import store
from jaxguide.evaluation.tasks import bound_prior
from tests import draws
from tests import programs
from tests.evaluation import latent_priors
from tests.evaluation import support

METHOD, TASK = latent_priors.METHOD, latent_priors.TASK
MEANS = latent_priors.MEANS
GaussianLatents = latent_priors.GaussianLatents


def experiment(**changes):
  fields = dict(
      task=TASK, method=METHOD, data=sources.DrawnImages(count=3, size=16),
      prior=GaussianLatents(), conditions=(latent_priors.Alternating(),),
      batch_size=2)
  return support.experiment(**{**fields, **changes})


def _run(out, limit=None, backend="pmap", devices=1, **changes):
  return runner.evaluate(
      experiment(**changes), out, devices=devices, limit=limit,
      backend=backend, stream=io.StringIO())


def _hashed(keys):
  return draws.hashed_noise(jax.random.key_data(keys)[:, -1])


@pytest.fixture(name="quick_draws")
def _quick_draws(monkeypatch):
  """They compile faster."""
  monkeypatch.setattr(noises, "prng_noise", _hashed)


@pytest.mark.usefixtures("quick_draws")
def test_a_latent_prior_is_fitted_through_its_decoder(tmp_path):
  """What is seen comes out; samples differ; any batch gives the same."""
  report = _run(tmp_path / "a", samples_per_image=2, batch_size=4)
  _run(tmp_path / "b", samples_per_image=2, batch_size=3, backend="jit")
  a, b = support.files(tmp_path / "a"), support.files(tmp_path / "b")
  shown = [name for name in a if name.startswith("images/")]
  assert len({a[name] for name in shown}) == 6
  assert all(a[name] == b[name] for name in shown)
  assert a["per_image.csv"] == b["per_image.csv"]
  assert [r.conditions["label"] for r in report.records] == [0, 0, 1, 1, 0, 0]
  assert b"index,sample,name,label,status" in a["per_image.csv"]
  free = _run(tmp_path / "free", method=methods.Ddim(num_steps=4))
  consistency = [r.rows[1].values["consistency"].mean for r in (report, free)]
  assert consistency[0] < 0.5 * consistency[1]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize(
    "variant, backend", [("paper", "pmap"), ("paper", "jit"),
                         ("released", "jit")])
def test_many_devices_change_nothing(tmp_path, variant, backend):
  changes = {"samples_per_image": 2,
             "method": dataclasses.replace(METHOD, variant=variant)}
  _run(tmp_path / "one", **changes)
  _run(tmp_path / "many", devices=4, backend=backend, **changes)
  assert support.files(tmp_path / "one") == support.files(tmp_path / "many")


def test_a_run_goes_on_with_the_labels_that_it_began_with(tmp_path):
  """A label file may have changed in between."""
  path = tmp_path / "labels.txt"
  path.write_text("drawn000.png 0\ndrawn001.png 1\n")
  options = {"conditions": (sources.LabelFile(str(path)),),
             "method": methods.Ddim(num_steps=2)}
  _run(tmp_path / "run", limit=1, **options)
  _run(tmp_path / "run", limit=2, **options)
  path.write_text("drawn000.png 1\ndrawn001.png 1\n")
  options["conditions"] = (sources.LabelFile(str(path)),)
  with pytest.raises(
      store.StoreError,
      match="drawn000.png had {'label': 0} and has {'label': 1}"):
    _run(tmp_path / "run", limit=2, **options)


@pytest.mark.usefixtures("quick_draws")
def test_classes_reach_fit_and_samples(tmp_path):
  """Another class for all, another picture where nothing is seen."""
  found = []
  for value in (0, 1):
    _run(tmp_path / str(value), limit=1,
         conditions=(sources.FixedLabel(value),))
    found.append(pictures.decode(
        tmp_path / str(value) / "images/drawn000.png").astype(float))
  mask = TASK.inputs(0, "", (16, 16))["mask"][..., 0]
  assert np.mean((found[1] - found[0])[mask == 0]) > 10
  summary = json.loads((tmp_path / "1" / "summary.json").read_text())
  assert summary["experiment"]["conditions"] == [
      {"kind": "FixedLabel", "value": 1}]


def test_ddim_on_latents_is_decoded(tmp_path):
  """The runner's picture against the sampler and the decoder by hand."""
  _run(tmp_path, method=methods.Ddim(num_steps=4), limit=2)
  prior = GaussianLatents().load()
  steps = samplers.ddim_steps(prior.schedule, 4)

  @programs.jit
  def by_hand(keys):
    noise = noises.prng_noise(keys)
    sampler = samplers.ddim(
        prior.denoiser(prior.params, {"label": jnp.asarray([0, 1])}), noise)
    z = noise(-1, "start", (8, 8, 3))
    return prior.codec().decode(samplers.sample(sampler, z, steps).x)

  keys = [jax.random.fold_in(jax.random.fold_in(jax.random.key(0), n), 0)
          for n in range(2)]
  for n, x in enumerate(np.asarray(by_hand(jnp.stack(keys)))):
    made = pictures.decode(tmp_path / f"images/drawn{n:03d}.png")
    assert np.abs(made.astype(int) - pixels.to_uint8(x)).max() <= 1
    assert made.shape == (16, 16, 3)


def test_guidance_is_between_and_beyond_two_classes():
  """eps of a Gaussian prior is affine in the mean: so is guidance."""
  prior = GaussianLatents().load()
  z = np.float32(np.random.default_rng(0).normal(size=(4, 8, 8, 3)))
  level = prior.schedule.at_level(500)
  bound = bound_prior.BoundPrior(
      prior, prior.params, {"label": jnp.asarray([0, 1])})
  found = bound.denoiser(guidance_scale=3.0, repeats=2)(z, level)
  mean = 3 * MEANS[[0, 0, 1, 1]][:, None, None, None]
  want = level.sigma * (z - level.alpha * mean)
  np.testing.assert_allclose(found.eps, want, atol=1e-5)


@pytest.mark.parametrize("changes, message", [
    ({"method": methods.Steered(num_steps=2)}, "Steered.*works on pixels"),
    ({"method": methods.Ddim(num_steps=2, clip_x0=True)}, "without clip_x0"),
    ({"method": dataclasses.replace(METHOD, clip_x0=True)}, "latent model"),
    ({"conditions": ()}, "needs a source of label"),
    ({"conditions": (sources.FixedLabel(3),)}, "must be in 0..2, got 3"),
    ({"prior": support.GaussianPrior(size=16)}, "with a null value of a"),
    ({"prior": support.GaussianPrior(size=16),
      "method": methods.Ddim(num_steps=2)},
     "among none at all for prior gaussian"),
])
def test_what_does_not_fit_is_refused_before_any_work(
    tmp_path, changes, message
):
  with pytest.raises(ValueError, match=message):
    _run(tmp_path / "run", **changes)
  assert not (tmp_path / "run").exists()


def test_conditions_without_a_source_have_their_null_value():
  prior = GaussianLatents().load()
  found = sources.ImageConditions((), prior, ["a", "b"])
  assert found.described == [{"label": 2}] * 2
  assert found.load(1) == {"label": 2}
  assert sources.ImageConditions(
      (), support.GaussianPrior().load(), ["a"]).described == [{}]
  needs = dataclasses.replace(prior, conditions=(
      latent_priors.LABEL._replace(null=None),))
  with pytest.raises(ValueError, match="must have a source of 'label'"):
    sources.ImageConditions((), needs, ["a"])
  # A network that can do without is given nothing.
  optional = dataclasses.replace(prior, conditions=(
      latent_priors.LABEL._replace(optional=True),))
  assert sources.ImageConditions((), optional, ["a"]).load(0) == {}


class TestLabelSources:

  def test_file(self, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("one.png 3\n\ncat/two words.png 4\n")
    source = sources.LabelFile(str(path))
    assert source.label(0, "one.png") == source.label(9, "in/one.png") == 3
    assert source.label(0, "cat/two words.png") == 4
    with pytest.raises(ValueError, match="no line for image x.png"):
      source.label(0, "x.png")

  @pytest.mark.parametrize("text, message", [
      ("a.png", "line 1 of .* must be NAME LABEL"),
      ("a.png 1\na.png 2", "two classes for a.png"),
      ("a.png -1", "NAME LABEL, got 'a.png -1'"),
  ])
  def test_bad_file(self, tmp_path, text, message):
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
      sources.LabelFile(str(path)).label(0, "a.png")

  def test_folders(self, tmp_path):
    for name in ("n2", "n1", ".hidden"):
      (tmp_path / name).mkdir()
    source = sources.ClassFolders(str(tmp_path), count=2)
    assert source.label(0, "n2/a.png") == 1
    with pytest.raises(ValueError, match="in no class folder"):
      source.label(0, "a.png")
    with pytest.raises(ValueError, match="must hold 3 class folders, got 2"):
      sources.ClassFolders(str(tmp_path), count=3).label(0, "n1/a.png")

  def test_missing(self, tmp_path):
    for source in (sources.LabelFile(str(tmp_path / "no")),
                   sources.ClassFolders(str(tmp_path / "no"))):
      with pytest.raises(
          FileNotFoundError, match="--set conditions.label.path="):
        source.label(0, "a/a.png")


def _saved(path, **changes):
  """A directory with the networks of a random latent prior."""
  prior = sources.RandomLatentPrior(16, 5).load()
  first = {
      "channel_mult": (1, 1), "model_channels": 32, "num_res_blocks": 1,
      "mid_attention": False, "z_channels": 4, "latent_channels": 4}
  unet = {
      "in_channels": 4, "out_channels": 4, "model_channels": 32,
      "channel_mult": (1,), "num_res_blocks": 1, "attention_factors": (),
      "num_groups": 8, "num_classes": 5, **changes}
  parts = {
      ldm_cards.FIRST_STAGE: (
          prior.params["first_stage"], model_config.ModelConfig(
              "kl_autoencoder", first, 16, 3, prediction=None)),
      ldm_cards.UNET: (
          prior.params["unet"], model_config.ModelConfig(
              "ldm_unet", unet, 8, 4,
              schedule={"kind": "scaled_linear", "num_steps": 1000}))}
  latent_store.save(path, parts, 0.5, null_label=4, container="safetensors")
  return prior


def test_a_directory_is_a_prior_of_images(tmp_path, monkeypatch):
  wanted = _saved(tmp_path / "model")
  source = sources.ConvertedPrior(
      str(tmp_path / "model"), "model.ckpt", "ldm_cin256_v2")
  prior = source.load()
  assert prior.is_latent and prior.state_shape == (8, 8, 4)
  assert prior.image_shape == (16, 16, 3)
  assert [(c.name, c.num_values, c.null) for c in prior.conditions] == [
      ("label", 5, 4)]
  assert len(prior.sha256) == 64 and prior.latent_scale == 0.5
  z = np.float32(np.random.default_rng(0).normal(size=(2, 8, 8, 4)))

  @programs.jit
  def both(params, z, label):
    level = prior.schedule.at_level(500)
    return [(p.denoiser(params, {"label": label})(z, level).eps,
             p.codec(params).decode(z)) for p in (prior, wanted)]

  label = np.array([0, 3])
  (eps, x), (same_eps, same_x) = both(prior.params, z, label)
  np.testing.assert_allclose(eps, same_eps, atol=1e-5)
  np.testing.assert_allclose(x, same_x, atol=1e-5)
  # By name, where it is part of the package; its scale is part of its digest.
  monkeypatch.setattr(model_directories, "EMBEDDED", tmp_path)
  assert sources.EmbeddedPrior(
      "model").load().sha256 == prior.sha256
  assert convert.load_latent_model("model").scale_factor == 0.5
  assert convert.load_prior("model").sha256 == prior.sha256
  entries = json.loads((tmp_path / "model" / latent_store.FILE).read_text())
  (tmp_path / "model" / latent_store.FILE).write_text(
      json.dumps({**entries, "scale_factor": 0.6}))
  assert source.load().sha256 != prior.sha256


def test_directories_that_are_no_such_prior(tmp_path, monkeypatch):
  with pytest.raises(FileNotFoundError, match=(
      "jaxguide convert model.ckpt --card ldm_lsun_churches256 --out .*/no "
      "--weights raw")):
    sources.ConvertedPrior(
        str(tmp_path / "no"), "model.ckpt", "ldm_lsun_churches256",
        weights="raw").load()
  with pytest.raises(convert.ConversionError, match="nor an embedded prior"):
    sources.EmbeddedPrior("nothing").load()
  model = latent_model.LatentModel(None, None, None, 1.0, None)
  with pytest.raises(convert.ConversionError, match="first stage alone"):
    latent_model.prior_of(model, name="x", sha256="")
  del monkeypatch


def test_edm_and_latent_stand_ins_are_of_the_same_kind():
  label = ("label",)
  edm = sources.ConvertedPrior("x", "x.pkl", "adm_imagenet64_cond_edm")
  assert edm.tiny(16, label) == sources.RandomEdmPrior(16, 5)
  adm = sources.ConvertedPrior("x", "x.pt", "ffhq_10m")
  assert adm.tiny(16) == sources.RandomPrior(16)
  for card, codes in (("ldm_cin256_v2", True), ("ldm_lsun_churches256", False)):
    source = sources.ConvertedPrior("x", "model.ckpt", card)
    assert source.tiny(16, label if codes else ()) == sources.RandomLatentPrior(
        16, 5 if codes else 0, codebook=codes)
  prior = sources.RandomEdmPrior(16, 5).load()
  assert [(c.name, c.num_values, c.null) for c in prior.conditions] == [
      ("label", 5, -1)]
  x = np.float32(np.random.default_rng(0).normal(size=(3, 16, 16, 3)))
  with_class, none = (
      np.asarray(prior.denoiser(cond={"label": jnp.asarray(c)})(
          x, prior.schedule.at_level(500)).x0) for c in ([1, 2, 3], [-1] * 3))
  assert np.abs(with_class - none).max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("prior, method, changes", [
    (sources.RandomLatentPrior(16, 5), METHOD, {}),
    (sources.RandomLatentPrior(16, 0, codebook=True),
     dataclasses.replace(METHOD, guidance=1.0, variant="released"),
     {"conditions": ()}),
    (sources.RandomEdmPrior(16, 5),
     dataclasses.replace(METHOD, levels=()), {}),
    (sources.RandomPrior(16),
     dataclasses.replace(METHOD, levels=(), guidance=1.0), {"conditions": ()}),
    (sources.RandomPrior(16),
     dataclasses.replace(
         METHOD, levels=(), guidance=1.0, variant="released"),
     {"conditions": ()}),
])
@pytest.mark.usefixtures("quick_draws")
def test_networks_of_every_kind_are_fitted(tmp_path, prior, method, changes):
  """With real networks: finite, and the same whatever the batch."""
  method = dataclasses.replace(
      method, num_iterations=2, num_steps=2, scale=0.1)
  made = []
  for size in (2, 3):
    report = _run(tmp_path / str(size), prior=prior, method=method,
                  batch_size=size, **changes)
    assert report.summary["counts"] == {"images": 3, "pictures": 3, "ok": 3}
    made.append(support.files(tmp_path / str(size)))
  shown = [name for name in made[0] if name.startswith("images/")]
  assert all(made[0][name] == made[1][name] for name in shown)


def test_denoisers_by_hand_are_those_of_problem():
  """Without labels and guidance a method is given the prior's denoiser."""
  prior = support.GaussianPrior(size=16).load()
  x = np.float32(np.random.default_rng(0).normal(size=(2, 16, 16, 3)))
  level = prior.schedule.at_level(300)
  bound = bound_prior.BoundPrior(prior, prior.params, {})
  want = denoisers.from_apply(prior.apply, prior.params)(x, level)
  np.testing.assert_array_equal(bound.denoiser()(x, level).eps, want.eps)
  assert bound.codec.encode(x) is x
  with pytest.raises(ValueError, match="null value"):
    bound.denoiser(guidance_scale=2.0)
