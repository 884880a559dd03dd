"""`config.json`: what a network is and how it has to be fed."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import difflib
import json
import math
from typing import Any

from jaxguide import conditioning
from jaxguide import preconditioning as preconditionings
from jaxguide.convert import errors

PREDICTIONS = ("eps", "x0", "v", "edm")
SCHEDULES = ("linear", "cosine", "scaled_linear", "edm")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """What is needed to use a network beside its parameters.

  Attributes:
    family: one of `families.NETWORKS`.
    module: arguments of the network's constructor that its parameters depend
      on; no dtype or formulation, which the user chooses.
    image_size: height and width that it was trained for, in pixels.
    channels: number of channels of an image; more channels of the network's
      output are a learned variance.
    prediction: "eps", "x0", "v" or "edm" (D(x; sigma) with Karras et al.'s
      preconditioning); None for a network that predicts no image.
    learned_variance: whether `channels` further outputs are the fraction v of
      Nichol and Dhariwal 2021, Eq. 15, in [-1, 1].
    schedule: {"kind": "linear" | "cosine" | "scaled_linear" | "edm",
      "num_steps": N, ...}; the rest are arguments of that schedule, and
      "rescale_timesteps" (whether time is multiplied by 1000 / N). None where
      the noise levels that the network has seen are not known.
    preconditioning: preconditioning of an "edm" prediction, {"kind": "edm" |
      "vp" | "ve" | "iddpm", ...}; the rest are arguments of that function of
      `jaxguide.preconditioning`. None: Karras et al.'s own with data of
      standard deviation 0.5.
    value_range: range of image values.
    conditions: what the network is conditioned on, a list of objects with the
      fields of `conditioning.Condition`. None for what follows from the family
      and its module: classes, and the small image of an upsampler.
    licence: licence of the weights; "unknown" where it is not known.
    source: origin of the parameters: "file_name", "sha256", "container",
      "card".

  Example:
    >>> from jaxguide import convert
    >>> config = convert.ModelConfig(
    ...     "adm_unet", {"model_channels": 32}, image_size=32,
    ...     schedule={"kind": "linear", "num_steps": 1000})
    >>> convert.ModelConfig.from_json(config.to_json()) == config
    True
  """

  family: str
  module: Mapping[str, Any]
  image_size: int
  channels: int = 3
  prediction: str | None = "eps"
  learned_variance: bool = False
  schedule: Mapping[str, Any] | None = None
  value_range: tuple[float, float] = (-1.0, 1.0)
  preconditioning: Mapping[str, Any] | None = None
  conditions: tuple[Mapping[str, Any], ...] | None = None
  licence: str = "unknown"
  source: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    for name in ("image_size", "channels"):
      _require(
          _is_positive(getattr(self, name)), name, getattr(self, name),
          "a positive integer")
    _require(
        self.prediction in (*PREDICTIONS, None), "prediction", self.prediction,
        f"one of {', '.join(PREDICTIONS)} or null")
    _require(
        isinstance(self.learned_variance, bool), "learned_variance",
        self.learned_variance, "true or false")
    for name in ("module", "source"):
      _require(
          isinstance(getattr(self, name), Mapping), name, getattr(self, name),
          "an object")
    for name in ("family", "licence"):
      _require(
          isinstance(getattr(self, name), str), name, getattr(self, name),
          "a text")
    self._check_range()
    self._check_schedule()
    self._check_preconditioning()
    self._check_conditions()

  def _check_range(self) -> None:
    limits = self.value_range
    _require(
        isinstance(limits, tuple) and len(limits) == 2
        and all(isinstance(v, (int, float)) for v in limits)
        and all(map(math.isfinite, limits)) and limits[0] < limits[1],
        "value_range", limits, "two increasing numbers")

  def _check_schedule(self) -> None:
    schedule = self.schedule
    if schedule is None:
      return
    _require(
        isinstance(schedule, Mapping), "schedule", schedule,
        "an object with a kind, or null")
    check_schedule_kind(schedule)
    _require(
        _is_positive(schedule.get("num_steps")), "schedule.num_steps",
        schedule.get("num_steps"), "a positive integer")

  def _check_preconditioning(self) -> None:
    entry = self.preconditioning
    if entry is None:
      return
    _require(
        isinstance(entry, Mapping) and self.prediction == "edm",
        "preconditioning", entry,
        "null, or an object where prediction is edm")
    try:
      preconditionings.from_config(entry)
    except (ValueError, TypeError, ArithmeticError) as error:
      raise errors.ConversionError(f"preconditioning: {error}") from error

  def _check_conditions(self) -> None:
    entries = self.conditions
    if entries is None:
      return
    allowed = list(conditioning.Condition._fields)
    for entry in entries:
      _require(
          isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
          and isinstance(entry.get("shape", []), (list, tuple)),
          "conditions", entry, "objects with a name and a shape")
      check_names(entry, allowed, "field of a condition")

  def to_json(self) -> str:
    """The text of `config.json`."""
    return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

  @classmethod
  def from_json(cls, text: str) -> ModelConfig:
    """Reads what `to_json` wrote.

    Raises:
      ConversionError: no JSON object, an unknown or missing entry, or a value
        that is not allowed; names the entry and what is.
    """
    try:
      entries = json.loads(text)
    except (ValueError, RecursionError) as error:
      raise errors.ConversionError(
          f"is not valid JSON: {errors.quoted(str(error))}") from error
    if not isinstance(entries, dict):
      raise errors.ConversionError("is JSON, but not a JSON object")
    fields = dataclasses.fields(cls)
    check_names(entries, [field.name for field in fields], "entry")
    missing = [
        field.name for field in fields
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name not in entries]
    if missing:
      raise errors.ConversionError(f"lacks {errors.listed(missing)}")
    return cls(**{
        name: tuple(value) if isinstance(value, list) else (
            _tuples(value) if name == "module" else value)
        for name, value in entries.items()})


def check_names(
    found: Mapping[str, Any], allowed: list[str], what: str,
) -> None:
  """Raises ConversionError for a key that is not allowed, with near ones."""
  for name in found:
    if name not in allowed:
      near = difflib.get_close_matches(str(name), allowed, n=3)
      hint = f"; near ones are {errors.listed(near)}" if near else ""
      raise errors.ConversionError(
          f"has an unknown {what} {errors.quoted(name)}{hint}")


def check_schedule_kind(schedule: Mapping[str, Any]) -> None:
  """Raises ConversionError unless the schedule's kind is a known one."""
  kind = schedule.get("kind")
  _require(
      kind in SCHEDULES, "schedule.kind", kind,
      f"one of {', '.join(SCHEDULES)}")


def _tuples(module: Any) -> Any:
  """JSON has lists where a module's constructor has tuples."""
  if not isinstance(module, dict):
    return module
  return {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in module.items()}


def _is_positive(value: Any) -> bool:
  return (
      isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _require(fine: bool, name: str, value: Any, allowed: str) -> None:
  if not fine:
    raise errors.ConversionError(
        f"{name} is {errors.quoted(value)}; expected {allowed}")
