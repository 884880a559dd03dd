"""Energies that a method steers by, as values of an experiment.

An energy of `jaxguide.energies` becomes part of an experiment by a source of
it: a frozen dataclass that names its networks and makes the energy of a batch.
"""

import abc
from collections.abc import Mapping
import dataclasses
from typing import Literal

from jaxguide import arrays
from jaxguide import energies
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


class EnergySource(sources.Member):
  """Where an energy of the estimate x0 comes from.

  Attributes:
    key: name of the energy in tables and on the command line.
    weight: factor of the energy in the sum that is steered by.

  Example:
    >>> import dataclasses
    >>> from jaxguide import energies, evaluation
    >>> @dataclasses.dataclass(frozen=True)
    ... class Dark(evaluation.EnergySource):
    ...   weight: float = 1.0
    ...   key = "dark"
    ...   def energy(self, problem):
    ...     return lambda x, level, draw: energies.mean_per_image(x)
    >>> evaluation.Steered(energies=(Dark(2.0),)).energies[0].weight
    2.0
  """

  weight: float

  @property
  def networks(self) -> Mapping[str, sources.NetworkSource]:
    """Sources by name of the networks that it needs, loaded before any work."""
    return {}

  @abc.abstractmethod
  def energy(self, problem: tasks.Problem) -> energies.Energy:
    """The energy for one batch, made inside jit.

    Args:
      problem: the task met by a batch; its `networks` hold those that were
        asked for.
    """

  def tiny(self, size: int) -> "EnergySource | None":
    """The energy for trial runs; None for doing without.

    Args:
      size: height and width of the images.
    """
    del size
    return self


@dataclasses.dataclass(frozen=True)
class MeasurementEnergy(EnergySource):
  """The distance to the observation, |A x0 - y|^2, of any operator.

  Attributes:
    weight: factor of the energy.
    reduction: "sum" or "mean" over the observation of an image.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.Steered(
    ...     energies=(evaluation.MeasurementEnergy(weight=10.0),),
    ...     use_constraint=False)
    >>> method.energies[0].key
    'measurement'
  """

  weight: float = 1.0
  reduction: Literal["sum", "mean"] = "sum"
  key = "measurement"

  def __post_init__(self):
    arrays.check_choice("reduction", self.reduction, ("sum", "mean"))

  def energy(self, problem: tasks.Problem) -> energies.Energy:
    """See `EnergySource`."""
    return energies.squared_error(problem.observation, self.reduction)
