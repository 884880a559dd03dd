"""What other methods are compared with: no sampler, another program, DDIM."""

import dataclasses

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.evaluation import tasks


@dataclasses.dataclass(frozen=True)
class Degraded:
  """No sampler: the degraded picture itself, the baseline of the tables."""

  uses_prior = False

  @property
  def title(self) -> str:
    """What tables call it."""
    return tasks.BASELINE


@dataclasses.dataclass(frozen=True)
class External:
  """Another program made the pictures.

  Attributes:
    title: what tables call it.
  """

  title: str
  uses_prior = False


@dataclasses.dataclass(frozen=True)
class Ddim:
  """DDIM without any guidance: what the prior makes by itself.

  Attributes:
    num_steps: levels visited.
    eta: 0 is deterministic, 1 has the variance of DDPM.
    clip_x0: clip the prior's x0 to [-1, 1].
    label: what tables call it; made from the fields when empty.
  """

  num_steps: int = 50
  eta: float = 0.0
  clip_x0: bool = False
  label: str = ""
  uses_prior = True

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
