"""Which tensors of a file are the network's.

Training programs put a prefix in front of a network's names, and keep a moving
average of the weights beside them. Which prefix it is is not guessed: it is
the one under which every name of the network occurs.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Mapping
import dataclasses

import numpy as np

from jaxguide.convert import errors

KINDS = ("raw", "ema")
# Lightning's LitEma keeps the average of "model.a.b" as "model_ema.ab".
_EMA_PREFIX = "model_ema."


@dataclasses.dataclass(frozen=True)
class Selection:
  """The network's tensors, by the network's names.

  Attributes:
    tensors: arrays by name, without the prefix.
    prefix: text that stood in front of the names.
    unused: names of the file's other tensors.
  """

  tensors: dict[str, np.ndarray]
  prefix: str
  unused: tuple[str, ...]


def select(
    tensors: Mapping[str, np.ndarray],
    names: Collection[str],
    *,
    weights: str = "raw",
    prefix: str | None = None,
) -> Selection:
  """Takes a network's tensors out of a file's.

  Where no prefix has all of the names, the one with most of them is taken, and
  `rules.compare` will say what is missing. With the empty prefix everything in
  the file counts as the network's.

  Args:
    tensors: the file's.
    names: the network's, as PyTorch has them; some of them are enough.
    weights: "raw", or "ema" for the moving average in a Lightning file.
    prefix: the prefix, where it is known; None: ask `names`.

  Returns:
    The network's tensors.

  Raises:
    ConversionError: no tensor has one of the names, or several prefixes have
      all of them, or `weights` is unknown.
  """
  if weights not in KINDS:
    raise errors.ConversionError(
        f"weights is {errors.quoted(weights)}; allowed are {', '.join(KINDS)}")
  if weights == "ema":
    return _select_average(tensors, names)
  if prefix is None:
    prefix = _best(_count(tensors, set(names)), len(names))
  inside = {
      name.removeprefix(prefix): tensor for name, tensor in tensors.items()
      if name.startswith(prefix)}
  unused = [name for name in tensors if not name.startswith(prefix)]
  return Selection(inside, prefix, tuple(unused))


def _count(
    tensors: Collection[str], names: set[str],
) -> collections.Counter[str]:
  """For each prefix, how many of `names` occur behind it."""
  counts = collections.Counter()
  for full in tensors:
    parts = full.split(".")
    for i in range(len(parts)):
      if ".".join(parts[i:]) in names:
        counts[full[:len(full) - len(".".join(parts[i:]))]] += 1
  return counts


def _best(counts: collections.Counter[str], total: int) -> str:
  if not counts:
    raise errors.ConversionError("no tensor has a name of this network")
  complete = [prefix for prefix, count in counts.items() if count == total]
  if len(complete) > 1:
    raise errors.ConversionError(
        f"the network's names occur behind {errors.listed(sorted(complete))}; "
        "say which prefix is meant")
  return counts.most_common(1)[0][0]


def _select_average(
    tensors: Mapping[str, np.ndarray], names: Collection[str],
) -> Selection:
  """Shadow names have lost their dots, so that they are looked up."""
  shadows = [name for name in tensors if name.startswith(_EMA_PREFIX)]
  squeezed = {name.replace(".", ""): name for name in names}
  counts = collections.Counter(
      shadow[:len(shadow) - len(end)]
      for shadow in shadows for end in squeezed if shadow.endswith(end))
  prefix = _best(counts, len(names))
  inside = {
      name: tensors[prefix + end] for end, name in squeezed.items()
      if prefix + end in tensors}
  used = {prefix + end for end in squeezed}
  return Selection(
      inside, prefix, tuple(name for name in tensors if name not in used))
