"""Tasks: what is observed of an image, and a task met by a batch.

A task is a frozen, hashable dataclass. It makes an operator from the inputs
of a batch (the masks, say), and knows how its observation is shown and judged.
Everything that a task need not say has its default here.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
import re
import types
from typing import Any, NamedTuple, TYPE_CHECKING

import numpy as np

from jaxguide import arrays
from jaxguide import metrics
from jaxguide import noises
from jaxguide import operators
from jaxguide.evaluation.tasks import bound_prior

if TYPE_CHECKING:
  from jaxguide.evaluation import sources

Inputs = Mapping[str, Any]

# One object each: programs are kept by the metrics that they compute.
PSNR = metrics.psnr_metric()
SSIM = metrics.ssim_metric()
CONSISTENCY = metrics.consistency_metric()
CONSISTENCY_SEEN = metrics.consistency_metric(region="observed")


class Task(abc.ABC):
  """What is observed of an image; see the module's text.

  Attributes:
    noise_std: standard deviation of the observation's noise, [-1, 1] scale.
    baseline: name in tables of the observation shown as a picture.
    shown_labels: names of the pictures that `shown` gives.
    truth_is_shown: whether the last of them is the picture that was wanted.

  Example:
    >>> from jaxguide import evaluation, operators
    >>> class HighDynamicRange(evaluation.Task):
    ...   def operator(self, shape, inputs):
    ...     return operators.high_dynamic_range()
    >>> HighDynamicRange().baseline
    'Degraded input'
  """

  noise_std: float = 0.0
  baseline: str = "Degraded input"
  shown_labels: tuple[str, ...] = ("original", "observed")
  truth_is_shown: bool = False

  @property
  def title(self) -> str:
    """The task in a phrase, for lists; the name of its class by default."""
    return in_words(type(self).__name__)

  @property
  def default_metrics(self) -> tuple[metrics.Metric, ...]:
    """The metrics of an experiment that names none."""
    return PSNR, SSIM, CONSISTENCY

  def check(self, names: Sequence[str]) -> None:
    """Refuses what does not belong to these images, before any work.

    Args:
      names: names of all images of the run's source.

    Raises:
      FileNotFoundError: if files of the task are not there.
      ValueError: if they do not belong to these images.
    """
    del names

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """What belongs to the image (a mask, say), without a batch axis.

    Args:
      index: number of the image in its data set.
      name: name of the image.
      shape: (H, W) of the image.
    """
    del index, name, shape
    return {}

  @abc.abstractmethod
  def operator(
      self, shape: tuple[int, int], inputs: Inputs
  ) -> operators.Operator:
    """A, for a batch.

    Args:
      shape: (H, W) of the images.
      inputs: what `inputs` gives, with a leading axis.
    """

  def picture(self, problem: Problem) -> arrays.Images:
    """The observation as a picture `[B, H, W, C]`, the baseline of tables.

    Args:
      problem: the task met by a batch.
    """
    return problem.observation.y

  def shown(
      self,
      reference: np.ndarray,
      inputs: Mapping[str, np.ndarray],
      baseline: Callable[[], np.ndarray],
  ) -> list[np.ndarray]:
    """What a grid shows of an image, float or uint8 `[H, W, C]`.

    Args:
      reference: the image, `[H, W, C]` in [-1, 1].
      inputs: inputs of the image, without a batch axis.
      baseline: makes the observation's picture, uint8.
    """
    del inputs
    return [reference, baseline()]

  def tiny(self, images: sources.DataSource) -> Task:
    """The task for trial runs on small images.

    Args:
      images: those of the run.
    """
    del images
    return self


class Problem(NamedTuple):
  """A task met by a batch: what a method is given.

  Attributes:
    task: what is observed.
    shape: (H, W) of the images.
    inputs: inputs of the task, leading axis B.
    observation: y, A and the noise.
    networks: networks of the method beside the prior, by name, parameters
      bound: `(x, time) -> features`.
    prior: the prior of the run, parameters and conditions bound; None where
      none is used.
    fitted: plan and result of a method that fits.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import evaluation, operators
    >>> from jaxguide.evaluation import tasks
    >>> task, grey = evaluation.Colorization(), operators.colorization()
    >>> problem = tasks.Problem(
    ...     task=task, shape=(8, 8), inputs={},
    ...     observation=operators.Observation(jnp.zeros((1, 8, 8, 1)), grey))
    >>> problem.picture().shape
    (1, 8, 8, 3)
  """

  task: Task
  shape: tuple[int, int]
  inputs: Inputs
  observation: operators.Observation
  networks: Mapping[str, Callable[..., Any]] = types.MappingProxyType({})
  prior: bound_prior.BoundPrior | None = None
  fitted: tuple[Any, arrays.PyTree] | None = None

  @property
  def mask(self) -> arrays.Images | None:
    """1 where pixels are observed, `[B, H, W, 1]`; None without a mask."""
    return self.inputs.get("mask")

  def picture(self) -> arrays.Images:
    """The observation as a picture."""
    return self.task.picture(self)


def in_words(name: str) -> str:
  """The name of a class as words: "RotatedWindow" is "rotated window".

  Args:
    name: name of the class.
  """
  return re.sub(r"\B(?=[A-Z][a-z])", " ", name).lower()


def observe(
    task: Task,
    reference: arrays.Images,
    inputs: Inputs,
    noise: noises.Noise,
) -> Problem:
  """Observes reference images: y = A x + noise_std n.

  Args:
    task: what is observed.
    reference: `[B, H, W, C]` in [-1, 1].
    inputs: inputs of the task, leading axis B.
    noise: draws of the images (not of their samples, which share an
      observation); slot "observation" is drawn if the task has noise.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import evaluation
    >>> from jaxguide.evaluation import tasks
    >>> problem = tasks.observe(
    ...     evaluation.Colorization(), jnp.ones((1, 8, 8, 3)), {}, None)
    >>> problem.observation.y.shape
    (1, 8, 8, 1)
  """
  shape = reference.shape[1:3]
  operator = task.operator(shape, inputs)
  y = operator.apply(reference)
  if task.noise_std:
    y = y + task.noise_std * noise(-1, "observation", y.shape[1:])
  observation = operators.Observation(y, operator, task.noise_std)
  return Problem(task, shape, inputs, observation)
