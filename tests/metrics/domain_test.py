"""Accuracy of a classifier of domains on single pictures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import metrics
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.metrics import domain


@pytest.fixture(scope="module")
def model():
  """A random classifier of three domains."""
  config = model_config.ModelConfig(
      family="adm_classifier", image_size=8, prediction=None, module={
          "in_channels": 3, "out_channels": 3, "model_channels": 32,
          "channel_mult": (1.0,), "num_res_blocks": 1,
          "attention_factors": (), "num_head_channels": 32, "image_size": 8})
  module = model_store.build_module(config)
  shapes = jax.eval_shape(
      module.init, jax.random.key(0), jnp.zeros((2, 8, 8, 3)), jnp.zeros(2))
  rng = np.random.default_rng(0)
  params = jax.tree.map(
      lambda s: np.float32(0.3 * rng.standard_normal(s.shape)),
      shapes["params"])
  head = params["out.2"]["c_proj"]
  # Without it the random network has one favourite for all pictures.
  logits = module.apply({"params": params}, _pictures(), jnp.zeros(12))
  head["bias"] = head["bias"] - np.mean(logits, axis=0)
  return model_store.Model(params, config)


def _pictures(count=12):
  rng = np.random.default_rng(1)
  means = rng.uniform(-1, 1, (count, 1, 1, 3))
  return jnp.float32(np.clip(means + rng.normal(size=(count, 8, 8, 3)), -1, 1))


def test_every_picture_is_of_one_domain(model):
  x = _pictures()
  each = [metrics.domain_metric(model, k).function(x) for k in range(3)]
  np.testing.assert_array_equal(np.sum(each, axis=0), np.ones(len(x)))


def test_it_is_the_first_choice_on_clean_pictures(model):
  x = np.round((np.asarray(_pictures()) + 1) * 127.5) / 127.5 - 1
  module = model_store.build_module(model.config)
  logits = module.apply(
      {"params": model.params}, jnp.float32(x), jnp.zeros(len(x)))
  wanted = np.argmax(np.asarray(logits), axis=1)
  assert len(set(wanted.tolist())) > 1
  found = metrics.domain_metric(model, int(wanted[0])).function(x)
  np.testing.assert_array_equal(found, wanted == wanted[0])


def test_signature_names_label_and_weights(model):
  one, two = (metrics.domain_metric(model, k).signature for k in (0, 1))
  assert one != two and "weights=" in one and "label=0" in one


def test_what_does_not_fit_is_refused(model):
  with pytest.raises(ValueError, match=r"label must be in 0\.\.2, got 3"):
    domain.domain_metric(model, 3)
  other = model_config.ModelConfig(
      family="adm_unet", module={}, image_size=8)
  with pytest.raises(ValueError, match="family 'adm_classifier'"):
    domain.domain_metric(model_store.Model({}, other), 0)
