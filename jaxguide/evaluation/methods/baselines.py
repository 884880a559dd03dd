"""What other methods are compared with: no sampler, another program, DDIM."""

import dataclasses

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.evaluation import tasks
from jaxguide.evaluation.methods import base


@dataclasses.dataclass(frozen=True)
class Baseline(base.Method):
  """No sampler: the observation as a picture, the baseline of the tables.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.Baseline()
    >>> method.uses_prior, method.is_baseline
    (False, True)
  """

  uses_prior = False
  is_baseline = True

  @property
  def title(self) -> str:
    """See `Method`; rows have the name that the task gives it."""
    return tasks.Task.baseline


@dataclasses.dataclass(frozen=True)
class External(base.Method):
  """Another program made the pictures.

  Attributes:
    label: name of the program in tables.

  Example:
    >>> from jaxguide.evaluation import methods
    >>> methods.External("Their program").title
    'Their program'
  """

  label: str
  uses_prior = False

  @property
  def title(self) -> str:
    """See `Method`."""
    return self.label


@dataclasses.dataclass(frozen=True)
class Ddim(base.Method):
  """DDIM without any guidance: what the prior makes by itself.

  Attributes:
    num_steps: levels visited.
    eta: 0 is deterministic, 1 has the variance of DDPM.
    clip_x0: clip the prior's x0 to [-1, 1].
    label: what tables call it; made from the fields when empty.

  Example:
    >>> from jaxguide import evaluation, schedules
    >>> method = evaluation.Ddim(num_steps=20)
    >>> method.title, len(method.steps(schedules.linear(1000)).index)
    ('DDIM, no guidance (20 steps)', 20)
  """

  num_steps: int = 50
  eta: float = 0.0
  clip_x0: bool = False
  label: str = ""

  @property
  def title(self) -> str:
    """What tables call it."""
    return self.label or f"DDIM, no guidance ({self.num_steps} steps)"

  @property
  def on_latents(self) -> bool:
    """Latents have no range to be clipped to."""
    return not self.clip_x0

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`ddim_steps`."""
    return samplers.ddim_steps(schedule, self.num_steps, eta=self.eta)

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`ddim`; the problem is not looked at."""
    del problem
    if self.clip_x0:
      denoise = denoisers.clip_x0(denoise)
    return samplers.ddim(denoise, noise)

  def tiny(self, size: int) -> base.Method:
    """See `Method`."""
    del size
    return dataclasses.replace(self, num_steps=2)
