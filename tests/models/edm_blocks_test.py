import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import edm_blocks


def _normal(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _matrix(taps, size):
  """The filter that halves one axis, as a matrix [size / 2, size]."""
  matrix = np.zeros((size // 2, size))
  for row in range(size // 2):
    for k, tap in enumerate(np.asarray(taps) / np.sum(taps)):
      column = 2 * row + k - (len(taps) // 2 - 1)
      if 0 <= column < size:
        matrix[row, column] += tap
  return matrix


@pytest.mark.parametrize(
    "taps", [(1, 1), (1, 3, 3, 1), (1, 2), (1, 2, 5, 7), (1, 2, 3, 4, 5, 6)])
def test_halving_and_doubling_are_their_matrices(taps):
  x = _normal(0, 2, 8, 12, 3)
  high, wide = _matrix(taps, 8), _matrix(taps, 12)
  np.testing.assert_allclose(
      edm_blocks.downsample(x, taps),
      np.einsum("ih,jw,bhwc->bijc", high, wide, x), rtol=1e-5, atol=1e-6)
  # Doubling is the transpose, times two along each axis.
  high, wide = 2 * _matrix(taps, 16).T, 2 * _matrix(taps, 24).T
  np.testing.assert_allclose(
      edm_blocks.upsample(x, taps),
      np.einsum("ih,jw,bhwc->bijc", high, wide, x), rtol=1e-5, atol=1e-6)


def test_halving_without_a_border_takes_x_s_own():
  x = _normal(0, 1, 8, 8, 2)
  padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  np.testing.assert_allclose(
      edm_blocks.downsample(padded, (1, 3, 3, 1), padded=False),
      edm_blocks.downsample(x, (1, 3, 3, 1)), rtol=1e-6)


@pytest.mark.parametrize("taps", [(), (1,), (1, 2, 1), (1, -1)])
def test_filters_that_resample_nothing_are_refused(taps):
  with pytest.raises(ValueError, match="even number of taps"):
    edm_blocks.check_filter(taps)


@pytest.mark.parametrize("endpoint", (False, True))
def test_positional_embedding_is_its_definition(endpoint):
  noise = np.asarray([-1.7, 0.0, 0.3, 42.0], np.float32)
  found = edm_blocks.positional_embedding(noise, 16, endpoint=endpoint)
  k = np.arange(8) / (7 if endpoint else 8)
  angle = noise[:, None].astype(np.float64) * 1e-4**k
  np.testing.assert_allclose(
      found, np.concatenate([np.cos(angle), np.sin(angle)], 1), atol=5e-6)


def test_attention_keeps_q_k_v_innermost():
  """Against the definition, head by head, in float64."""
  block = edm_blocks.UnetBlock(8, num_heads=2, skip_scale=0.5)
  x, embedding = _normal(0, 1, 2, 2, 8), _normal(1, 1, 4)
  shapes = jax.eval_shape(
      lambda: block.init(jax.random.key(0), x, embedding))["params"]
  params = jax.tree.map(lambda a: 0.5 * _normal(a.size, *a.shape), shapes)
  # Without its branch the block is skip_scale x, and then attention.
  params["conv1"] = jax.tree.map(np.zeros_like, params["conv1"])
  found = block.apply({"params": params}, x, embedding)
  x = 0.5 * x.astype(np.float64).reshape(4, 8)
  group = x.reshape(4, 2, 4)
  mean = group.mean((0, 2), keepdims=True)
  spread = np.sqrt(group.var((0, 2), keepdims=True) + 1e-5)
  h = ((group - mean) / spread).reshape(4, 8)
  h = h * params["norm2"]["scale"] + params["norm2"]["bias"]
  qkv = h @ params["qkv"]["kernel"][0, 0] + params["qkv"]["bias"]
  out = []
  for head in range(2):
    q, k, v = (qkv[:, 12 * head + s:12 * head + 12:3] for s in range(3))
    logits = q @ k.T / 2
    weights = np.exp(logits - logits.max(1, keepdims=True))
    out.append(weights / weights.sum(1, keepdims=True) @ v)
  out = np.concatenate(out, 1)
  out = out @ params["proj"]["kernel"][0, 0] + params["proj"]["bias"]
  np.testing.assert_allclose(
      found, 0.5 * (out + x).reshape(1, 2, 2, 8), rtol=1e-4, atol=1e-5)


def test_heads_that_do_not_divide_the_channels_are_refused():
  block = edm_blocks.UnetBlock(8, num_heads=3)
  with pytest.raises(ValueError, match="num_heads is 3; it must divide the 8"):
    jax.eval_shape(lambda: block.init(
        jax.random.key(0), jnp.zeros((1, 2, 2, 8)), jnp.zeros((1, 4))))
