"""An experiment as a value: prior x data x task x method x metrics."""

import dataclasses
from typing import Literal

from jaxguide import arrays
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import scoring
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
    name: what the row's tables are called; a row of a table file that leaves
      it empty is called after the file and the row.
    prior: where the pretrained prior comes from; None for a method that uses
      none.
    data: where the images come from.
    task: what is observed of an image.
    method: how an image is made from what was observed.
    metrics: how a picture is judged; when empty, PSNR, SSIM and consistency
      with the observation.
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
    labels: which class an image has; None without classes.
    quantise: how a sample becomes the 8 bits that are saved and scored:
      "uint8" rounds, "uint8_truncated" cuts off, as the released programs of
      Steered Diffusion and VIPaint do.
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
  labels: sources.LabelSource | None = None
  quantise: Literal["uint8", "uint8_truncated"] = "uint8"

  def __post_init__(self):
    for name in ("batch_size", "samples_per_image"):
      value = getattr(self, name)
      if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    arrays.check_choice("spread", self.spread, ("images", "seeds"))
    arrays.check_choice("quantise", self.quantise, pictures.RULES)
    if not 0 <= self.seed < 2**32:
      raise ValueError(f"seed must be in [0, 2^32), got {self.seed}")
    if self.prior is None and self.method.uses_prior:
      raise ValueError(f"prior must be given: {self.method.title} uses one")
    names = [m.name for m in (*self.metrics, *self.set_metrics)]
    if len(set(names)) < len(names):
      raise ValueError(f"metrics must have names of their own, got {names}")

  @property
  def chosen_metrics(self) -> tuple[metric.Metric, ...]:
    """The metrics, or the task's default ones."""
    return self.metrics or scoring.default_metrics(self.task)

  def tiny(self) -> "Experiment":
    """The experiment on a random network: it runs anywhere, in seconds.

    Task, metrics per image and kind of method stay, and images that come with
    the package; other images are drawn, and metrics of the whole set, which
    may need files, are left out. The network is made up, so nothing but the
    way through the program is tried.
    """
    images, task = self.data, self.task
    # Masks that belong to embedded images know them by name.
    if not isinstance(images, sources.EmbeddedImages) or images.size > 32:
      images = sources.DrawnImages(count=3, size=16)
    if isinstance(task, tasks.Translation) and task.counterparts:
      task = tasks.Translation(images)
    if isinstance(task, tasks.GaussianDeblurring):
      task = dataclasses.replace(task, std=1.0, kernel_size=9)
    has_labels = self.labels is not None
    return dataclasses.replace(
        self, data=images, task=task,
        prior=sources.stand_in(
            self.prior, images.size, has_labels),
        method=_tiny_method(self.method, images.size),
        labels=sources.FixedLabel(1) if has_labels else None,
        batch_size=2, set_metrics=(),
        set_reference=set_scores.RunImages())


def _tiny_method(method: methods.Method, size: int) -> methods.Method:
  """Two steps, and networks and filters that fit small random priors."""
  fields = {
      "num_steps": 2, "first_level": 2, "factor": 4,
      "num_iterations": 2, "num_samples": 2, "perceptual": None,
      # A random prior has no learned variance.
      "variance": "fixed_small", "extractor": sources.RandomExtractor(size)}
  return dataclasses.replace(method, **{
      name: value for name, value in fields.items()
      if getattr(method, name, None) is not None or (
          name in ("num_steps", "first_level") and hasattr(method, name))})
