import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import codecs
from jaxguide import operators


def _images(*shape):
  return jnp.asarray(
      np.random.default_rng(0).standard_normal(shape), jnp.float32)


def test_identity_changes_nothing():
  codec, x = codecs.identity(), _images(2, 4, 4, 3)
  assert codec.encode(x) is x and codec.decode(x) is x
  assert codec.latent_shape((4, 4, 3)) == (4, 4, 3)


def _patches(scale_factor):
  """A lossless autoencoder: 2x2 pixels of one channel to four channels."""

  def encode(x):
    b, h, w, _ = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 2, 4)
    return x.reshape(b, h // 2, w // 2, 4)

  def decode(z):
    b, h, w, _ = z.shape
    z = z.reshape(b, h, w, 2, 2).transpose(0, 1, 3, 2, 4)
    return z.reshape(b, 2 * h, 2 * w, 1)

  return codecs.autoencoder(
      encode, decode, factor=2, channels=4, scale_factor=scale_factor)


def test_latents_are_scaled_and_images_are_not():
  codec, x = _patches(0.25), _images(3, 6, 4, 1)
  z = codec.encode(x)
  assert z.shape[1:] == codec.latent_shape(x.shape[1:]) == (3, 2, 4)
  np.testing.assert_allclose(z[0, 0, 0, 0], 0.25 * x[0, 0, 0, 0], rtol=1e-6)
  np.testing.assert_allclose(codec.decode(z), x, rtol=1e-6)


def test_a_latent_model_observes_through_the_decoder():
  codec, z = _patches(0.5), _images(2, 2, 2, 4)
  mask = jnp.zeros((2, 4, 4, 1)).at[:, :2].set(1.0)
  operator = operators.compose(operators.inpainting(mask), codec.decode)
  y = operator.apply(z)
  np.testing.assert_allclose(y, mask * codec.decode(z), rtol=1e-6)
  # Only the latents of observed patches matter, by 1 / scale_factor.
  gradient = jax.grad(lambda z: operator.apply(z).sum())(z)
  np.testing.assert_allclose(gradient[:, 0], 2.0)
  np.testing.assert_allclose(gradient[:, 1], 0.0)


def test_sides_that_do_not_divide():
  with pytest.raises(ValueError, match=r"image_shape is \(6, 5, 1\); 2 must"):
    _patches(1.0).latent_shape((6, 5, 1))
