"""What the commands of this folder load: a prior, a method and some images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxguide import convert
from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation.running import loading
from jaxguide.evaluation.running import pipeline


class Inputs(NamedTuple):
  """An experiment with VIPaint, loaded, and some of its images.

  Attributes:
    functions: prior, task, method and networks of the experiment.
    method: method of the experiment.
    shared: what all rows share: parameters, plans and the key.
    rows: the images, one row each, without samples.
  """

  functions: pipeline.Pipeline
  method: methods.Vipaint
  shared: pipeline.Shared
  rows: pipeline.Rows


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
  methods.check_prior(
      method, prior,
      tuple(source.key for source in experiment.conditions))
  functions = pipeline.Pipeline(
      prior, experiment.task, method, methods.load_networks(method))
  return Inputs(
      functions, method, functions.shared(experiment.seed),
      _rows(experiment, prior, images))


def _rows(
    experiment: evaluation.Experiment,
    prior: convert.Prior,
    images: Sequence[int],
) -> pipeline.Rows:
  """Images, inputs and conditions, as a run has them."""
  dataset = experiment.data.open()
  wrong = [n for n in images if not 0 <= n < len(dataset)]
  if wrong or not images:
    raise ValueError(
        f"images must be in 0..{len(dataset) - 1}, got {wrong or 'none'}")
  # Two images at least: one alone goes another way through the compiler.
  wanted = list(images) + list(images)[-1:] * (len(images) == 1)
  names = [dataset.name(n) for n in range(len(dataset))]
  loader = loading.Loader(
      dataset, experiment.task,
      sources.ImageConditions(experiment.conditions, prior, names),
      prior.image_shape, samples_per_image=1)
  batches = [loader.batch(range(n, n + 1), 1) for n in wanted]
  for batch in batches:
    if batch.failures:
      raise ValueError(f"image {batch.names[0]}: {batch.failures[0].error}")
  return jax.tree.map(lambda *parts: np.concatenate(parts), *(
      pipeline.Rows(b.indices, b.references, b.inputs, b.conditions)
      for b in batches))
