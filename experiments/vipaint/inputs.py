"""What the commands of this folder load: a prior, a method and some images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxguide import convert
from jaxguide import evaluation
from jaxguide import samplers
from jaxguide import variational
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.running import loading
from jaxguide.evaluation.running import makers


class Inputs(NamedTuple):
  """An experiment with VIPaint, loaded, and some of its images.

  Attributes:
    method: of the experiment.
    prior: likewise.
    networks: of the method.
    task: of the experiment.
    plan: of the method.
    steps: likewise.
    shared: the shared argument of `makers.restore` and `makers.fit`.
    batch: their other argument, without samples: a row per image.
  """

  method: methods.Vipaint
  prior: convert.Prior
  networks: Mapping[str, sources.Network]
  task: tasks.Task
  plan: variational.Plan
  steps: samplers.Steps
  shared: dict[str, Any]
  batch: dict[str, Any]

  def problem(
      self, shared: Mapping[str, Any], batch: Mapping[str, Any]
  ) -> tuple[jax.Array, tasks.Problem]:
    """`makers.problem_of`: the images' keys and what is observed."""
    return makers.problem_of(
        self.prior, self.task, self.networks, shared, batch)


def load(experiment: evaluation.Experiment, images: Sequence[int]) -> Inputs:
  """Loads what an experiment names.

  Args:
    experiment: its method is a `methods.Vipaint`.
    images: numbers in its data set.

  Raises:
    ValueError: another method, or an image that is not there or cannot be
      read.
  """
  method = experiment.method
  if not isinstance(method, methods.Vipaint):
    raise ValueError(
        f"the method of {experiment.name} must be Vipaint, got "
        f"{type(method).__name__}")
  prior = experiment.prior.load()
  methods.check_prior(method, prior, experiment.labels is not None)
  networks = methods.load_networks(method)
  plan, steps = method.plan(prior.schedule), method.steps(prior.schedule)
  shared = {
      "params": prior.params, "plan": plan, "steps": steps,
      "networks": {k: n.params for k, n in networks.items()},
      "key": jax.random.key_data(jax.random.key(experiment.seed))}
  return Inputs(
      method, prior, networks, experiment.task, plan, steps, shared,
      _batch(experiment, prior, images))


def _batch(
    experiment: evaluation.Experiment, prior: Any, images: Sequence[int],
) -> dict[str, Any]:
  """Images, inputs and labels, as a run has them."""
  dataset = experiment.data.open()
  wrong = [n for n in images if not 0 <= n < len(dataset)]
  if wrong or not images:
    raise ValueError(
        f"images must be in 0..{len(dataset) - 1}, got {wrong or 'none'}")
  # Two images at least: one alone goes another way through the compiler.
  wanted = list(images) + list(images)[-1:] * (len(images) == 1)
  rows = [
      loading.load_batch(
          dataset, experiment.task, prior.image_shape, range(n, n + 1),
          batch_size=1, samples_per_image=1) for n in wanted]
  for row in rows:
    if row.failures:
      raise ValueError(f"image {row.names[0]}: {row.failures[0].error}")
  names = [dataset.name(n) for n in range(len(dataset))]
  classes = sources.labels_of(experiment.labels, prior, names)
  batch = {
      "image": np.asarray(wanted, np.int32),
      "reference": np.concatenate([row.references for row in rows]),
      "inputs": jax.tree.map(
          lambda *parts: np.concatenate(parts), *(r.inputs for r in rows))}
  if classes is not None:
    batch["label"] = np.asarray(classes, np.int32)[wanted]
  return batch
