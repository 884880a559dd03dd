"""EGSDE, SDEdit and ILVR against recorded runs of the released programs."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import noises
from jaxguide import operators
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.samplers import _egsde
from jaxguide.training import noisy_classifier
from tests import programs
from tests import recorded_kinds
from tests.samplers import egsde_recordings as recordings

STEP_ATOL = 5e-6
TRAJECTORY_ATOL = 5e-5
GRADIENT_RTOL = 1e-4
NETWORK_RTOL = 2e-5  # Of the largest |output|.

each_chain = recorded_kinds.parametrized("EGSDE run")
each_masked = recorded_kinds.parametrized("masked SDEdit run")
each_ilvr = recorded_kinds.parametrized("ILVR run")
each_energy = recorded_kinds.parametrized("EGSDE energies")
each_forward = recorded_kinds.parametrized("EGSDE forwards")
each_extractor = recorded_kinds.parametrized("EGSDE extractor")


def _largest(value, want):
  assert value.shape == want.shape
  return float(np.abs(np.asarray(value) - want).max())


def _report(path, **errors):
  print(os.path.basename(path), {k: f"{v:.1e}" for k, v in errors.items()})


# The chain: EGSDE and SDEdit.


def _scalar(arrays, name, default):
  return arrays[name].item() if name in arrays else default


def _plan(arrays):
  """The recorded plan, checked against the recorded tables."""
  e, z = recordings.pairs(arrays["e"]), arrays["z"]
  repeats = _scalar(arrays, "K", len(e))
  stop = _scalar(arrays, "stop", 0)
  top = _scalar(arrays, "M", len(z) // repeats + stop)
  logvar, betas = arrays.get("logvar"), arrays["betas"]
  large = logvar is not None and np.allclose(
      logvar[1:], np.log(betas[1:]), atol=1e-3)
  steps = samplers.egsde_steps(
      recordings.schedule_of(arrays), first_level=top, variant="released",
      variance="fixed_large" if large else "fixed_small",
      num_repeats=repeats,
      source_noise="fresh" if "e_step" in arrays else None)
  steps = jax.tree.map(lambda leaf: leaf[:len(z)], steps)
  if "t" in arrays:
    np.testing.assert_array_equal(steps.level.time, arrays["t"])
  rows = np.int64(steps.level.time)
  if "alphas_cumprod" in arrays:
    np.testing.assert_allclose(
        steps.level.alpha, np.sqrt(arrays["alphas_cumprod"][rows]), rtol=2e-7)
  if logvar is not None:
    std = np.where(rows > 0, np.exp(logvar[rows] / 2), 0)
    np.testing.assert_allclose(
        steps.coefficients.noise_std, std, rtol=1e-5)
  return steps


def _tables(arrays, steps):
  """Its draws by slot, through a flat recording and the draw order."""
  e, z = recordings.pairs(arrays["e"]), arrays["z"]
  fresh = arrays.get("e_step")
  flat, each = [], len(z) // len(e)
  for repeat in range(len(e)):
    flat.append(e[repeat])
    for i in range(repeat * each, (repeat + 1) * each):
      flat += [z[i]] if fresh is None else [fresh[i], z[i]]
  order = samplers.egsde_draw_order(steps)
  placed = {int(p) for at in order.values() for p in at.reshape(-1)}
  assert placed == set(range(len(flat)))
  flat = jnp.asarray(np.stack(flat))
  return {slot: flat[at] for slot, at in order.items()}


def _network(arrays, steps, after):
  """Whose eps fits the first step, guidance left out if eps is unknown."""
  x = _starts(arrays, steps)[0]
  time = float(steps.level.time[0])
  if "eps" in arrays:
    return recordings.network_for(x, time, arrays["eps"][0])
  c = steps.coefficients
  eps = (c.x_scale[0] * x + c.noise_std[0] * arrays["z"][0] - after[0])
  return recordings.network_for(x, time, eps / c.eps_scale[0])


def _starts(arrays, steps):
  """What each recorded step started from."""
  e, after = recordings.pairs(arrays["e"]), _states(arrays)
  level = steps.level
  source = _source(arrays)
  kept = arrays.get("mask", np.zeros(source.shape[1:])) == 1
  out, image, repeat = [], source, 0
  for i in range(len(after)):
    if i and level.level[i] > level.level[i - 1]:
      image, repeat = np.where(kept, source, after[i - 1]), repeat + 1
    if i == 0 or level.level[i] > level.level[i - 1]:
      out.append(level.alpha[i] * image + level.sigma[i] * e[repeat])
    else:
      out.append(after[i - 1])
  return np.stack(out)


def _source(arrays):
  if "x_src" in arrays:
    return arrays["x_src"]
  (name,) = (k for k, v in arrays.items() if v.ndim == 4)
  return arrays[name]


def _states(arrays):
  return arrays["x"] if "mask" in arrays else arrays["y"]


def _energy(arrays, extractor, params):
  """The recorded energy; which similarities, a first step tells.

  With shared noise sample and source are the same there: a cosine is 1, a
  distance 0.
  """
  names = {"similarity": "cosine", "distance": "squared"}
  if "E_s" in arrays and abs(arrays["E_s"][0]).max() < 0.5:
    names["similarity"] = "neg_l2"
  if "E_i" in arrays and abs(arrays["E_i"][0]).max() > 0.5:
    names["distance"] = "cosine"
  weights = {"domain_weight": _scalar(arrays, "lambda_s", 0.0),
             "lowpass_weight": _scalar(arrays, "lambda_i", 0.0)}
  phi = extractor and recordings.features(extractor, params)
  return energies.translation(
      phi, jnp.asarray(_source(arrays)), **weights, **names,
      factor=int(_scalar(arrays, "down_N", 8)))


def _extractor(arrays, steps):
  """The one with which a late step comes out; None where none is used."""
  if not _scalar(arrays, "lambda_s", 0.0):
    return None
  net, after = _network(arrays, steps, _states(arrays)), _states(arrays)
  late = slice(len(after) - 1, None)
  rows = jax.tree.map(lambda leaf: leaf[late], steps)
  tables, starts = _tables(arrays, steps), _starts(arrays, steps)

  def gap(extractor):
    _, apart = _replayers(arrays, net, extractor)
    out = apart(tables, rows, starts[late], recordings.pairs(arrays["e"])[-1:])
    return _largest(out, after[late])

  return recordings.extractor_for(gap)


def _replayers(arrays, net, extractor):
  """Compiled: the whole trajectory, and every step from its own start."""
  mask = arrays.get("mask")

  def sampler(params, tables):
    energy = _energy(arrays, extractor, params[1])
    return samplers.egsde(
        recordings.denoiser(net, params[0]), noises.recorded_noise(tables),
        source=jnp.asarray(_source(arrays)), mask=mask,
        guidance=guidance.at_state(energy) if energy else None)

  @programs.jit
  def whole(params, tables, steps):
    return samplers.sample(
        sampler(params, tables), tables["start"][0, 0], steps,
        record=lambda state: state.result)

  @programs.jit
  def apart(params, tables, steps, starts, e):
    def one(row):
      x, e, step = row
      return sampler(params, tables).step(
          _egsde.EgsdeState(x, x, e), step).result
    return jax.lax.map(one, (starts, e, steps))

  params = (net.params, extractor and extractor.params)
  return (lambda *args: whole(params, *args),
          lambda *args: apart(params, *args))


def _check_chain(path):
  arrays = recordings.load(path)
  steps = _plan(arrays)
  tables = _tables(arrays, steps)
  net = _network(arrays, steps, _states(arrays))
  whole, apart = _replayers(arrays, net, _extractor(arrays, steps))
  e, count = recordings.pairs(arrays["e"]), steps.index.size
  repeat = np.arange(count) // (count // len(e))
  with jax.default_matmul_precision("highest"):
    out = whole(tables, steps)
    single = apart(tables, steps, _starts(arrays, steps), e[repeat])
  after = _states(arrays)
  errors = {"step": _largest(single, after),
            "trajectory": _largest(out.trajectory, after)}
  if "output01" in arrays:
    shown = np.clip((out.x + 1) / 2, 0, 1)
    errors["output01"] = _largest(shown, arrays["output01"])
  if "x0_after_repeat" in arrays:
    ends = out.trajectory[count // len(e) - 1::count // len(e)]
    ends = np.where(arrays["mask"] == 1, _source(arrays), ends)
    errors["repeats"] = _largest(
        ends, recordings.pairs(arrays["x0_after_repeat"]))
  _report(path, **errors)
  assert errors.pop("step") <= STEP_ATOL
  assert max(errors.values()) <= TRAJECTORY_ATOL, errors


@each_chain
def test_chain(path):
  _check_chain(path)


@each_masked
def test_masked_chain(path):
  _check_chain(path)


@each_chain
def test_start_points(path):
  arrays = recordings.load(path)
  if "y_init" not in arrays:
    pytest.skip("no start points here")
  steps = _plan(arrays)
  starts = _starts(arrays, steps)
  begins = np.flatnonzero(np.diff(steps.level.level, prepend=0) > 0)
  np.testing.assert_allclose(
      starts[begins], recordings.pairs(arrays["y_init"]), atol=STEP_ATOL)


@each_chain
def test_recorded_energies(path):
  """Unweighted values and gradients, at the recorded states."""
  arrays = recordings.load(path)
  if "grad_s" not in arrays:
    pytest.skip("no energies here")
  steps = _plan(arrays)
  starts = _starts(arrays, steps)
  extractor = _extractor(arrays, steps)
  if extractor is None:
    pytest.skip("nothing weighs the extractor here")
  e = recordings.pairs(arrays["e"])
  repeat = np.arange(len(starts)) // (len(starts) // len(e))

  def evaluate(weights, params):
    energy = _energy({**arrays, **weights}, extractor, params)
    return jax.lax.map(
        lambda row: _value_and_slope(energy, *row),
        (starts, steps.level, e[repeat]))

  for name, weights in (("s", (1.0, 0.0)), ("i", (0.0, 1.0))):
    weights = {"lambda_s": np.float64(weights[0]),
               "lambda_i": np.float64(weights[1])}
    with jax.default_matmul_precision("highest"):
      value, slope = programs.jit(
          lambda params, w=weights: evaluate(w, params))(extractor.params)
    _check_energy(path, name, value, slope, arrays[f"E_{name}"],
                  arrays[f"grad_{name}"])


def _value_and_slope(energy, x, level, e):
  """The energy with e as the source's noise, and its gradient."""

  def draw(slot, shape, law="normal"):
    assert slot.endswith("source") and law == "normal"
    assert tuple(shape) == e.shape[1:]
    return e

  value, pull = jax.vjp(lambda x: energy(x, level, draw), x)
  return value, pull(jnp.ones_like(value))[0]


def _check_energy(path, name, value, slope, want_value, want_slope):
  scale, top = np.abs(want_value).max(), np.abs(want_slope).max()
  _report(path, **{f"E_{name}": _largest(value, want_value) / scale,
                   f"grad_{name}": _largest(slope, want_slope) / top})
  np.testing.assert_allclose(
      value, want_value, rtol=1e-5, atol=1e-5 * max(scale, 1))
  np.testing.assert_allclose(
      slope, want_slope, rtol=GRADIENT_RTOL, atol=GRADIENT_RTOL * top)


# Energies of independent sample and source.

SINGLE = {
    "s_cosine": {"lowpass_weight": 0, "similarity": "cosine"},
    "s_neg_l2": {"lowpass_weight": 0, "similarity": "neg_l2"},
    "i_neg_l2": {"domain_weight": 0, "distance": "squared"},
    "i_cosine": {"domain_weight": 0, "distance": "cosine"},
}


@each_energy
@pytest.mark.parametrize("kind", SINGLE)
def test_single_energies(path, kind):
  """The noisy source is given: a clean one at alpha 1 and sigma 0."""
  arrays = recordings.load(path)
  times = sorted({int(k[1:].split("_")[0]) for k in arrays
                  if k.endswith(f"_E_{kind}")})
  y, xt = jnp.asarray(arrays["y"]), jnp.asarray(arrays["xt"])
  want = arrays[f"t{times[0]}_feat_y"]
  at = jnp.full(len(y), times[0], jnp.float32)
  net = recordings.extractor_for(lambda net: _largest(
      recordings.features(net, net.params)(y, at), want))

  @programs.jit
  def run(params, time):
    energy = energies.translation(
        recordings.features(net, params), xt,
        factor=int(_scalar(arrays, "down_N", 8)),
        **{"domain_weight": 1, "lowpass_weight": 1, **SINGLE[kind]})
    level = schedules.NoiseLevel(jnp.float32(1), jnp.float32(0), time)
    return _value_and_slope(energy, y, level, jnp.zeros_like(y))

  for time in times:
    with jax.default_matmul_precision("highest"):
      value, slope = run(net.params, jnp.float32(time))
    _check_energy(path, kind, value, slope, arrays[f"t{time}_E_{kind}"],
                  arrays[f"t{time}_grad_{kind}"])


# Networks by themselves.

# The outputs of a file of forwards, by the kind of network.
FORWARDS = {
    "unet_adm": ("unet", None), "unet_ddpm": ("ddpm", None),
    "dse_features": ("extractor", "features"),
    "dse_logits": ("extractor", None), "ce_loss": ("extractor", None)}


@each_forward
@pytest.mark.parametrize("name", FORWARDS)
def test_forwards(path, name):
  """All channels of the recorded networks, at the recorded times."""
  arrays = recordings.load(path)
  if name not in arrays:
    pytest.skip(f"no {name} here")
  kind, method = FORWARDS[name]
  x, want = jnp.asarray(arrays["x"]), arrays[name]
  time = jnp.asarray(arrays["t"], jnp.float32)
  found = recordings.networks(kind)
  if not found:
    pytest.skip(f"no recorded {kind}")

  def run(net):
    apply = lambda params, x, time: net.module.apply(
        {"params": params}, x, time, method=method)
    if name == "ce_loss":
      return programs.jit(lambda params: noisy_classifier.scores(
          apply, params, x, time, arrays["ce_labels"]).loss)(net.params)
    return programs.jit(apply)(net.params, x, time)

  with jax.default_matmul_precision("highest"):
    outputs = [run(net) for net in found]
  errors = [_largest(out, want) for out in outputs
            if out.shape == want.shape]
  assert errors, [out.shape for out in outputs]
  _report(path, **{name: min(errors)})
  assert min(errors) <= NETWORK_RTOL * np.abs(want).max()


@each_extractor
def test_an_extractor_and_its_energies(path):
  """Features, logits, and both similarities with their gradients.

  Outputs are told apart by their names and shapes; one that is neither is an
  error, so that none is left out in silence.
  """
  net, given, wanted = recordings.extractor_file(path)
  images = {k: v for k, v in given.items()
            if v.ndim == 4 and k != "cotangent"}
  first = "y" if "y" in images else "x"
  y = images.pop(first)
  source = next(iter(images.values()), y)
  time = jnp.broadcast_to(jnp.float32(given["t"]), y.shape[:1])

  @programs.jit
  def run(params):
    phi = recordings.features(net, params)
    out = {"features_y": phi(y, time), "features_xt": phi(source, time),
           "logits": net.module.apply({"params": params}, y, time)}
    level = schedules.NoiseLevel(jnp.float32(1), jnp.float32(0), time)
    for name in ("cosine", "neg_l2"):
      energy = energies.translation(
          phi, source, domain_weight=1, lowpass_weight=0, similarity=name)
      out[f"value_{name}"], out[f"slope_{name}"] = _value_and_slope(
          energy, y, level, jnp.zeros_like(y))
    return out

  with jax.default_matmul_precision("highest"):
    out = run(net.params)
  for key, want in wanted.items():
    value = out[_output(key, want, y)]
    _report(path, **{key: _largest(value, want)})
    scale = np.abs(want).max()
    limit = GRADIENT_RTOL if want.shape == y.shape else NETWORK_RTOL
    assert _largest(value, want) <= limit * scale, key


def _output(key, want, y):
  """What a recorded output of an extractor is, here."""
  name = key.lower()
  if want.shape == y.shape and ("grad" in name or "slope" in name):
    return "slope_neg_l2" if "l2" in name else "slope_cosine"
  if want.shape == y.shape[:1]:
    return "value_neg_l2" if "l2" in name else "value_cosine"
  if want.ndim == 2:
    return "logits"
  if want.ndim == 4:
    return "features_xt" if "xt" in name or "src" in name else "features_y"
  raise AssertionError(f"{key} of shape {want.shape} is of no known kind")


# ILVR.


def _reference(arrays):
  """The one image-shaped array that is no state of the chain."""
  known = {"x_T", "z", "ref_noise", "proposal", "x", "pred_xstart"}
  shape = arrays["x_T"].shape[-4:]
  found = [k for k, v in arrays.items()
           if k not in known and v.shape == shape]
  assert len(found) == 1, found
  return jnp.asarray(arrays[found[0]])


@each_ilvr
def test_ilvr(path):
  arrays = recordings.load(path)
  reference, z = _reference(arrays), arrays["z"]
  schedule = recordings.schedule_of(arrays)
  refined = np.any(arrays["ref_noise"], axis=(1, 2, 3, 4))
  # Indices run downward, so the count of unrefined ones is the lowest level.
  steps = samplers.ilvr_steps(
      schedule, len(z), variant="released", refine_above=int((~refined).sum()))
  np.testing.assert_array_equal(steps.coefficients.refine > 0, refined)
  order = samplers.ilvr_draw_order(steps)
  flat = [arrays["x_T"].reshape(reference.shape)]
  for i, more in enumerate(refined):
    flat += [z[i], arrays["ref_noise"][i]] if more else [z[i]]
  flat = jnp.asarray(np.stack(flat))
  tables = {slot: flat[at] for slot, at in order.items()}
  net = _ilvr_network(arrays, steps)
  size = reference.shape[1]
  low = operators.lowpass(size, int(_scalar(arrays, "down_N", 8)), "cubic")

  @programs.jit
  def run(params, tables, steps):
    denoise = denoisers.clip_x0(recordings.denoiser(net, params))
    sampler = samplers.ilvr(
        denoise, noises.recorded_noise(tables), reference=reference,
        operator=low, variance="learned")
    return samplers.sample(
        sampler, tables["start"][0, 0], steps, record=lambda state: state)

  @programs.jit
  def apart(params, tables, steps, starts):
    denoise = denoisers.clip_x0(recordings.denoiser(net, params))
    sampler = samplers.ilvr(
        denoise, noises.recorded_noise(tables), reference=reference,
        operator=low, variance="learned")
    # A step reads nothing of the state but x.
    like = sampler.init(
        tables["start"][0, 0], jax.tree.map(lambda leaf: leaf[0], steps))
    return jax.lax.map(
        lambda row: sampler.step(like._replace(x=row[0]), row[1]),
        (starts, steps))

  before = np.stack([
      arrays["x_T"].reshape(reference.shape), *arrays["x"][:-1]])
  with jax.default_matmul_precision("highest"):
    out = run(net.params, tables, steps)
    single = apart(net.params, tables, steps, before)
  errors = {
      name: _largest(getattr(out.trajectory, name), arrays[name])
      for name in ("proposal", "x")}
  errors |= {
      f"{name}_apart": _largest(getattr(single, name), arrays[name])
      for name in ("proposal", "x")}
  _report(path, **errors)
  # A learned variance multiplies the noise by what the network rounds: two
  # programs of this library alone are 7e-6 apart in a step.
  assert max(errors.values()) <= TRAJECTORY_ATOL, errors


def _ilvr_network(arrays, steps):
  """The one whose clipped x0 fits the first recorded one."""
  x, level = arrays["x_T"], jax.tree.map(lambda leaf: leaf[0], steps.level)
  x = jnp.asarray(x.reshape(x.shape[-4:]))
  found = recordings.networks("unet")
  if not found:
    pytest.skip("no recorded denoising network")
  gaps = [np.abs(denoisers.clip_x0(recordings.denoiser(n, n.params))(
      x, level).x0 - arrays["pred_xstart"][0]).mean() for n in found]
  return found[int(np.argmin(gaps))]
