"""How many devices a run can make use of."""

from jaxguide import parallel
from jaxguide.evaluation import experiments


def most_devices(experiment: experiments.Experiment, batch_size: int) -> int:
  """How many devices a batch can fill: with two rows, fits too, for each.

  Args:
    experiment: what is run.
    batch_size: images per call over all devices, at least 1.

  Returns:
    At least 1.
  """
  rows = batch_size
  if experiment.method.fits:
    rows //= experiment.samples_per_image
  return max(1, rows // parallel.MIN_ROWS)
