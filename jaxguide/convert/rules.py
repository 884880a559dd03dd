"""From PyTorch's names and layouts to those of a Linen module, and back.

A network family states its rules once. Applied to the module's own tree of
shapes they give one `Entry` per parameter: the name and shape that PyTorch
has for it. Both directions read that table, and both are checked against it:
each tensor is used once, each parameter filled once, all shapes are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import re
from typing import Any

import jax
import numpy as np

from jaxguide.convert import errors

# A tree as Linen has it, without the outer {"params": ...}.
Params = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Layout:
  """How the axes of a parameter differ between the two.

  Attributes:
    rank: axes of the Linen parameter; None: any number.
    to_linen: view of a PyTorch array in Linen's layout.
    to_torch: the inverse.
  """

  rank: int | None
  to_linen: Callable[[np.ndarray], np.ndarray]
  to_torch: Callable[[np.ndarray], np.ndarray]


# Scales, biases, embeddings.
SAME = Layout(None, lambda w: w, lambda w: w)
# Conv2d [O, I, h, w] -> Conv [h, w, I, O].
CONV2D = Layout(
    4, lambda w: w.transpose(2, 3, 1, 0), lambda w: w.transpose(3, 2, 0, 1))
# Conv1d of width one [O, I, 1] -> Dense [I, O].
CONV1D = Layout(2, lambda w: w[:, :, 0].T, lambda w: w.T[:, :, None])
# Linear [O, I] -> Dense [I, O].
LINEAR = Layout(2, lambda w: w.T, lambda w: w.T)


@dataclasses.dataclass(frozen=True)
class Rule:
  """One line of a family's table.

  Attributes:
    module: regular expression of the module's dotted name.
    leaf: the parameter's name in Linen.
    weight: its name in PyTorch.
    layout: difference between the axes; the rule is for parameters of its
      rank alone.
  """

  module: str
  leaf: str
  weight: str
  layout: Layout

  def fits(self, module: str, leaf: str, rank: int) -> bool:
    """Whether this rule is for that parameter."""
    return (leaf == self.leaf and self.layout.rank in (None, rank)
            and re.fullmatch(self.module, module) is not None)


@dataclasses.dataclass(frozen=True)
class Entry:
  """One parameter in both worlds; `path` are the keys down Linen's tree."""

  path: tuple[str, ...]
  shape: tuple[int, ...]
  name: str
  torch_shape: tuple[int, ...]
  layout: Layout


def table(abstract: Params, rules: Sequence[Rule]) -> tuple[Entry, ...]:
  """Applies a family's rules to the shapes of a module.

  Args:
    abstract: the parameters, or anything with a `shape` in their places.
    rules: the family's; exactly one is for each parameter.

  Returns:
    One entry per parameter, sorted by path.

  Raises:
    ConversionError: no rule or several are for a parameter, or two parameters
      would have one name.
  """
  entries = [
      _entry(path, leaf.shape, rules) for path, leaf in flatten(abstract)]
  names = [entry.name for entry in entries]
  if len(set(names)) != len(names):
    raise errors.ConversionError(
        "two parameters are called "
        f"{errors.listed({n for n in names if names.count(n) > 1})}")
  return tuple(entries)


def _entry(
    path: tuple[str, ...], shape: tuple[int, ...], rules: Sequence[Rule],
) -> Entry:
  *modules, leaf = path
  module = ".".join(modules)
  fitting = [rule for rule in rules if rule.fits(module, leaf, len(shape))]
  if len(fitting) != 1:
    raise errors.ConversionError(
        f"{len(fitting)} conversion rules are for parameter "
        f"{errors.quoted('.'.join(path))} of shape {list(shape)}")
  rule, = fitting
  # A broadcast zero has the shape and weighs nothing.
  torch_shape = rule.layout.to_torch(np.broadcast_to(np.int8(0), shape)).shape
  return Entry(
      path, tuple(shape), f"{module}.{rule.weight}", torch_shape, rule.layout)


def flatten(params: Params) -> list[tuple[tuple[str, ...], Any]]:
  """The leaves of a tree of dicts with their paths, sorted."""
  leaves = jax.tree_util.tree_flatten_with_path(params)[0]
  return sorted(
      ((tuple(key.key for key in path), leaf) for path, leaf in leaves),
      key=lambda item: item[0])


def compare(
    found: Mapping[str, tuple[int, ...]],
    expected: Mapping[str, tuple[int, ...]],
) -> None:
  """Raises ConversionError unless both have the same names and shapes."""
  missing = sorted(expected.keys() - found.keys())
  extra = sorted(found.keys() - expected.keys())
  wrong = [
      f"{name} is {list(found[name])}, expected {list(shape)}"
      for name, shape in sorted(expected.items())
      if name in found and tuple(found[name]) != tuple(shape)]
  faults = [
      f"{len(names)} tensors {what}: {errors.listed(names)}"
      for names, what in (
          (missing, "are missing"), (extra, "are not of this network"),
          (wrong, "have another shape")) if names]
  if faults:
    raise errors.ConversionError("; ".join(faults))


def without_constants(
    state_dict: Mapping[str, np.ndarray], constants: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
  """The tensors of a state dict that are parameters.

  Args:
    state_dict: tensors by name.
    constants: values that those of their names must have; some tensors may be
      missing.

  Raises:
    ConversionError: one is something else.
  """
  wrong = [
      name for name, value in constants.items() if name in state_dict
      and not (np.shape(state_dict[name]) == value.shape
               and np.allclose(state_dict[name], value, rtol=1e-6, atol=0))]
  if wrong:
    raise errors.ConversionError(
        f"{len(wrong)} constants are not those of this network: "
        f"{errors.listed(wrong)}")
  return {n: a for n, a in state_dict.items() if n not in constants}


def to_params(
    state_dict: Mapping[str, np.ndarray], entries: Sequence[Entry],
) -> dict[str, Any]:
  """Parameters for Linen out of a PyTorch state dict.

  Args:
    state_dict: tensors of float type by name, exactly those of the table.
    entries: the table, of `table`.

  Returns:
    The tree, float32. Leaves of float32 tensors are views of them.

  Raises:
    ConversionError: tensors are missing, left over, of another shape, of no
      float type or not finite; the message lists them.
  """
  compare(
      {name: array.shape for name, array in state_dict.items()},
      {entry.name: entry.torch_shape for entry in entries})
  _check_values(state_dict)
  params = {}
  for entry in entries:
    node = params
    for key in entry.path[:-1]:
      node = node.setdefault(key, {})
    array = entry.layout.to_linen(state_dict[entry.name])
    node[entry.path[-1]] = array.astype(np.float32, copy=False)
  return params


def _check_values(state_dict: Mapping[str, np.ndarray]) -> None:
  integral = [n for n, a in state_dict.items() if a.dtype.kind != "f"]
  if integral:
    raise errors.ConversionError(
        f"{len(integral)} tensors are of no float type: "
        f"{errors.listed(integral)}")
  broken = [n for n, a in state_dict.items() if not np.isfinite(a).all()]
  if broken:
    raise errors.ConversionError(
        f"{len(broken)} tensors hold NaN or infinite values: "
        f"{errors.listed(broken)}")


def to_state_dict(
    params: Params, entries: Sequence[Entry],
) -> dict[str, np.ndarray]:
  """A PyTorch state dict out of parameters: the inverse of `to_params`.

  Args:
    params: tree of parameters, exactly those of the table.
    entries: the table, of `table`.

  Returns:
    Arrays by PyTorch's names, views where possible.

  Raises:
    ConversionError: parameters are missing, left over or of another shape.
  """
  leaves = dict(flatten(params))
  compare(
      {".".join(path): np.shape(leaf) for path, leaf in leaves.items()},
      {".".join(entry.path): entry.shape for entry in entries})
  return {
      entry.name: entry.layout.to_torch(np.asarray(leaves[entry.path]))
      for entry in entries}
