"""Against networks and schedulers of Hugging Face's diffusers.

Random weights, saved by diffusers, converted by us, evaluated by both.
"""

import importlib
import json
import sys

import jax
import numpy as np
import pytest

from jaxguide import cli
from jaxguide import convert
from jaxguide.convert import errors
from jaxguide.convert import latent_model
from jaxguide.convert import model_store
from jaxguide.convert import rules
from jaxguide.convert.diffusers import configs
from jaxguide.convert.diffusers import folders
from jaxguide.convert.diffusers import names
from jaxguide.convert.networks import families
from tests import marks
from tests.convert import small

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")


def _diffusers():
  """The package; a torchvision of another torch would break its import."""
  try:
    importlib.import_module("torchvision")
  except (ImportError, RuntimeError, OSError):
    sys.modules["torchvision"] = None
  return pytest.importorskip("diffusers")


diffusers = _diffusers()
TOLERANCE = 1e-4

_UNET = {
    "sample_size": 8, "in_channels": 3, "out_channels": 3,
    "layers_per_block": 1, "block_out_channels": (16, 32),
    "norm_num_groups": 8, "attention_head_dim": 8,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
_CONDITIONED = {
    **_UNET, "in_channels": 4, "out_channels": 4, "cross_attention_dim": 12,
    "attention_head_dim": 4,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D")}
_AUTOENCODER = {
    "sample_size": 16, "block_out_channels": (16, 32), "norm_num_groups": 8,
    "layers_per_block": 1, "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2}

UNETS = {
    "latent diffusion": {},
    "two blocks, three levels": {
        "layers_per_block": 2, "block_out_channels": (16, 24, 32),
        "down_block_types": ("AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D")},
    "residual blocks resample": {
        "num_class_embeds": 5, "attention_head_dim": None,
        "resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 8,
        "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "downsample_type": "resnet", "upsample_type": "resnet"},
    "DDPM": {
        "flip_sin_to_cos": False, "freq_shift": 1, "norm_eps": 1e-6,
        "downsample_padding": 0, "attention_head_dim": None},
}
CONDITIONED = {
    "Stable Diffusion 1": {},
    "Stable Diffusion 2": {
        "use_linear_projection": True, "attention_head_dim": (2, 4),
        "transformer_layers_per_block": 2, "num_class_embeds": 3,
        "down_block_types": ("CrossAttnDownBlock2D",) * 2,
        "up_block_types": ("CrossAttnUpBlock2D",) * 2},
}
# The others are compiled in the slow run.
QUICK = ("DDPM", "Stable Diffusion 1")


def _saved(network, folder):
  """Saves a network with no zero among its weights."""
  generator = torch.Generator().manual_seed(0)
  with torch.no_grad():
    for parameter in network.parameters():
      size = parameter[0].numel() if parameter.ndim > 1 else 25
      parameter.add_(
          torch.randn(parameter.shape, generator=generator) / size ** 0.5)
  network.eval().save_pretrained(folder)
  return folder


def _random(*shape):
  return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _torch(x):
  return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def _close(found, expected):
  expected = np.moveaxis(expected.detach().numpy(), 1, -1)
  assert found.shape == expected.shape
  error = np.abs(np.asarray(found) - expected).max() / np.abs(expected).max()
  assert error < TOLERANCE, error


def _read(folder, **options):
  params, config = folders.read_network(folder, **options)
  module = model_store.build_module(config, conv_impl="lax")

  def call(*args, **kwargs):
    with jax.default_matmul_precision("highest"):
      return module.apply({"params": params}, *args, **kwargs)

  return params, config, call


def _there_and_back(network, params, config):
  """The tensors that we would write are those that diffusers wrote."""
  back = names.from_reference(
      rules.to_state_dict(params, families.table(config)), config)
  expected = network.state_dict()
  assert set(back) == set(expected)
  for name, array in back.items():
    np.testing.assert_array_equal(
        array.reshape(expected[name].shape), expected[name].numpy())


@pytest.mark.parametrize("kind", marks.slow_but(QUICK, UNETS))
def test_unet(tmp_path, kind):
  network = diffusers.UNet2DModel(**{**_UNET, **UNETS[kind]})
  params, config, call = _read(_saved(network, tmp_path / "net"))
  assert config.family == ("ddpm_unet" if kind == "DDPM" else "adm_unet")
  x, time = _random(2, 8, 8, 3), np.float32([3.0, 730.0])
  labels = None
  if "num_class_embeds" in UNETS[kind]:
    labels = np.int32([4, 1])
  expected = network(
      _torch(x), torch.from_numpy(time),
      None if labels is None else torch.from_numpy(labels)).sample
  _close(call(x, time, labels), expected)
  _there_and_back(network, params, config)


@pytest.mark.parametrize("kind", marks.slow_but(QUICK, CONDITIONED))
def test_conditioned_unet(tmp_path, kind):
  network = diffusers.UNet2DConditionModel(
      **{**_CONDITIONED, **CONDITIONED[kind]})
  params, config, call = _read(_saved(network, tmp_path / "net"))
  assert config.family == "ldm_unet"
  x, time = _random(2, 8, 8, 4), np.float32([3.0, 730.0])
  context = 2.0 * _random(2, 5, 12)
  labels = None
  if "num_class_embeds" in CONDITIONED[kind]:
    labels = np.int32([2, 1])
  expected = network(
      _torch(x), torch.from_numpy(time), torch.from_numpy(context),
      class_labels=None if labels is None else torch.from_numpy(labels)).sample
  _close(call(x, time, context, labels), expected)
  _there_and_back(network, params, config)


def test_kl_autoencoder(tmp_path):
  network = diffusers.AutoencoderKL(**{
      **_AUTOENCODER,
      "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
      "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D")})
  params, config, call = _read(_saved(network, tmp_path / "net"))
  x, z = _random(2, 16, 16, 3), _random(2, 8, 8, 4)
  expected = network.encode(_torch(x)).latent_dist
  found = call(x, method="encode")
  _close(found.mean, expected.mean)
  _close(found.logvar, expected.logvar)
  _close(call(z, method="decode"), network.decode(_torch(z)).sample)
  _there_and_back(network, params, config)


def test_vq_autoencoder(tmp_path):
  network = diffusers.VQModel(
      **_AUTOENCODER, num_vq_embeddings=16, vq_embed_dim=2,
      mid_block_add_attention=False)
  params, config, call = _read(_saved(network, tmp_path / "net"))
  assert config.module["num_codes"] == 16
  x, z = _random(2, 16, 16, 3), _random(2, 8, 8, 2)
  _close(call(x, method="encode"), network.encode(_torch(x)).latents)
  _close(call(z, method="decode"), network.decode(_torch(z)).sample)
  _there_and_back(network, params, config)


@pytest.mark.parametrize("fields", [
    {"qkv_order": "legacy"},
    pytest.param(
        {"resblock_updown": False, "use_scale_shift_norm": False},
        marks=pytest.mark.slow)])
def test_diffusers_loads_what_we_write(tmp_path, fields):
  """An ADM network of two heads, whose rows of qkv change places."""
  config = small.unet(
      num_head_channels=16, num_classes=4, out_channels=3, **fields)
  params = jax.tree.map(
      lambda w: (w / np.sqrt(max(w[..., 0].size, 1))).astype(np.float32),
      small.params(config))
  model_store.save_model(tmp_path / "model", params, config)
  assert cli.main([
      "convert", str(tmp_path / "model"), "--layout", "diffusers", "--out",
      str(tmp_path / "folder")]) == 0
  network = diffusers.UNet2DModel.from_pretrained(tmp_path / "folder").eval()
  x, time = _random(2, 16, 16, 3), np.float32([3.0, 730.0])
  labels = np.int32([3, 1])
  expected = network(
      _torch(x), torch.from_numpy(time), torch.from_numpy(labels)).sample
  module = model_store.build_module(config, conv_impl="lax")
  with jax.default_matmul_precision("highest"):
    _close(module.apply({"params": params}, x, time, labels), expected)


def _pipeline(folder, first_stage=None, **config):
  """The three folders of a pipeline, and what names them."""
  folder.mkdir()
  (folder / "model_index.json").write_text('{"_class_name": "LDMPipeline"}')
  _saved(diffusers.UNet2DModel(**_UNET), folder / "unet")
  diffusers.DDIMScheduler(
      beta_start=0.0015, beta_end=0.0195,
      beta_schedule="scaled_linear").save_pretrained(folder / "scheduler")
  if first_stage:
    _saved(first_stage(**_AUTOENCODER, **config), folder / "vqvae")
  return folder


def test_a_pipeline_with_a_first_stage_is_a_latent_model(tmp_path, capsys):
  folder = _pipeline(
      tmp_path / "in", diffusers.VQModel, num_vq_embeddings=16,
      scaling_factor=0.75)
  argv = ["convert", str(folder), "--licence", "MIT", "--out"]
  assert cli.main([*argv, str(tmp_path / "told")]) == 0
  assert "scale factor  0.75" in capsys.readouterr().out
  assert cli.main(
      [*argv, str(tmp_path / "given"), "--scale_factor", "0.5"]) == 0
  for name, scale in (("told", 0.75), ("given", 0.5)):
    model = latent_model.load(tmp_path / name)
    assert model.scale_factor == scale
    assert model.unet.config.licence == "MIT"
    assert model.unet.config.family == "ldm_unet"
    np.testing.assert_allclose(
        model.schedule.alpha, convert.schedule_of({
            "kind": "scaled_linear", "num_steps": 1000}).alpha)
    for part, inner in (("unet", "unet"), ("first_stage", "vqvae")):
      expected, _, _ = _read(folder / inner)
      jax.tree.map(
          np.testing.assert_array_equal, model.params[part], expected)
  capsys.readouterr()
  assert cli.main(["inspect", str(folder)]) == 0
  assert "VQModel, a vq_autoencoder" in capsys.readouterr().out


def test_a_pipeline_without_one_is_a_pixel_prior(tmp_path):
  out = tmp_path / "out"
  folders.convert_folder(_pipeline(tmp_path / "in"), out)
  prior = convert.load_prior(out)
  assert (prior.image_shape, prior.prediction) == ((8, 8, 3), "eps")
  assert prior.schedule.alpha.size == convert.schedule_of(
      {"kind": "scaled_linear", "num_steps": 1000}).alpha.size


def test_folders_that_do_not_fit(tmp_path):
  folder = _saved(diffusers.UNet2DModel(**_UNET), tmp_path / "net")
  (folder / "diffusion_pytorch_model.safetensors").rename(
      folder / "model-00001-of-00002.safetensors")
  with pytest.raises(errors.ConversionError, match="holds none of"):
    folders.convert_folder(folder, tmp_path / "out")
  (folder / "config.json").write_text('{"_class_name": "UNet2DModel"')
  with pytest.raises(errors.ConversionError, match="not valid JSON"):
    folders.read_network(folder)
  assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [
    {}, {"num_train_timesteps": 250, "beta_start": 0.001},
    {"beta_schedule": "scaled_linear", "beta_start": 0.0015,
     "beta_end": 0.0195, "prediction_type": "v_prediction"},
    {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "sample"}])
def test_schedules(tmp_path, options):
  scheduler = diffusers.DDPMScheduler(**options)
  scheduler.save_pretrained(tmp_path)
  stored = json.loads((tmp_path / "scheduler_config.json").read_text())
  prediction, entry = configs.schedule(stored)
  assert prediction == {"v_prediction": "v", "sample": "x0"}.get(
      options.get("prediction_type"), "eps")
  found = convert.schedule_of(entry)
  expected = scheduler.alphas_cumprod.numpy()
  assert found.alpha.size in (expected.size, expected.size + 1)
  np.testing.assert_allclose(
      np.square(found.alpha)[-expected.size:], expected, rtol=1e-4)


_ALL_SCHEDULERS = sorted(
    name for name in dir(diffusers) if name.endswith("Scheduler"))


@pytest.mark.parametrize("name", _ALL_SCHEDULERS)
def test_a_schedule_is_the_schedulers_or_refused(name, tmp_path):
  """None is taken for another: all classes, with their own defaults."""
  try:
    scheduler = getattr(diffusers, name)()
  except (ImportError, TypeError, ValueError):
    pytest.skip("cannot be made without options or a further library")
  # One of them is no more than its name, in recent releases.
  stored = {**getattr(scheduler, "config", {}), "_class_name": name}
  expected = getattr(scheduler, "alphas_cumprod", None)
  try:
    _, entry = configs.schedule(stored)
  except errors.ConversionError as error:
    assert "_class_name of the scheduler" in str(error) or (
        "supported are" in str(error))
    assert name not in configs._SCHEDULERS
    return
  assert expected is not None and name in configs._SCHEDULERS
  np.testing.assert_allclose(
      np.square(convert.schedule_of(entry).alpha)[-len(expected):],
      expected.numpy(), rtol=1e-4)


@pytest.mark.parametrize("options, message", [
    ({"_class_name": "CMStochasticIterativeScheduler", "sigma_max": 80.0},
     "scheduler is 'CMStochasticIterativeScheduler'; supported are DDIM"),
    ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "FlowMatchEuler"),
    ({"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True},
     "use_flow_sigmas is True"),
    ({"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"},
     "timestep_type is 'continuous'")])
def test_schedulers_that_noise_by_other_rules(options, message):
  with pytest.raises(errors.ConversionError, match=message):
    configs.schedule(options)


@pytest.mark.parametrize("cls, options, change, message", [
    ("UNet2DModel", _UNET, {"center_input_sample": True},
     "center_input_sample is"),
    ("UNet2DModel", _UNET, {"norm_eps": 1e-3}, "norm_eps"),
    ("UNet2DModel", _UNET, {"up_block_types": ["UpBlock2D", "AttnUpBlock2D"]},
     "mirror"),
    ("UNet2DModel", _UNET, {"of_the_future": 3}, "'of_the_future'"),
    ("UNet2DConditionModel", _CONDITIONED, {"attention_head_dim": [4, 5]},
     None),
    ("AutoencoderKL", _AUTOENCODER, {"shift_factor": 0.1}, "shift_factor"),
    ("VQModel", _AUTOENCODER, {"norm_type": "spatial"}, "norm_type is"),
    ("Transformer2DModel", {}, {}, "_class_name is 'Transformer2DModel'"),
])
def test_networks_that_we_do_not_have(cls, options, change, message):
  entries = {"_class_name": cls, **options, **change}
  if message is None:
    # Coarser levels without attention have the middle block's heads alone.
    assert configs.network(
        {**entries, "attention_head_dim": [4, 8]})[1]["num_head_channels"] == 4
    message = "attention_head_dim is"
  with pytest.raises(errors.ConversionError, match=message):
    configs.network(entries)
