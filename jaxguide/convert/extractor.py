"""Initialisation of a domain extractor from an ImageNet classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert import rules

# The trunk that the classifiers and the extractor share; the rest is a head.
_TRUNK = ("time_embed.", "input_blocks.", "middle_block.")


def from_classifier(
    classifier: Mapping[str, Any], fresh: Mapping[str, Any],
) -> dict[str, Any]:
  """The start of EGSDE's extractor training (arXiv:2207.06635, appendix).

  The trunk is copied by name; the whole head, its norm included, stays as it
  was initialised, whether or not the classifier's has the same name.

  Args:
    classifier: parameters of an `AdmClassifier`, as of card adm_classifier256.
    fresh: parameters of the extractor, an `AdmClassifier` of the same trunk
      ("I2Iout" is its released head), as `init` draws them.

  Returns:
    A tree like `fresh`; leaves are those of the two trees.

  Raises:
    ConversionError: a parameter of the trunk is missing from the classifier
      or has another shape; no trunk in either tree included.
  """
  wanted, given = _trunk(fresh), _trunk(classifier)
  if not wanted or not given:
    which = "the extractor" if not wanted else "the classifier"
    raise errors.ConversionError(
        f"nothing matches: {which} has no parameter under "
        f"{errors.listed(_TRUNK)}")
  shapes = {name: np.shape(leaf) for name, leaf in given.items()}
  try:
    rules.compare(
        {name: shape for name, shape in shapes.items() if name in wanted},
        {name: np.shape(leaf) for name, leaf in wanted.items()})
  except errors.ConversionError as error:
    raise errors.ConversionError(
        f"the classifier's trunk is not the extractor's: {error}") from error
  return {
      module: classifier[module] if module.startswith(_TRUNK) else entries
      for module, entries in fresh.items()}


def _trunk(params: Mapping[str, Any]) -> dict[str, Any]:
  """The leaves of the trunk by their dotted paths."""
  return {
      ".".join(path): leaf for path, leaf in rules.flatten(params)
      if path[0].startswith(_TRUNK)}
