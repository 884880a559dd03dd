"""Fields of an experiment changed by dotted path, and what they say as JSON."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import difflib
import enum
import functools
import pathlib
import types
import typing
from typing import Any

import numpy as np

from jaxguide.evaluation import experiments
from jaxguide.evaluation import sources


class OverrideError(ValueError):
  """A `--set` that cannot be used.

  Example:
    >>> from jaxguide import evaluation
    >>> from jaxguide.evaluation import overrides
    >>> experiment = evaluation.Experiment(
    ...     prior=evaluation.EmbeddedPrior(), data=evaluation.EmbeddedImages(),
    ...     task=evaluation.Colorization(), method=evaluation.Steered())
    >>> changed = overrides.override(experiment, ["method.num_steps=25"])
    >>> changed.method.num_steps
    25
    >>> try:
    ...   overrides.override(experiment, ["method.num_step=25"])
    ... except evaluation.OverrideError as error:
    ...   print(str(error).split(";")[0])
    --set method.num_step: unknown name
  """


def override(
    experiment: experiments.Experiment, settings: Sequence[str]
) -> experiments.Experiment:
  """The experiment with fields changed by "dotted.path=value".

  A value is read by the type of its field: numbers, text, "true" or "false",
  "none" where that is allowed (for a group of fields too), and
  comma-separated tuples of those.

  Args:
    experiment: left as it is.
    settings: changes, for instance `["method.num_steps=50",
      "data.path=photos"]`.

  Raises:
    OverrideError: an unknown path (with near matches), a value that does
      not fit the field, or one that the field's owner refuses.

  Example:
    >>> from jaxguide import evaluation
    >>> from jaxguide.evaluation import overrides
    >>> experiment = evaluation.Experiment(
    ...     prior=evaluation.EmbeddedPrior(), data=evaluation.EmbeddedImages(),
    ...     task=evaluation.Colorization(), method=evaluation.Steered())
    >>> overrides.override(experiment, ["seed=3", "method.eta=0"]).method.eta
    0.0
  """
  for setting in settings:
    path, equals, text = (part.strip() for part in setting.partition("="))
    if not equals:
      raise OverrideError(f"--set needs name=value, got {setting!r}")
    if not _is_field(experiment, path.split(".")):
      raise OverrideError(_unknown(path, experiment))
    experiment = _replace(experiment, path.split("."), path, text)
  return experiment


def _members(owner: Any) -> dict[str, Any]:
  """What lies in a group, by name."""
  if _is_members(owner):
    return {member.key: member for member in owner}
  if not _is_group(owner):
    return {}
  return {f.name: getattr(owner, f.name) for f in dataclasses.fields(owner)}


def _is_field(owner: Any, names: Sequence[str]) -> bool:
  for name in names:
    members = _members(owner)
    if name not in members:
      return False
    owner = members[name]
  return not _is_members(owner)


def _replace(owner: Any, names: Sequence[str], path: str, text: str) -> Any:
  """`owner` with the field below it that `names` leads to replaced."""
  name, *rest = names
  current = _members(owner)[name]
  if _is_members(owner):
    value = _replace(current, rest, path, text) if rest else current
    return tuple(value if member is current else member for member in owner)
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
      raise OverrideError(f"--set {path}: is a group, set one of {fields}" + (
          ", or none to do without" if optional else ""))
  try:
    return dataclasses.replace(owner, **{name: value})
  except ValueError as error:
    raise OverrideError(f"--set {path}={text}: {error}") from None


def _unknown(path: str, root: experiments.Experiment) -> str:
  known = list(settable_paths(root))
  near = difflib.get_close_matches(path, known, n=3, cutoff=0.5)
  if not near:
    last = path.rsplit(".", 1)[-1]
    near = [k for k in known if k.rsplit(".", 1)[-1] == last][:3]
  hint = f"did you mean {' or '.join(near)}?" if near else (
      f"known names: {', '.join(known)}")
  return f"--set {path}: unknown name; {hint}"


def settable_paths(owner: Any, prefix: str = "") -> Iterator[str]:
  """Yields every dotted path, but for groups, that `override` accepts.

  Example:
    >>> from jaxguide import evaluation
    >>> from jaxguide.evaluation import overrides
    >>> list(overrides.settable_paths(evaluation.Ddim()))
    ['num_steps', 'eta', 'clip_x0', 'label']
  """
  hints = typing.get_type_hints(type(owner))
  for field in dataclasses.fields(owner):
    value, path = getattr(owner, field.name), f"{prefix}{field.name}"
    if _is_members(value):
      for name, member in _members(value).items():
        yield from settable_paths(member, f"{path}.{name}.")
    elif _is_group(value):
      yield from settable_paths(value, f"{path}.")
    elif _is_readable(hints[field.name]):
      yield path


def parse(text: str, kind: Any, path: str) -> Any:
  """Reads `text` as a value of the annotated type `kind`.

  Args:
    text: text as given on a command line.
    kind: int, float, str, bool, Path, an Enum, `X | None`, `tuple[X, ...]`
      or `Literal[...]`.
    path: path of the field, for messages.

  Raises:
    OverrideError: if the text is no such value, or the type cannot be given as
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
    raise OverrideError(f"--set {path}: cannot be given as text ({kind})")
  try:
    return kind(text)
  except ValueError:
    raise OverrideError(
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
      except OverrideError as error:
        errors.append(error)
  raise errors[0]


def _parse_tuple(text: str, inner: Sequence[Any], path: str) -> tuple:
  parts = [p.strip() for p in text.strip("()").split(",") if p.strip()]
  if len(inner) == 2 and inner[1] is Ellipsis:
    return tuple(parse(p, inner[0], path) for p in parts)
  if len(parts) != len(inner):
    raise OverrideError(
        f"--set {path}: needs {len(inner)} comma-separated values, got {text!r}"
    )
  return tuple(
      parse(p, kind, path) for p, kind in zip(parts, inner, strict=True)
  )


def _choose(text: str, choices: Mapping[str, Any], path: str) -> Any:
  if text not in choices:
    raise OverrideError(
        f"--set {path}: needs one of {', '.join(choices)}, got {text!r}"
    )
  return choices[text]


def _is_members(value: Any) -> bool:
  return isinstance(value, tuple) and bool(value) and all(
      isinstance(v, sources.Member) for v in value)


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
  """What a value of an experiment says, for run.json and summary.json.

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
