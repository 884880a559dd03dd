"""An experiment as a value: prior x data x task x method x metrics."""

import dataclasses
from typing import Literal

from jaxguide import arrays
from jaxguide import pixels
from jaxguide.evaluation import methods
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.metrics import metric
from jaxguide.metrics import set_metric


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
  """One row of a table: a prior, images, a task, a method, metrics.

  Attributes:
    name: name of the row in tables; a row of a table file that leaves it empty
      is called after the file and the row.
    prior: source of the pretrained prior; None for a method that uses none.
    data: source of the images.
    task: what is observed of an image.
    method: how an image is made from what was observed.
    metrics: how a picture is judged; the task's default ones when empty.
    batch_size: images per call over all devices; it changes no result.
    seed: the key of image n is `fold_in(key(seed), n)`.
    samples_per_image: pictures made of every image, each with its own key.
    published: rows of the paper, shown beside the measured ones.
    set_metrics: how all pictures together are judged, such as FID.
    set_reference: what `set_metrics` compare them with.
    spread: what a row's ± is: "images", the standard error over images, the
      samples of an image averaged; or "seeds", where sample s of every image
      makes a run of its own: the standard deviation over these runs, of set
      metrics too.
    conditions: sources of what the prior is conditioned on, such as the
      classes of the images.
    quantise: how a sample becomes the 8 bits that are saved and scored:
      "uint8" rounds, "uint8_truncated" cuts off, as the released programs of
      Steered Diffusion and VIPaint do.

  Example:
    >>> from jaxguide import evaluation
    >>> experiment = evaluation.Experiment(
    ...     name="colour", prior=evaluation.EmbeddedPrior(),
    ...     data=evaluation.EmbeddedImages(), task=evaluation.Colorization(),
    ...     method=evaluation.Steered(num_steps=50))
    >>> [metric.name for metric in experiment.chosen_metrics]
    ['psnr', 'ssim', 'consistency']
    >>> experiment.tiny().method.num_steps  # For a trial of the way.
    2
  """

  name: str = ""
  prior: sources.PriorSource | None
  data: sources.DataSource
  task: tasks.Task
  method: methods.Method
  metrics: tuple[metric.Metric, ...] = ()
  batch_size: int = 8
  seed: int = 0
  samples_per_image: int = 1
  published: tuple[tables.Published, ...] = ()
  set_metrics: tuple[set_metric.SetMetric, ...] = ()
  set_reference: set_scores.ReferenceSet = set_scores.RunImages()
  spread: Literal["images", "seeds"] = "images"
  conditions: tuple[sources.ConditionSource, ...] = ()
  quantise: Literal["uint8", "uint8_truncated"] = "uint8"

  def __post_init__(self):
    for name in ("batch_size", "samples_per_image"):
      value = getattr(self, name)
      if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    arrays.check_choice("spread", self.spread, ("images", "seeds"))
    arrays.check_choice("quantise", self.quantise, pixels.RULES)
    if not 0 <= self.seed < 2**32:
      raise ValueError(f"seed must be in [0, 2^32), got {self.seed}")
    if self.prior is None and self.method.uses_prior:
      raise ValueError(f"prior must be given: {self.method.title} uses one")
    names = [m.name for m in (*self.metrics, *self.set_metrics)]
    if len(set(names)) < len(names):
      raise ValueError(f"metrics must have names of their own, got {names}")
    given = [source.key for source in self.conditions]
    if len(set(given)) < len(given):
      raise ValueError(
          f"conditions must have one source each, got sources of {given}")

  @property
  def chosen_metrics(self) -> tuple[metric.Metric, ...]:
    """The metrics, or the task's default ones."""
    return self.metrics or self.task.default_metrics

  def tiny(self) -> "Experiment":
    """The experiment on a random network: it runs anywhere, in seconds.

    Task, metrics per image and kind of method stay, and images that come with
    the package; other images are drawn, and metrics of the whole set, which
    may need files, are left out. The network is made up, so nothing but the
    way through the program is tried.
    """
    images = self.data.tiny()
    given = [source.tiny() for source in self.conditions]
    conditions = tuple(source for source in given if source is not None)
    names = [source.key for source in conditions]
    return dataclasses.replace(
        self, data=images, task=self.task.tiny(images),
        prior=self.prior and self.prior.tiny(images.size, names),
        method=self.method.tiny(images.size),
        conditions=conditions,
        batch_size=2, set_metrics=(), set_reference=set_scores.RunImages())
