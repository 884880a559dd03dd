"""Experiments as values: frozen dataclasses from Python files.

A config file defines `get_config(smoke=False) -> Experiment`. The experiment
holds the very objects it uses (a task, a method, metrics), not their names:
there is no registry, and whatever follows the protocols of this package can
be put there by its user. `override` changes single fields by dotted path.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import difflib
import enum
import functools
import importlib.util
import pathlib
import traceback
import types
import typing
from typing import Any, Literal

import numpy as np

from jaxguide import arrays
from jaxguide.evaluation import deblurring
from jaxguide.evaluation import labels as label_sources
from jaxguide.evaluation import latent_sources
from jaxguide.evaluation import methods
from jaxguide.evaluation import networks
from jaxguide.evaluation import pictures
from jaxguide.evaluation import scoring
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.evaluation import translation
from jaxguide.metrics import metric
from jaxguide.metrics import set_metric


@dataclasses.dataclass(frozen=True)
class Experiment:
  """One row of a table: a prior, images, a task, a method, metrics.

  Attributes:
    name: what the row's files and tables are called.
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

  name: str
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
  labels: label_sources.LabelSource | None = None
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


def tiny(experiment: Experiment) -> Experiment:
  """The experiment on a random network: it runs anywhere, in seconds.

  Task, metrics per image and kind of method stay, and images that come with
  the package; other images are drawn, and metrics of the whole set, which
  may need files, are left out. The network is made up, so nothing but the
  way through the program is tried.

  Args:
    experiment: of any size.
  """
  images, task = experiment.data, experiment.task
  # Masks that belong to embedded images know them by name.
  if not isinstance(images, sources.EmbeddedImages) or images.size > 32:
    images = sources.DrawnImages(count=3, size=16)
  if isinstance(task, translation.Translation) and task.counterparts:
    task = translation.Translation(images)
  if isinstance(task, deblurring.GaussianDeblurring):
    task = dataclasses.replace(task, std=1.0, kernel_size=9)
  has_labels = experiment.labels is not None
  return dataclasses.replace(
      experiment, data=images, task=task,
      prior=latent_sources.stand_in(
          experiment.prior, images.size, has_labels),
      method=_tiny_method(experiment.method, images.size),
      labels=label_sources.FixedLabel(1) if has_labels else None,
      batch_size=2, set_metrics=(),
      set_reference=set_scores.RunImages())


def _tiny_method(method: methods.Method, size: int) -> methods.Method:
  """Two steps, and networks and filters that fit small random priors."""
  fields = {
      "num_steps": 2, "first_level": 2, "factor": 4,
      "num_iterations": 2, "num_samples": 2, "perceptual": None,
      # A random prior has no learned variance.
      "variance": "fixed_small", "extractor": networks.RandomExtractor(size)}
  return dataclasses.replace(method, **{
      name: value for name, value in fields.items()
      if getattr(method, name, None) is not None or (
          name in ("num_steps", "first_level") and hasattr(method, name))})


class ConfigError(ValueError):
  """A config file, or a `--set`, that cannot be used."""


def load(path: pathlib.Path | str, *, smoke: bool = False) -> Experiment:
  """The experiment that a config file describes.

  Args:
    path: a Python file with `get_config`. It is executed.
    smoke: asks for the tiny version that runs anywhere in seconds.

  Raises:
    ConfigError: if there is no such file, it cannot be executed (the cause is
      attached), or it gives no `Experiment`.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise ConfigError(f"config {path} does not exist{_nearby_files(path)}")
  spec = importlib.util.spec_from_file_location(f"_config_{path.stem}", path)
  if spec is None:
    raise ConfigError(f"config {path} is no Python file")
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  except Exception as error:
    raise ConfigError(
        f"config {path}{_fault(spec.origin, error)}") from error
  if not callable(getattr(module, "get_config", None)):
    raise ConfigError(f"config {path} has no function get_config")
  experiment = module.get_config(smoke=True) if smoke else module.get_config()
  if not isinstance(experiment, Experiment):
    raise ConfigError(
        f"get_config of {path} must return an Experiment, got "
        f"{type(experiment).__name__}"
    )
  return experiment


def _fault(here: str, error: Exception) -> str:
  """Where in the file `here` an error arose, and which, on one line."""
  lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
           if frame.filename == here]
  reason = str(error)
  if isinstance(error, SyntaxError):
    reason = error.msg
    if error.filename == here:
      lines.append(error.lineno)
    elif error.filename:
      reason += f" ({error.filename}, line {error.lineno})"
  place = f", line {lines[-1]}" if lines and lines[-1] else ""
  return " ".join(f"{place}: {type(error).__name__}: {reason}".split())


def _nearby_files(path: pathlib.Path) -> str:
  names = [p.stem for p in path.parent.glob("*.py")]
  near = difflib.get_close_matches(path.stem, names, n=1)
  return f"; did you mean {path.parent / near[0]}.py?" if near else ""


def override(experiment: Experiment, settings: Sequence[str]) -> Experiment:
  """The experiment with fields changed by "dotted.path=value".

  A value is read by the type of its field: numbers, text, "true" or "false",
  "none" where that is allowed (for a group of fields too), and
  comma-separated tuples of those.

  Args:
    experiment: left as it is.
    settings: for instance `["method.num_steps=50", "data.path=photos"]`.

  Raises:
    ConfigError: for an unknown path (with near matches), a value that does
      not fit the field, or one that the field's owner refuses.
  """
  for setting in settings:
    path, equals, text = (part.strip() for part in setting.partition("="))
    if not equals:
      raise ConfigError(f"--set needs name=value, got {setting!r}")
    if not _is_field(experiment, path.split(".")):
      raise ConfigError(_unknown(path, experiment))
    experiment = _replace(experiment, path.split("."), path, text)
  return experiment


def _is_field(owner: Any, names: Sequence[str]) -> bool:
  for name in names:
    if not _is_group(owner) or name not in {
        f.name for f in dataclasses.fields(owner)}:
      return False
    owner = getattr(owner, name)
  return True


def _replace(owner: Any, names: Sequence[str], path: str, text: str) -> Any:
  """`owner` with the field below it that `names` leads to replaced."""
  name, *rest = names
  current = getattr(owner, name)
  if rest:
    value = _replace(current, rest, path, text)
  else:
    kind = typing.get_type_hints(type(owner))[name]
    optional = type(None) in typing.get_args(kind)
    if not _is_group(current):
      value = parse(text, kind, path)
    elif optional and text.lower() == "none":
      value = None
    else:
      fields = ", ".join(
          f"{path}.{f.name}" for f in dataclasses.fields(current))
      raise ConfigError(f"--set {path}: is a group, set one of {fields}" + (
          ", or none to do without" if optional else ""))
  try:
    return dataclasses.replace(owner, **{name: value})
  except ValueError as error:
    raise ConfigError(f"--set {path}={text}: {error}") from None


def _unknown(path: str, root: Experiment) -> str:
  known = list(settable_paths(root))
  near = difflib.get_close_matches(path, known, n=3, cutoff=0.5)
  if not near:
    last = path.rsplit(".", 1)[-1]
    near = [k for k in known if k.rsplit(".", 1)[-1] == last][:3]
  hint = f"did you mean {' or '.join(near)}?" if near else (
      f"known names: {', '.join(known)}")
  return f"--set {path}: unknown name; {hint}"


def settable_paths(owner: Any, prefix: str = "") -> Iterator[str]:
  """Yields every dotted path, but for groups, that `override` accepts."""
  hints = typing.get_type_hints(type(owner))
  for field in dataclasses.fields(owner):
    value, path = getattr(owner, field.name), f"{prefix}{field.name}"
    if _is_group(value):
      yield from settable_paths(value, f"{path}.")
    elif _is_readable(hints[field.name]):
      yield path


def parse(text: str, kind: Any, path: str) -> Any:
  """Reads `text` as a value of the annotated type `kind`.

  Args:
    text: as given on a command line.
    kind: int, float, str, bool, Path, an Enum, `X | None`, `tuple[X, ...]`
      or `Literal[...]`.
    path: of the field, for messages.

  Raises:
    ConfigError: if the text is no such value, or the type cannot be given as
      text.
  """
  origin, inner = typing.get_origin(kind), typing.get_args(kind)
  if origin in (typing.Union, types.UnionType):
    return _parse_union(text, inner, path)
  if origin is tuple:
    return _parse_tuple(text, inner, path)
  if origin is typing.Literal:
    return _choose(text, {str(v): v for v in inner}, path)
  if kind is bool:
    return _choose(text.lower(), {"true": True, "false": False}, path)
  if isinstance(kind, type) and issubclass(kind, enum.Enum):
    return _choose(text, {e.name: e for e in kind}, path)
  if kind not in (int, float, str, pathlib.Path):
    raise ConfigError(f"--set {path}: cannot be given as text ({kind})")
  try:
    return kind(text)
  except ValueError:
    raise ConfigError(
        f"--set {path}: needs {kind.__name__}, got {text!r}"
    ) from None


def _parse_union(text: str, inner: Sequence[Any], path: str) -> Any:
  if type(None) in inner and text.lower() == "none":
    return None
  errors = []
  for kind in inner:
    if kind is not type(None):
      try:
        return parse(text, kind, path)
      except ConfigError as error:
        errors.append(error)
  raise errors[0]


def _parse_tuple(text: str, inner: Sequence[Any], path: str) -> tuple:
  parts = [p.strip() for p in text.strip("()").split(",") if p.strip()]
  if len(inner) == 2 and inner[1] is Ellipsis:
    return tuple(parse(p, inner[0], path) for p in parts)
  if len(parts) != len(inner):
    raise ConfigError(
        f"--set {path}: needs {len(inner)} comma-separated values, got {text!r}"
    )
  return tuple(
      parse(p, kind, path) for p, kind in zip(parts, inner, strict=True)
  )


def _choose(text: str, choices: Mapping[str, Any], path: str) -> Any:
  if text not in choices:
    raise ConfigError(
        f"--set {path}: needs one of {', '.join(choices)}, got {text!r}"
    )
  return choices[text]


def _is_group(value: Any) -> bool:
  return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_readable(kind: Any) -> bool:
  inner = [k for k in typing.get_args(kind) if k not in (type(None), ...)]
  if typing.get_origin(kind) is typing.Literal:
    return True
  if inner:
    return all(_is_readable(k) for k in inner)
  if isinstance(kind, type) and issubclass(kind, enum.Enum):
    return True
  return kind in (int, float, str, bool, pathlib.Path)


def to_json(value: Any) -> Any:
  """What a config value says, as JSON values: for run.json and summary.json.

  Dataclasses become objects with their class under "kind", functions their
  dotted name, arrays their shape and type.
  """
  if _is_group(value):
    fields = {f.name: to_json(getattr(value, f.name))
              for f in dataclasses.fields(value)}
    return {"kind": type(value).__name__, **fields}
  if isinstance(value, Mapping):
    return {str(k): to_json(v) for k, v in value.items()}
  if isinstance(value, tuple) and hasattr(value, "_asdict"):
    return {"kind": type(value).__name__, **to_json(value._asdict())}
  if isinstance(value, (list, tuple)):
    return [to_json(v) for v in value]
  if isinstance(value, enum.Enum):
    return value.name
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  if isinstance(value, np.ndarray):
    return f"array{list(value.shape)} {value.dtype}"
  if isinstance(value, functools.partial):
    return {"kind": to_json(value.func), "args": to_json(value.args),
            **to_json(value.keywords)}
  if isinstance(value, pathlib.PurePath):
    return str(value)
  # Never str(value): an address in it would differ from run to run.
  owner = value if hasattr(value, "__qualname__") else type(value)
  return f"{owner.__module__}.{owner.__qualname__}"
