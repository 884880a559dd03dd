"""Classifiers of noisy images: the loss, the optimiser, what is drawn."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxguide import convert
from jaxguide import schedules
from jaxguide.convert import rules
from jaxguide.convert.networks import families
from jaxguide.training import image_sets
from jaxguide.training import noisy_classifier
from tests import programs
from tests import recorded_kinds
from tests.samplers import egsde_recordings as recordings

SCHEDULE = schedules.linear(100, end=0.01)


def linear_apply(params, x_t, time):
  del time
  return x_t.reshape(x_t.shape[0], -1) @ params["w"] + params["b"]


def linear_params(pixels=12, classes=3, seed=0):
  rng = np.random.default_rng(seed)
  params = {"w": rng.standard_normal((pixels, classes)),
            "b": rng.standard_normal(classes)}
  return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)


def test_scores_are_cross_entropy_and_right_answers():
  params, rng = linear_params(), np.random.default_rng(1)
  x = rng.standard_normal((5, 2, 2, 3)).astype(np.float32)
  label = np.array([0, 2, 1, 1, 0])
  found = noisy_classifier.scores(
      linear_apply, params, x, jnp.zeros(5), label)
  logits = x.reshape(5, -1).astype(np.float64) @ params["w"] + params["b"]
  odds = np.exp(logits)
  chosen = odds[np.arange(5), label] / odds.sum(1)
  np.testing.assert_allclose(found.loss, -np.log(chosen), rtol=2e-5)
  np.testing.assert_array_equal(found.correct, logits.argmax(1) == label)


def test_updates_are_adamw_with_a_rate_that_falls_linearly():
  """Against the formulas of arXiv:1711.05101, with softmax's gradient."""
  rng = np.random.default_rng(2)
  x = rng.standard_normal((4, 6, 2, 2, 3)).astype(np.float32)
  label = rng.integers(0, 3, (4, 6))
  rate, decay, number = 0.02, 0.3, 5
  optimizer = noisy_classifier.annealed_adamw(rate, number, decay)
  state = noisy_classifier.init_state(linear_params(), optimizer)
  value = {k: np.float64(v) for k, v in state.params.items()}
  first = {k: np.zeros_like(v) for k, v in value.items()}
  second = {k: np.zeros_like(v) for k, v in value.items()}
  for k in range(4):
    flat = x[k].reshape(6, -1).astype(np.float64)
    odds = np.exp(flat @ value["w"] + value["b"])
    error = (odds / odds.sum(1, keepdims=True) - np.eye(3)[label[k]]) / 6
    gradient = {"w": flat.T @ error, "b": error.sum(0)}
    for name, g in gradient.items():
      first[name] = 0.9 * first[name] + 0.1 * g
      second[name] = 0.999 * second[name] + 0.001 * g**2
      step = first[name] / (1 - 0.9**(k + 1)) / (
          np.sqrt(second[name] / (1 - 0.999**(k + 1))) + 1e-8)
      value[name] = value[name] - rate * (1 - k / number) * (
          step + decay * value[name])
    state = noisy_classifier.descend(
        linear_apply, optimizer, state, x[k], jnp.zeros(6), label[k])
  for name in value:
    np.testing.assert_allclose(state.params[name], value[name], atol=2e-5)


def test_levels_are_uniform_and_images_are_noised_by_the_table():
  x0 = np.linspace(-1, 1, 16, dtype=np.float32).reshape(1, 2, 2, 4)
  x0 = np.repeat(x0, 2000, axis=0)
  seen = []

  def apply(params, x_t, time):
    jax.debug.callback(lambda *args: seen.append(args), x_t, time)
    return jnp.zeros((x_t.shape[0], 2)) + params["b"]

  optimizer = noisy_classifier.annealed_adamw(1e-3, 10, 0.0)
  state = noisy_classifier.init_state({"b": jnp.zeros(2)}, optimizer)
  update = noisy_classifier.make_update(apply, optimizer, SCHEDULE)
  jax.block_until_ready(update(
      state, image_sets.Labelled(x0, np.zeros(2000, int)),
      jax.random.key(0)))
  jax.effects_barrier()
  x_t, index = (np.asarray(value) for value in seen[0])
  index = index.astype(int)
  assert index.min() == 0 and index.max() == 99
  counts = np.bincount(index // 10, minlength=10)
  np.testing.assert_allclose(counts, 200, atol=5 * np.sqrt(180))
  alpha_bar = np.cumprod(1 - np.linspace(1e-3, 0.1, 100))[index]
  alpha_bar = alpha_bar[:, None, None, None]
  noise = (x_t - np.sqrt(alpha_bar) * x0) / np.sqrt(1 - alpha_bar)
  assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
  assert abs(noise.var() - 1) < 5 * np.sqrt(2 / noise.size)
  assert np.abs(np.corrcoef(noise.reshape(2, -1))[0, 1]) < 0.05


def test_a_separable_toy_is_learned():
  rng = np.random.default_rng(3)
  optimizer = noisy_classifier.annealed_adamw(0.1, 60, 0.01)
  nothing = jax.tree.map(jnp.zeros_like, linear_params(12, 2))
  first = noisy_classifier.init_state(nothing, optimizer)
  update = programs.jit(
      noisy_classifier.make_update(linear_apply, optimizer, SCHEDULE))

  def draw():
    label = rng.integers(0, 2, 32)
    x0 = np.where(label == 0, -0.5, 0.5)[:, None, None, None]
    x0 = x0 + 0.1 * rng.standard_normal((32, 2, 2, 3))
    return image_sets.Labelled(x0.astype(np.float32), label)

  state = first
  for _ in range(60):
    state = update(state, draw(), jax.random.key(4))
  test = draw()
  before, after = (
      noisy_classifier.scores(
          linear_apply, s.params, test.x0, jnp.zeros(32), test.label)
      for s in (first, state))
  assert after.loss.mean() < 0.2 * before.loss.mean()
  assert after.correct.mean() > before.correct.mean()
  assert after.correct.mean() == 1
  assert int(state.step) == 60


@recorded_kinds.parametrized("training of a classifier")
def test_recorded_training_is_replayed(path):
  """Updates of the released program, from recorded weights."""
  with np.load(path) as archive:
    recorded = {key: archive[key] for key in archive.files}
  batches = [
      (np.moveaxis(x, 1, -1), t.astype(np.float32), label)
      for x, t, label in zip(
          recorded["x"], recorded["t"], recorded["labels"], strict=True)]
  net = _recorded_start(recorded, batches[0])
  rate = np.float64(recorded["lr"])
  number = round(1 / (1 - rate[1] / rate[0]))
  np.testing.assert_allclose(
      rate, rate[0] * (1 - np.arange(len(rate)) / number), rtol=1e-5)
  optimizer = optax.chain(
      _kept_gradient(),
      noisy_classifier.annealed_adamw(rate[0], number, 0.05))
  step = programs.jit(lambda state, *batch: noisy_classifier.descend(
      _apply(net), optimizer, state, *batch))
  state = noisy_classifier.init_state(net.params, optimizer)
  steady = {}
  for k, batch in enumerate(batches):
    state = step(state, *batch)
    # So early the average over updates is a plain mean.
    np.testing.assert_allclose(
        state.average_loss, recorded["loss"][:k + 1].mean(), atol=2e-5)
    gradient = state.opt_state[0]
    for name, want, mine in _pairs(net, recorded, f"step{k}_grad_", gradient):
      scale = np.abs(want).max()
      np.testing.assert_allclose(mine, want, atol=1e-4 * scale, err_msg=name)
      # Adam follows the sign alone of a gradient that is rounding error.
      steady[name] = steady.get(name, True) & (np.abs(want) > 1e-3 * scale)
    for name, want, mine in _pairs(
        net, recorded, f"step{k}_param_", state.params):
      gap = np.abs(mine - want)
      assert gap[steady[name]].max(initial=0) < 1e-5, name
      assert gap.max() < 2.1 * rate[:k + 1].sum(), name


def _kept_gradient():
  """Hands the gradient on, and keeps it as its state."""
  return optax.GradientTransformation(
      lambda params: jax.tree.map(jnp.zeros_like, params),
      lambda gradient, state, params=None: (gradient, gradient))


def _apply(net):
  return lambda params, x_t, time: net.module.apply(
      {"params": params}, x_t, time)


def _loss(apply, params, *batch):
  return jnp.mean(noisy_classifier.scores(apply, params, *batch).loss)


def _recorded_start(recorded, batch):
  """The recorded extractor of the same tensors and loss."""
  fits = [
      net for net in recordings.networks("extractor")
      if net.module.image_size == batch[0].shape[1]
      and all(want.shape == mine.shape for _, want, mine in _pairs(
          net, recorded, "step0_param_", net.params))]
  if not fits:
    pytest.skip("no recorded extractor has these tensors")
  if len(fits) == 1:
    return fits[0]
  gaps = [
      abs(float(_loss(_apply(net), net.params, *batch)) - recorded["loss"][0])
      for net in fits]
  return fits[int(np.argmin(gaps))]


def _pairs(net, recorded, prefix, tree):
  """Name, recorded tensor and ours, both in the released layout."""
  fields = {
      field.name: getattr(net.module, field.name)
      for field in dataclasses.fields(net.module)
      if field.name not in ("parent", "name", "dtype")}
  config = convert.ModelConfig(
      "adm_classifier", fields, net.module.image_size)
  mine = rules.to_state_dict(
      jax.tree.map(np.asarray, tree), families.table(config))
  names = [key.removeprefix(prefix) for key in recorded
           if key.startswith(prefix)]
  assert names
  return [(name, recorded[prefix + name],
           mine.get(name, np.zeros(()))) for name in names]
