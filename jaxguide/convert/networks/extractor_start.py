"""Initialisation of a domain extractor from an ImageNet classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert import rules

# The trunk that the classifiers and the extractor share; the rest is a head.
_TRUNK = ("time_embed.", "input_blocks.", "middle_block.")


class Start(NamedTuple):
  """The extractor before its training.

  Attributes:
    params: its parameters.
    copied: dotted names of those that are the classifier's.
    fresh: names of those that are as they were initialised: its head.
    dropped: names of the classifier's that it has no use for: their head.
  """

  params: dict[str, Any]
  copied: tuple[str, ...]
  fresh: tuple[str, ...]
  dropped: tuple[str, ...]


def from_classifier(
    classifier: Mapping[str, Any], fresh: Mapping[str, Any],
) -> Start:
  """The start of EGSDE's extractor training (arXiv:2207.06635, appendix).

  The trunk is copied by name; the whole head, its norm included, stays as it
  was initialised, whether or not the classifier's has the same name.

  Args:
    classifier: parameters of an `AdmClassifier`, as of card adm_classifier256.
    fresh: parameters of the extractor, an `AdmClassifier` of the same trunk
      ("I2Iout" is its released head), as `init` draws them.

  Returns:
    A tree like `fresh`, whose leaves are those of the two trees; and what
    came from where.

  Raises:
    ConversionError: a parameter of the trunk is in one of them alone or has
      another shape; no trunk in either tree included.
  """
  wanted, given = _trunk(fresh), _trunk(classifier)
  if not wanted or not given:
    which = "the extractor" if not wanted else "the classifier"
    raise errors.ConversionError(
        f"there is nothing to copy: {which} has no parameter under "
        f"{errors.listed(_TRUNK)}")
  try:
    rules.compare(*(
        {name: np.shape(leaf) for name, leaf in trunk.items()}
        for trunk in (given, wanted)))
  except errors.ConversionError as error:
    raise errors.ConversionError(
        f"the classifier's trunk is not the extractor's: {error}") from error
  params = {
      module: classifier[module] if module.startswith(_TRUNK) else entries
      for module, entries in fresh.items()}
  return Start(
      params, tuple(wanted), _head(fresh, wanted), _head(classifier, given))


def _head(
    params: Mapping[str, Any], trunk: Mapping[str, Any],
) -> tuple[str, ...]:
  """The dotted paths of the other leaves."""
  names = (".".join(path) for path, _ in rules.flatten(params))
  return tuple(name for name in names if name not in trunk)


def _trunk(params: Mapping[str, Any]) -> dict[str, Any]:
  """The leaves of the trunk by their dotted paths."""
  return {
      ".".join(path): leaf for path, leaf in rules.flatten(params)
      if path[0].startswith(_TRUNK)}
