"""Whole latent diffusion checkpoints: apart, into use, and together again."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import cli
from jaxguide import convert
from jaxguide import noises
from jaxguide import schedules
from jaxguide import variational
from jaxguide.convert import errors
from jaxguide.convert import latent_checkpoints
from jaxguide.convert import latent_model
from jaxguide.convert import latent_store
from jaxguide.convert import model_store
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.networks import families
from tests import programs
from tests.convert import crafted

_HALVES = {
    "z_channels": 2, "resolution": 16, "in_channels": 3, "out_ch": 3, "ch": 32,
    "ch_mult": (1, 1), "num_res_blocks": 1, "attn_type": "none"}
_UNET = {
    "in_channels": 2, "out_channels": 2, "model_channels": 32,
    "channel_mult": (1,), "num_res_blocks": 1, "attention_resolutions": (1,),
    "num_heads": 2, "use_spatial_transformer": True, "context_dim": 6}
CARD = ldm_cards.LatentCard(
    name="small", file_names=("small.ckpt",), origin="nobody", licence="CC0",
    image_size=16, num_parameters={}, unet=_UNET, classes=(5, 6),
    first_stage={
        "embed_dim": 2, "n_embed": 8,
        "ddconfig": {**_HALVES, "double_z": False}},
    scale_factor=None, null_label=4)
PREFIXES = latent_checkpoints.PREFIXES


def _weights(seed):
  """Every tensor of the card's networks, by prefixed names."""
  random = np.random.default_rng(seed)
  return {
      PREFIXES[part] + entry.name: (
          random.normal(size=entry.torch_shape) / np.sqrt(
              np.prod(entry.torch_shape[1:]) or 1)).astype(np.float32)
      for part, config in CARD.configs({}).items()
      for entry in families.table(config)}


RAW, OTHER = _weights(0), _weights(1)
AVERAGE = {
    name: array for name, array in OTHER.items()
    if name.startswith(PREFIXES["unet"])}
BETAS = schedules.scaled_linear_betas(1000, *CARD.betas).astype(np.float32)


def _tensors(scale=0.5, average=True):
  tensors = {**RAW, "betas": BETAS, "logvar": np.zeros(1000, np.float32)}
  if scale is not None:
    tensors["scale_factor"] = np.float32(scale).reshape(())
  if average:
    stem = "model_ema.diffusion_model"
    tensors |= {
        stem + name.removeprefix(PREFIXES["unet"]).replace(".", ""): array
        for name, array in AVERAGE.items()}
    tensors["model_ema.decay"] = np.float32(0.99).reshape(())
    tensors["model_ema.num_updates"] = np.int32(7).reshape(())
  return tensors


def _file(folder, tensors):
  state = crafted.dict_({
      "state_dict": crafted.state(tensors), "epoch": crafted.literal(3)})
  return crafted.save(folder, crafted.zip_bytes(
      state, [a.tobytes() for a in tensors.values()]), "small.ckpt")


@pytest.fixture(autouse=True)
def _card(monkeypatch):
  monkeypatch.setitem(ldm_cards.CARDS, "small", CARD)


@pytest.mark.parametrize("weights", ["raw", "ema"])
def test_there_and_back_again_to_the_bit(tmp_path, weights, capsys):
  file, model = _file(tmp_path, _tensors()), tmp_path / "model"
  argv = ["convert", str(file), "--card", "small", "--weights", weights]
  assert cli.main([*argv, "--out", str(model)]) == 0
  report = capsys.readouterr().out
  assert f"{weights} weights" in report and "CC0" in report
  assert cli.main(["inspect", str(model)]) == 0
  assert "scale factor  0.5" in capsys.readouterr().out
  back = tmp_path / "back.safetensors"
  assert cli.main(["convert", str(model), "--out", str(back)]) == 0
  expected = RAW | (AVERAGE if weights == "ema" else {})
  found = convert.read_checkpoint(back)
  assert crafted.same(found.tensors, {
      **expected, "betas": BETAS, "scale_factor": np.float32(0.5).reshape(())})
  config = json.loads(found.metadata["config.unet"])
  assert config["source"]["weights"] == weights
  # What was written is a checkpoint of the same card, with one set of weights.
  again = latent_checkpoints.take(found.tensors, CARD, weights=None)
  assert not again.unused and again.scale_factor == 0.5


def test_which_weights_has_to_be_said_where_there_are_two(tmp_path, capsys):
  file = _file(tmp_path, _tensors())
  assert cli.main([
      "convert", str(file), "--card", "small", "--out", str(tmp_path / "m")
  ]) == 1
  assert "raw or ema" in capsys.readouterr().err
  assert not (tmp_path / "m").exists()
  alone = latent_checkpoints.take(_tensors(average=False), CARD)
  assert set(alone.parts) == set(ldm_cards.PARTS)
  assert alone.unused == ("logvar",)
  with pytest.raises(errors.ConversionError, match="no moving average"):
    latent_checkpoints.take(_tensors(average=False), CARD, weights="ema")


@pytest.mark.parametrize("change, given, message", [
    ({"betas": BETAS[::-1]}, {}, "betas run from"),
    ({"scale_factor": None}, {}, "give scale_factor"),
    ({}, {"scale_factor": -1.0}, "must be positive"),
    ({}, {"weights": "best"}, "allowed are raw, ema"),
    ({"model_ema.diffusion_modelout2bias": None}, {"weights": "ema"},
     "of other parameters"),
    ({"first_stage_model.quant_conv.bias": np.zeros(3, np.float32)}, {},
     "does not fit the first_stage of card small"),
])
def test_files_that_do_not_fit(change, given, message):
  tensors = {
      name: array for name, array in {**_tensors(), **change}.items()
      if array is not None}
  with pytest.raises(errors.ConversionError, match=message):
    latent_checkpoints.take(tensors, CARD, **{"weights": "raw", **given})


def test_the_given_scale_factor_wins():
  taken = latent_checkpoints.take(
      _tensors(), CARD, weights="raw", scale_factor=0.25)
  assert taken.scale_factor == 0.25


@pytest.mark.skipif(
    crafted.recorded("containers") is None, reason="JAXGUIDE_RECORDED unset")
def test_recorded_checkpoints():
  """Their average is half of the raw weights, so that a mix-up shows."""
  paths = list(crafted.recorded("containers").glob("*.ckpt"))
  assert paths
  for path in paths:
    tensors = convert.read_checkpoint(path).tensors
    raw = latent_checkpoints.behind(tensors, PREFIXES["unet"])
    average = latent_checkpoints.average(tensors)
    assert set(average) == set(raw)
    for name in raw:
      np.testing.assert_array_equal(
          tensors[average[name]], tensors[raw[name]] / 2)
    names = [name for name, _ in latent_checkpoints.facts_of(tensors)]
    assert names[:1] == ["unet"] and "weights" in names


def test_inspecting_a_checkpoint(tmp_path, capsys):
  assert cli.main(["inspect", str(_file(tmp_path, _tensors()))]) == 0
  text = capsys.readouterr().out
  for fact in ("raw and ema", "scale factor  0.5", "0.0015 to 0.0195 in 1000",
               "cards         none of these sizes"):
    assert fact in text
  # The released networks are told by their sizes.
  released = {
      name: np.broadcast_to(np.float32(0), size) for name, size in (
          ("encoder.conv_in.weight", 83_653_860),
          ("decoder.conv_in.weight", 3), ("loss.discriminator", 99))}
  told = dict(latent_checkpoints.facts_of(released))
  assert told["cards"] == "first_stage_kl_f8"
  assert not latent_checkpoints.facts_of({"conv.weight": np.zeros(3)})


@pytest.fixture(scope="module", name="model")
def _model(tmp_path_factory):
  path = tmp_path_factory.mktemp("latent") / "model"
  taken = latent_checkpoints.take(_tensors(), CARD, weights="ema")
  latent_store.save(path, taken.parts, taken.scale_factor, null_label=4)
  return latent_model.load(path)


def test_a_loaded_model_is_a_prior_with_classes(model):
  """Its denoiser is the UNet, fed with the embedding of the class."""
  assert model.null_label == 4 and model.scale_factor == 0.5
  z = np.random.default_rng(2).normal(size=(3, 8, 8, 2)).astype(np.float32)
  level, options = model.schedule.at_level(600), {"conv_impl": "lax"}
  unet = model_store.build_module(model.unet.config, **options)

  @programs.jit
  def run(params, own, z, labels, tokens):
    named = model.denoiser(params, labels=labels, **options)
    # The same tokens as a context.
    token = model.denoiser(params, context=tokens, **options)
    eps = unet.apply({"params": own}, z, jnp.full(3, level.time), tokens)
    return eps, named(z, level), token(z, level)

  # Only the UNet is averaged.
  labels = np.array([3, 0, model.null_label])
  table = RAW["cond_stage_model.embedding.weight"]
  eps, found, token = run(
      model.params, model.unet.params, z, labels, table[labels][:, None])
  np.testing.assert_allclose(found.eps, eps, rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(found.x0, token.x0, rtol=1e-5, atol=1e-5)
  # Guidance by the null class: its row is another one.
  alike = run(model.params, model.unet.params, z[[0] * 3], labels,
              table[labels][:, None])[1].eps
  assert np.abs(alike[2] - alike[0]).max() > 1e-3


def test_a_loaded_model_is_fitted_through_its_decoder(model):
  """What VIPaint differentiates; the scale divides what is decoded."""
  x = jnp.asarray(
      np.random.default_rng(3).uniform(-1, 1, (1, 16, 16, 3)), jnp.float32)
  assert model.codec().latent_shape((16, 16, 3)) == (8, 8, 2)
  assert model.codec().latent_shape((32, 16, 3)) == (16, 8, 2)

  module = model_store.build_module(
      model.first_stage.config, conv_impl="lax")

  @programs.jit
  def run(params, own, x):
    codec = model.codec(params, conv_impl="lax")
    z = codec.encode(x)
    energy = variational.decoded(
        variational.gaussian_likelihood(x, 1.0), codec.decode)
    gradient = jax.grad(lambda z: energy(z, None, None).sum())(z)
    by_hand = (0.5 * module.apply({"params": own}, x, method="encode"),
               module.apply({"params": own}, z / 0.5, method="decode"))
    return (z, codec.decode(z)), by_hand, gradient

  (z, image), by_hand, gradient = run(
      model.params, model.first_stage.params, x)
  np.testing.assert_allclose(z, by_hand[0], rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(image, by_hand[1], rtol=1e-3, atol=1e-3)
  assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize("text, message", [
    ("[", "no JSON"), ("{}", "scale_factor is None"),
    ('{"scale_factor": 1, "null_label": "x"}', "null_label is"),
])
def test_damaged_directories(tmp_path, text, message):
  (tmp_path / latent_store.FILE).write_text(text)
  with pytest.raises(errors.ConversionError, match=message):
    latent_model.load(tmp_path)


def test_a_latent_model_without_its_parts_is_no_prior(tmp_path):
  (tmp_path / latent_store.FILE).write_text('{"scale_factor": 1.0}')
  with pytest.raises(errors.ConversionError, match="first_stage"):
    convert.load_prior(tmp_path)


@pytest.mark.slow
def test_vipaint_is_fitted_to_a_loaded_model(model):
  """Class-conditional, through the decoder, a row of labels per sample."""
  random = np.random.default_rng(4)
  x = jnp.asarray(random.uniform(-1, 1, (2, 16, 16, 3)), jnp.float32)
  mask = jnp.ones((2, 16, 16, 1)).at[:, 4:12, 4:12].set(0.0)
  plan = variational.vipaint_plan(
      model.schedule, variational.levels_at_sigmas(model.schedule, (0.9,)))
  draws = noises.prng_noise(noises.image_keys(0, np.arange(2)))

  @programs.jit
  def run(params):
    codec = model.codec(params, conv_impl="lax")
    energy = variational.decoded(
        variational.masked_reconstruction(x, mask), codec.decode)
    loss = variational.negative_elbo(
        plan, model.denoiser(
            params, labels=jnp.array([3, 3, 0, 0]), conv_impl="lax"),
        draws, energy, num_samples=2)
    start = variational.initialise(
        plan, variational.encodings(codec.encode(mask * x), draws, 1), draws)
    return start, variational.fit(loss, start, num_iterations=2)

  start, fitted = run(model.params)
  assert fitted.posterior.mu.shape == (2, 1, 8, 8, 2)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(fitted))
  moved = np.abs(fitted.posterior.mu - start.mu).reshape(2, -1).max(axis=1)
  assert (moved > 0).all()
