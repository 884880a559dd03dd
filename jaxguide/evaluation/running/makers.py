"""Where the pictures of a run come from.

A producer takes a batch and gives one outcome per item: a picture, or what
went wrong with it. The sampler is one producer; the degraded picture itself
and files that another program made are two more, so that all are scored and
written down in the same way.
"""

from collections.abc import Callable, Mapping, Sequence
import pathlib
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import convert
from jaxguide import noises
from jaxguide import parallel
from jaxguide import samplers
from jaxguide.data import images
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import scoring
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.running import compiled
from jaxguide.evaluation.running import fits
from jaxguide.evaluation.tasks import bound_prior


class Failure(NamedTuple):
  """An item without a picture.

  Attributes:
    status: a word for counting: "unreadable", "wrong_size", "no_mask",
      "missing", "non_finite".
    error: one line.
  """

  status: str
  error: str


Outcome = np.ndarray | Failure


class Batch(NamedTuple):
  """Items that are made together; arrays have a leading axis B.

  Attributes:
    items: the items' numbers; shorter than B in the last batch.
    images: int32 `[B]`, the images' numbers.
    samples: int32 `[B]`, which sample of its image.
    names: of the images.
    references: float32 `[B, H, W, C]` in [-1, 1].
    inputs: of the task.
    failures: what could not be loaded, by place in the batch; the arrays
      hold another image there.
    labels: int32 `[B]`, the images' classes; None without classes.
  """

  items: Sequence[int]
  images: np.ndarray
  samples: np.ndarray
  names: Sequence[str]
  references: np.ndarray
  inputs: Mapping[str, np.ndarray]
  failures: Mapping[int, Failure]
  labels: np.ndarray | None = None


class Producer(Protocol):
  """Makes the pictures of a batch."""

  def __call__(self, batch: Batch) -> list[Outcome]:
    """One outcome per item: uint8 `[H, W, C]`, or a `Failure`."""

  def timing(self) -> dict[str, Any]:
    """What timing.json says of it."""


class SamplerProducer:
  """Runs a sampler through one compiled function, after a fit through another.

  Only a `methods.FittingMethod` has a fit.
  """

  def __init__(
      self,
      prior: convert.Prior,
      task: tasks.Task,
      method: methods.Method,
      seed: int,
      *,
      networks: Mapping[str, sources.Network] | None = None,
      samples_per_image: int = 1,
      quantise: str = "uint8",
      devices: Sequence[jax.Device] | None = None,
      backend: str = "pmap",
      on_compiled: Callable[[compiled.Compilation], None] = lambda _: None,
  ):
    """Places parameters and plan on the devices.

    Args:
      prior: the pretrained prior.
      task: what is observed.
      method: its plan is made here.
      seed: root of all keys.
      networks: of the method, see `methods.load_networks`.
      samples_per_image: pictures of every image; a fit is made once for all.
      quantise: see `pictures.to_uint8`.
      devices: all local ones when left out.
      backend: "pmap" or "jit".
      on_compiled: told after each compilation.
    """
    networks = networks or {}
    self._quantise = quantise
    options = {
        "devices": devices, "backend": backend, "on_compiled": on_compiled}
    is_fitted = isinstance(method, methods.FittingMethod)
    self._sampling = compiled.Program(
        restore(prior, task, method, networks),
        purpose="sampling" if is_fitted else "", **options)
    self._fitter = fits.Fitter(
        fit(prior, task, method, networks), samples_per_image, **options
    ) if is_fitted else None
    shared = {
        "params": prior.params,
        "networks": {k: n.params for k, n in networks.items()},
        "steps": method.steps(prior.schedule),
        "key": jax.random.key_data(jax.random.key(seed)),
    }
    if is_fitted:
      shared["plan"] = method.plan(prior.schedule)
    self._shared = self._sampling.mapped.replicate(shared)
    self._count = 0

  @property
  def num_devices(self) -> int:
    """How many devices share a batch."""
    return len(self._sampling.mapped.devices)

  def padded_rows(self, batch_size: int) -> int:
    """The rows that a batch really has: every device has a least share."""
    return self._sampling.mapped.padded_rows(batch_size)

  def __call__(self, batch: Batch) -> list[Outcome]:
    """See `Producer`.

    Raises:
      OutOfMemory: if the device has no room for this batch.
    """
    given = {
        "image": batch.images, "reference": batch.references,
        "inputs": dict(batch.inputs),
    }
    if batch.labels is not None:
      given["label"] = batch.labels
    if self._fitter is not None:
      given["fitted"] = self._fitter(
          self._shared, given, failed=[batch.images[i] for i in batch.failures])
    out = self._sampling(
        self._shared, {**given, "sample": batch.samples}, len(batch.images))
    self._count += len(batch.items)
    return [_outcome(x, finite, self._quantise) for x, finite in
            zip(out["x"], out["is_finite"], strict=True)][:len(batch.items)]

  def timing(self) -> dict[str, Any]:
    """Compilations, the seconds spent sampling, and the speed of that."""
    fitting = [] if self._fitter is None else [self._fitter.program]
    compilations = [c for program in (self._sampling, *fitting)
                    for c in program.compiled.values()]
    spent = self._sampling.seconds + sum(p.seconds for p in fitting)
    return {
        "devices": [str(d) for d in self._sampling.mapped.devices],
        "backend": self._sampling.mapped.backend,
        "compilations": [c.to_json() for c in compilations],
        "compile_seconds": sum(c.seconds for c in compilations),
        "sampling_seconds": self._sampling.seconds,
        **({} if self._fitter is None else self._fitter.timing()),
        "images_per_second": self._count / max(spent, 1e-9),
    }


def restore(
    prior: convert.Prior,
    task: tasks.Task,
    method: methods.Method,
    networks: Mapping[str, sources.Network],
) -> parallel.Mapped:
  """The pure function that makes pictures: `(shared, batch) -> out`.

  States of a latent prior are decoded at the end.

  Args:
    prior: its parameters are an argument of the function, not part of it.
    task: what is observed.
    method: how pictures are made.
    networks: of the method; their parameters too are an argument.

  Returns:
    A function of `shared` {"params", "networks", "steps", "key"} and `batch`
    {"image", "sample": int32 `[B]`, "reference": `[B, H, W, C]`, "inputs"};
    with classes the batch has "label": int32 `[B]`, and of a fitting method
    it has "fitted" and the shared part "plan".
    It gives {"x": `[B, H, W, C]`, "is_finite": `[B]`}.
  """

  def run(
      shared: Mapping[str, Any], batch: Mapping[str, Any]
  ) -> dict[str, jax.Array]:
    images, problem = problem_of(prior, task, networks, shared, batch)
    keys = jax.vmap(jax.random.fold_in)(images, batch["sample"])
    if "fitted" in batch:
      problem = problem._replace(
          fitted=(shared["plan"], batch["fitted"]))
    noise = noises.prng_noise(keys)
    sampler = method.sampler(problem.prior.denoiser(), noise, problem)
    codec = problem.prior.codec
    z = noise(-1, "start", codec.latent_shape(batch["reference"].shape[1:]))
    out = samplers.sample(sampler, z, shared["steps"])
    if not prior.is_latent:
      return {"x": out.x, "is_finite": out.is_finite}
    x = codec.decode(out.x)
    finite = jnp.all(jnp.isfinite(x), axis=(1, 2, 3))
    return {"x": x, "is_finite": out.is_finite & finite}

  return run


def fit(
    prior: convert.Prior,
    task: tasks.Task,
    method: methods.FittingMethod,
    networks: Mapping[str, sources.Network],
) -> parallel.Mapped:
  """The pure function that fits images, with their keys alone.

  Args:
    prior: see `restore`.
    task: see `restore`.
    method: see `restore`.
    networks: see `restore`.

  Returns:
    A function of `shared` and `batch` as that of `restore`, without samples,
    that gives what `method.fit` gives.
  """

  def run(
      shared: Mapping[str, Any], batch: Mapping[str, Any]
  ) -> arrays.PyTree:
    images, problem = problem_of(prior, task, networks, shared, batch)
    return method.fit(shared["plan"], noises.prng_noise(images), problem)

  return run


def problem_of(
    prior: convert.Prior,
    task: tasks.Task,
    networks: Mapping[str, sources.Network],
    shared: Mapping[str, Any],
    batch: Mapping[str, Any],
) -> tuple[jax.Array, tasks.Problem]:
  """The keys of the images, and what is observed of them; see `restore`."""
  root = jax.random.wrap_key_data(shared["key"])
  images = noises.image_keys(root, batch["image"])
  problem = tasks.observe(
      task, batch["reference"], batch["inputs"], noises.prng_noise(images))
  return images, problem._replace(
      networks={
          name: network.bind(shared["networks"][name])
          for name, network in networks.items()},
      prior=bound_prior.BoundPrior(
          prior, shared["params"], batch.get("label")))


class DegradedProducer:
  """The degraded picture itself."""

  def __init__(self, scorer: scoring.Scorer):
    """Takes the scorer that observes."""
    self._scorer = scorer

  def __call__(self, batch: Batch) -> list[Outcome]:
    """See `Producer`."""
    return [
        self._scorer.degraded(
            batch.references[i], _row(batch.inputs, i), int(batch.images[i])
        )
        for i in range(len(batch.items))
    ]

  def timing(self) -> dict[str, Any]:
    """Nothing is compiled for it."""
    return {}


def picture_name(name: str, sample: int, many: bool) -> str:
  """The name (no suffix) of a picture of the image with this name."""
  path = pathlib.PurePosixPath(name)
  # A dot in a name need not begin a suffix: "scene.03" is a stem.
  if path.suffix.lower() in images.SUFFIXES:
    path = path.with_suffix("")
  return f"{path}_s{sample}" if many else str(path)


def _outcome(x: np.ndarray, is_finite: bool, rule: str) -> Outcome:
  if not is_finite:
    return Failure("non_finite", "the sampler gave NaN or infinity")
  return pictures.to_uint8(x, rule)


def _row(inputs: Mapping[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
  return {k: v[i] for k, v in inputs.items()}
