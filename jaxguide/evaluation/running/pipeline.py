"""The pure functions of a run: from keys and images to pictures.

They take two arguments, what all rows share and the rows, as
`parallel.map_batch` wants it, and are compiled once per batch size.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import convert
from jaxguide import noises
from jaxguide import samplers
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.tasks import bound_prior


class Shared(NamedTuple):
  """What all rows have in common.

  Attributes:
    params: parameters of the prior.
    networks: parameters of the method's own networks, by name.
    steps: plan of the sampler.
    key: data of the run's key, the root of all others.
    plan: what fit and samples share; None for a method that fits nothing.
  """

  params: arrays.PyTree
  networks: Mapping[str, arrays.PyTree]
  steps: samplers.Steps
  key: arrays.Array
  plan: Any


class Rows(NamedTuple):
  """What belongs to single rows, leading axis B.

  Attributes:
    indices: int32 `[B]`, numbers of the images.
    references: `[B, H, W, C]` in [-1, 1].
    inputs: inputs of the task by name.
    conditions: values of the prior's conditions by name.
    samples: int32 `[B]`, which sample of its image; None in a fit, which is
      made once for all of them.
    fitted: what was fitted to the images; None for a method that fits
      nothing.
  """

  indices: arrays.Array
  references: arrays.Array
  inputs: Mapping[str, arrays.Array]
  conditions: Mapping[str, arrays.Array]
  samples: arrays.Array | None = None
  fitted: arrays.PyTree = None


class Made(NamedTuple):
  """What comes out of sampling.

  Attributes:
    x: `[B, H, W, C]` in [-1, 1].
    is_finite: bool `[B]`, False for a picture with NaN or infinity.
  """

  x: arrays.Images
  is_finite: arrays.Array


class Pipeline(NamedTuple):
  """A prior, a task and a method, put together.

  Parameters are arguments of the functions, not part of them.

  Attributes:
    prior: the pretrained prior.
    task: what is observed.
    method: how pictures are made.
    networks: networks of the method by name, see `methods.load_networks`.
  """

  prior: convert.Prior
  task: tasks.Task
  method: methods.Method
  networks: Mapping[str, sources.Network]

  def shared(self, seed: int) -> Shared:
    """What all rows have in common, with the plans made.

    Args:
      seed: root of all keys.
    """
    return Shared(
        params=self.prior.params,
        networks={name: n.params for name, n in self.networks.items()},
        steps=self.method.steps(self.prior.schedule),
        key=jax.random.key_data(jax.random.key(seed)),
        plan=self.method.plan(self.prior.schedule))

  def problem(
      self, shared: Shared, rows: Rows
  ) -> tuple[jax.Array, tasks.Problem]:
    """The keys of the images `[B]`, and what is observed of them.

    Args:
      shared: what all rows have in common.
      rows: the images; samples of one image share its observation.
    """
    root = jax.random.wrap_key_data(shared.key)
    keys = noises.image_keys(root, rows.indices)
    problem = tasks.observe(
        self.task, rows.references, rows.inputs, noises.prng_noise(keys))
    networks = {name: network.bind(shared.networks[name])
                for name, network in self.networks.items()}
    return keys, problem._replace(
        networks=networks,
        prior=bound_prior.BoundPrior(
            self.prior, shared.params, rows.conditions))

  def fit(self, shared: Shared, rows: Rows) -> arrays.PyTree:
    """What the method fits to every image, with the images' keys alone.

    Args:
      shared: what all rows have in common.
      rows: the images, without samples.
    """
    keys, problem = self.problem(shared, rows)
    return self.method.fit(shared.plan, noises.prng_noise(keys), problem)

  def sample(self, shared: Shared, rows: Rows) -> Made:
    """The pictures; states of a latent prior are decoded at the end.

    Args:
      shared: what all rows have in common.
      rows: the samples.
    """
    image_keys, problem = self.problem(shared, rows)
    keys = jax.vmap(jax.random.fold_in)(image_keys, rows.samples)
    if self.method.fits:
      problem = problem._replace(fitted=(shared.plan, rows.fitted))
    noise = noises.prng_noise(keys)
    sampler = self.method.sampler(problem.prior.denoiser(), noise, problem)
    codec = problem.prior.codec
    z = noise(-1, "start", codec.latent_shape(rows.references.shape[1:]))
    out = samplers.sample(sampler, z, shared.steps)
    if not self.prior.is_latent:
      return Made(out.x, out.is_finite)
    x = codec.decode(out.x)
    finite = jnp.all(jnp.isfinite(x), axis=(1, 2, 3))
    return Made(x, out.is_finite & finite)
