"""The 8-bit step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import metrics

EIGHT = np.arange(256, dtype=np.uint8)
VALUES = EIGHT.astype(np.float32) / np.float32(127.5) - np.float32(1)


@pytest.mark.parametrize("rule", ["uint8", "uint8_truncated"])
def test_saved_values_stay_as_they_are(rule):
  compiled = jax.jit(metrics.quantise, static_argnums=1)
  for function in (metrics.quantise, compiled):
    once = function(jnp.asarray(VALUES), rule)
    np.testing.assert_allclose(once, VALUES, atol=1e-7)
    np.testing.assert_array_equal(function(once, rule), once)


def test_rules_differ_between_levels():
  x = jnp.asarray(VALUES[:-1] + 0.7 / 127.5)
  level = lambda rule: np.rint((metrics.quantise(x, rule) + 1) * 127.5)
  np.testing.assert_array_equal(level("uint8"), EIGHT[1:])
  np.testing.assert_array_equal(level("uint8_truncated"), EIGHT[:-1])
  np.testing.assert_array_equal(metrics.quantise(x, "none"), x)


def test_values_outside_are_clipped_and_nan_stays():
  x = jnp.asarray([-3.0, 3.0, np.inf, -np.inf, np.nan])
  got = metrics.quantise(x)
  np.testing.assert_array_equal(got, [-1, 1, 1, -1, np.nan])


def test_unknown_rule_is_named():
  with pytest.raises(ValueError, match="rule must be one of"):
    metrics.quantise(jnp.zeros(3), "int4")
