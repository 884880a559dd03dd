"""Recorded fits and samples of the released VIPaint, and how to replay them.

Recordings are NCHW with one image and B samples; what is handed out is NHWC.
Files are recognised by what they hold. The networks are stand-ins, written
here from their description.
"""

import functools
import glob
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import schedules
from jaxguide import variational

# The schedules of the two models of the released program.
ENDS = (0.0195, 0.0155)
FIELDS = ("mu", "logvar", "gamma")


def nhwc(x: np.ndarray) -> np.ndarray:
  return np.moveaxis(x, -3, -1)


@functools.cache
def archive(path: str) -> dict[str, np.ndarray]:
  with np.load(path) as stored:
    return {k: stored[k] for k in stored.files}


@functools.cache
def having(key: str) -> tuple[str, ...]:
  folder = os.path.join(os.environ.get("JAXGUIDE_RECORDED", ""), "vipaint")
  paths = sorted(glob.glob(os.path.join(folder, "*.npz")))
  found = []
  for path in paths:
    with np.load(path) as stored:
      if key in stored.files:
        found.append(path)
  return tuple(found)


def fits() -> tuple[str, ...]:
  return having("it0_loss_total")


def samplings() -> tuple[str, ...]:
  return having("dps0_z_in")


class Networks(NamedTuple):
  """The stand-ins of one file, NHWC."""

  tensors: dict[str, np.ndarray]

  @property
  def conditional(self) -> bool:
    return "w.net.cl.weight" in self.tensors

  def eps(self, params, x, time, cond):
    del params
    freq = np.exp(-np.log(10000) * np.arange(8) / 8).astype(np.float32)
    angle = time[:, None] * freq
    embedding = jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=1)
    e = self._linear("net.tl", embedding)
    if self.conditional:
      e += self._linear("net.cl", cond[:, 0])
    h = jax.nn.silu(self._conv("net.c1", x) + e[:, None, None])
    h = jax.nn.silu(self._conv("net.c2", h))
    return self._conv("net.c3", h)

  def decode(self, z):
    z = z / self.tensors["w.scale_factor"]
    z = jnp.repeat(jnp.repeat(z, 2, axis=1), 2, axis=2)
    return self._conv("dec.d2", jax.nn.silu(self._conv("dec.d1", z)))

  def distance(self, a, b):
    gap = self._features(a) - self._features(b)
    return jnp.mean(gap**2, axis=(1, 2, 3))

  def _features(self, x):
    return jax.nn.silu(_conv(
        x, self.tensors["w.perc_w"], self.tensors["w.perc_b"]))

  def _linear(self, name, x):
    weight = self.tensors[f"w.{name}.weight"]
    return jnp.dot(x, weight.T) + self.tensors[f"w.{name}.bias"]

  def _conv(self, name, x):
    return _conv(x, self.tensors[f"w.{name}.weight"],
                 self.tensors[f"w.{name}.bias"])


def _conv(x, weight, bias):
  out = jax.lax.conv_general_dilated(
      x, jnp.asarray(weight.transpose(2, 3, 1, 0)), (1, 1), "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"))
  return out + bias


class Case(NamedTuple):
  """One fit: its arrays, its plan and its networks."""

  arrays: dict[str, np.ndarray]
  schedule: schedules.Schedule
  plan: variational.Plan
  networks: Networks
  absolute_weight: float

  @property
  def num_samples(self) -> int:
    return self.arrays["y"].shape[0]

  @property
  def num_iterations(self) -> int:
    return sum(k.endswith("_loss_total") for k in self.arrays)

  @property
  def conditions(self) -> tuple[Any, Any]:
    return self.arrays.get("cond"), self.arrays.get("uncond")

  def denoiser(self, scale: float = 1.0) -> denoisers.Denoiser:
    both = [
        denoisers.from_apply(self.networks.eps, None, cond=c)
        for c in self.conditions
    ]
    if scale == 1 or self.conditions[1] is None:
      return both[0]
    return denoisers.classifier_free(*both, scale)

  def parts(self) -> tuple[Any, Any]:
    """The two terms of the reconstruction, each an energy of latents."""
    y, mask = nhwc(self.arrays["y"])[:1], nhwc(self.arrays["mask"])
    absolute = variational.masked_reconstruction(
        y, mask, weight=self.absolute_weight)
    perceptual = variational.masked_reconstruction(
        y, mask, weight=0.0, perceptual=self.networks.distance)
    return tuple(
        variational.decoded(e, self.networks.decode)
        for e in (absolute, perceptual))

  def reconstruction(self) -> Any:
    return variational.decoded(
        variational.masked_reconstruction(
            nhwc(self.arrays["y"])[:1], nhwc(self.arrays["mask"]),
            weight=self.absolute_weight,
            perceptual=self.networks.distance),
        self.networks.decode)

  def noise(self) -> noises.Noise:
    """The recorded draws, `[index, inner, 1, B, ...]` per slot."""
    count, num_levels = self.num_iterations, self.plan.num_levels
    flat = []
    for n in range(count):
      for q in range(2 + num_levels):
        kind = "rand" if q == 1 else "randn"
        draw = self.arrays[f"it{n}_draw{q}_{kind}"]
        flat.append(draw if q == 1 else nhwc(draw)[None])
    order = variational.fit_draw_order(num_levels, count)
    return noises.recorded_noise({
        slot: np.stack([np.stack([flat[p] for p in row]) for row in rows])
        for slot, rows in order.items()})

  def loss(self) -> variational.Loss:
    return variational.negative_elbo(
        self.plan, self.denoiser(), self.noise(), self.reconstruction(),
        num_samples=self.num_samples,
        beta_diffusion=float(self.arrays.get("beta_1", 100.0)),
        beta_hierarchy=float(self.arrays.get("beta_2", 100.0)))

  def posterior(self, suffix: str) -> variational.Posterior:
    """Recorded parameters: "init", or an iteration after which they hold."""
    names = ([f"{f}_init" for f in FIELDS] if suffix == "init" else
             [f"it{suffix}_{f}_after" for f in FIELDS])
    found = [self.arrays.get(name) for name in names]
    # One level alone has no mixing weights, and a file need not hold them.
    found[2] = np.zeros_like(found[0]) if found[2] is None else found[2]
    return variational.Posterior(
        *(jnp.asarray(nhwc(leaf))[None] for leaf in found))

  @property
  def shifts(self) -> bool:
    """Whether the run has the in-place shift of the means."""
    before = self.arrays["it0_mu_before_step"]
    return not np.array_equal(before, self.arrays["mu_init"])


@functools.cache
def case(path: str) -> Case:
  stored = archive(path)
  schedule = _nearest_schedule(stored["sigma_timesteps"])
  plan = variational.vipaint_plan(
      schedule, tuple(int(t) + 1 for t in np.ravel(stored["levels"])),
      eta=float(stored["eta"]), variant="released")
  found = Case(stored, schedule, plan, Networks(stored), 100.0)
  return found._replace(absolute_weight=_absolute_weight(found))


def _nearest_schedule(sigmas: np.ndarray) -> schedules.Schedule:
  grid = variational.time_grid() + 1
  options = [schedules.scaled_linear(end=end) for end in ENDS]
  return min(options, key=lambda s: np.abs(s.sigma[grid] - sigmas).max())


def _absolute_weight(found: Case) -> float:
  """Whether this is the loss of the VQ or of the KL autoencoder.

  Told by the stored losses: the two differ by half in the absolute error.
  """
  latent = nhwc(found.arrays[f"it0_call{found.plan.num_levels}_z"])
  eps = nhwc(found.arrays[f"it0_call{found.plan.num_levels}_eps"])
  row = found.plan.row(-1)
  x0 = (latent - row.sigma * eps) / row.alpha
  wanted = found.arrays["it0_loss_recon"].mean()
  weights = (100.0, 100.0 * variational.VQ_WEIGHT)

  def gap(weight):
    value = found._replace(absolute_weight=weight).reconstruction()(
        x0, row, None)
    return abs(float(value.mean()) - wanted)

  return min(weights, key=gap)


@functools.cache
def fit_of(path: str) -> Case:
  """The fit that a sampling starts from: its last parameters are equal."""
  mu = archive(path)["mu"]
  for other in fits():
    found = case(other)
    last = found.arrays.get(f"it{found.num_iterations - 1}_mu_after")
    if last is not None and last.shape == mu.shape and np.array_equal(
        last, mu):
      return found
  raise FileNotFoundError(f"no fit ends with the parameters of {path}")
