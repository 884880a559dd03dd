"""Every recorded network of latent diffusion, recognised by its config."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.convert.networks import ldm
from jaxguide.models import autoencoders
from jaxguide.models import ldm_unet
from tests import programs
from tests.models import recordings

_OUTPUT, _GRADIENT = 2e-5, 2e-4
_last = recordings.channels_last


@pytest.fixture(autouse=True)
def _full_precision():
  with jax.default_matmul_precision("highest"):
    yield


def _close(found, expected, tolerance=_OUTPUT):
  found, expected = np.asarray(found, np.float64), np.asarray(expected)
  assert found.shape == expected.shape
  error = np.abs(found - expected).max() / np.abs(expected).max()
  assert error < tolerance, error


def _image_first(indices):
  """Channels-last is also for what has the batch alone in front."""
  return _last(indices) if indices.ndim > 1 else indices


@recordings.parametrized("ldm UNetModel")
def test_unet(path):
  recorded = recordings.load(path)
  module = ldm_unet.LdmUnet(
      **ldm.unet_fields(recorded.config), conv_impl="lax")
  x = _last(recorded.in_["x"])
  time = jnp.asarray(recorded.in_["t"], jnp.float32)
  conditions = (recorded.in_.get("context"), recorded.in_.get("y"))
  params = recordings.fill(module, recorded.sd, x, time, *conditions)

  @programs.jit
  def forward_and_gradient(params, x, cotangent):
    call = lambda x: module.apply({"params": params}, x, time, *conditions)
    y, vjp = jax.vjp(call, x)
    return y, vjp(cotangent)[0]

  y, x_bar = forward_and_gradient(
      params, x, _last(recorded.in_["cotangent"]))
  _close(y, _last(recorded.out["out"]))
  _close(x_bar, _last(recorded.out["grad_x"]), _GRADIENT)


def _autoencoder(recorded):
  family, fields = ldm.autoencoder_fields(recorded.config)
  module = ldm.AUTOENCODERS[family].module(**fields, conv_impl="lax")
  params = recordings.fill(module, recorded.sd, _last(recorded.in_["x"]))

  @functools.partial(programs.jit, static_argnames=("method", "quantise"))
  def call(method, x, cotangent, **options):
    """The output and its gradient; compiling is most of the time here."""
    run = lambda x: module.apply(
        {"params": params}, x, method=method, **options)
    y, vjp = jax.vjp(run, x)
    return y, vjp(cotangent)[0]

  latents = programs.jit(lambda x: module.apply(
      {"params": params}, x, method="encode"))
  quantise = programs.jit(lambda z: module.apply(
      {"params": params}, z, method="quantise"))
  return call, latents, quantise


@recordings.parametrized("AutoencoderKL")
def test_kl_autoencoder(path):
  recorded = recordings.load(path)
  call, encode, _ = _autoencoder(recorded)
  given = {k: _last(v) for k, v in recorded.in_.items()}
  out = {k: _image_first(v) for k, v in recorded.out.items()}
  latents = encode(given["x"])
  moments, x_bar = call("moments", given["x"], given["cotangent_encode"])
  images, z_bar = call("decode", given["z"], given["cotangent_decode"])
  mode, _ = call("decode", latents.mean, given["cotangent_decode"])
  for name, found in (
      ("moments", moments), ("mean", latents.mean),
      ("logvar_clamped", latents.logvar), ("std", latents.std),
      ("kl", latents.kl()), ("decode_z", images), ("decode_mode", mode)):
    _close(found, out[name])
  _close(x_bar, out["grad_encode_x"], _GRADIENT)
  _close(z_bar, out["grad_decode_z"], _GRADIENT)


@recordings.parametrized("VQModelInterface")
def test_vq_autoencoder(path):
  recorded = recordings.load(path)
  call, _, quantise = _autoencoder(recorded)
  given = {k: _last(v) for k, v in recorded.in_.items()}
  out = {k: _image_first(v) for k, v in recorded.out.items()}
  latents, x_bar = call("encode", given["x"], given["cotangent_encode"])
  _close(latents, out["prequant"])
  _close(x_bar, out["grad_encode_x"], _GRADIENT)
  quantised = quantise(latents)
  np.testing.assert_array_equal(
      np.ravel(quantised.indices), recorded.out["indices"])
  _close(quantised.features, out["quant"])
  _close(quantised.loss.mean(), out["commit_loss_legacy"])
  cotangent = given["cotangent_decode"]
  for name, z, options in (
      ("decode_of_prequant", out["prequant"], {}),
      ("decode_of_quant", out["quant"], {}),
      ("decode_without_quantize", out["prequant"], {"quantise": False})):
    _close(call("decode", z, cotangent, **options)[0], out[name])
  images, z_bar = call("decode", given["z"], cotangent)
  _close(images, out["decode_z"])
  _close(z_bar, out["grad_decode_z"], _GRADIENT)


def test_the_two_kinds_of_first_stage_are_told_apart():
  kinds = {name: family.module for name, family in ldm.AUTOENCODERS.items()}
  assert kinds == {
      "kl_autoencoder": autoencoders.KlAutoencoder,
      "vq_autoencoder": autoencoders.VqAutoencoder}
