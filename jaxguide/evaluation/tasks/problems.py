"""A task met by a batch: what a method is given."""

from collections.abc import Callable, Mapping
import types
from typing import Any, NamedTuple

from jaxguide import arrays
from jaxguide import noises
from jaxguide import operators
from jaxguide import samplers
from jaxguide.evaluation.tasks import base
from jaxguide.evaluation.tasks import bound_prior


class Problem(NamedTuple):
  """A task met by a batch: what a method is given.

  Attributes:
    task: the task.
    shape: (H, W) of the images.
    inputs: the task's inputs, leading axis B.
    observation: y, A and the noise.
    networks: the method's own beside the prior, by name, parameters bound:
      `(x, time) -> features`.
    prior: the prior of the run, parameters and classes bound.
    fitted: of a method that fits: its plan, and what was fitted.
  """

  task: base.Task
  shape: tuple[int, int]
  inputs: base.Inputs
  observation: operators.Observation
  networks: Mapping[str, Callable[..., Any]] = types.MappingProxyType({})
  prior: bound_prior.BoundPrior | None = None
  fitted: tuple[Any, arrays.PyTree] | None = None

  def constraint(self, variant: str) -> samplers.Constraint:
    """The constraint of Steered Diffusion for this batch."""
    return self.task.constraint(
        self.shape, self.observation.y, self.inputs, variant
    )

  def degraded(self) -> arrays.Images:
    """The observation as a picture."""
    return self.task.degraded(self.shape, self.observation.y, self.inputs)


def observe(
    task: base.Task,
    reference: arrays.Images,
    inputs: base.Inputs,
    noise: noises.Noise,
) -> Problem:
  """Observes reference images: y = A x + noise_std n.

  Args:
    task: the task.
    reference: `[B, H, W, C]` in [-1, 1].
    inputs: of the task, leading axis B.
    noise: of the images (not of their samples, which share an observation);
      slot "observation" is drawn if the task has noise.
  """
  shape = reference.shape[1:3]
  operator = task.operator(shape, inputs)
  y = operator.apply(reference)
  if task.noise_std:
    y = y + task.noise_std * noise(-1, "observation", y.shape[1:])
  observation = operators.Observation(y, operator, task.noise_std)
  return Problem(task, shape, inputs, observation)
