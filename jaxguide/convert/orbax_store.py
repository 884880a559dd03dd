"""Trees of arrays on disk, by Orbax: the only module that calls it.

Written with its first interface (StandardCheckpointer): the coming one reads
that layout, and not the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import pathlib
from typing import Any

import jax
import numpy as np
from orbax import checkpoint as ocp

from jaxguide.convert import errors
from jaxguide.convert import rules

_LONGEST_REASON = 300


def save_tree(path: str | os.PathLike[str], tree: Any) -> None:
  """Writes `tree` to the new directory `path`, and waits for the disk.

  Args:
    path: place of the new directory; nothing may be there.
    tree: nested dicts of arrays.

  Raises:
    ConversionError: it cannot be written; what was is left behind.
  """
  # A relative path fails in a thread of Orbax, where nobody sees it.
  path = pathlib.Path(os.path.abspath(path))
  with _one_line(), ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(path, jax.tree.map(np.asarray, tree))
    checkpointer.wait_until_finished()


def restore_tree(path: str | os.PathLike[str], abstract: Any) -> Any:
  """Reads a tree that `save_tree` or another program of Orbax wrote.

  Args:
    path: the directory.
    abstract: the tree's structure; leaves have `shape` and `dtype`.

  Returns:
    The tree with numpy arrays of `dtype`, wherever and on however many devices
    it was written.

  Raises:
    ConversionError: `path` holds no such tree.
  """
  path = pathlib.Path(os.path.abspath(path))
  # Orbax restores a numpy target to numpy; a broadcast zero weighs nothing.
  target = jax.tree.map(
      lambda leaf: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape),
      abstract)
  with _one_line(), ocp.StandardCheckpointer() as checkpointer:
    stored = checkpointer.metadata(path).item_metadata
    if stored is None:
      raise errors.ConversionError(
          "the directory is no complete Orbax checkpoint")
    # Orbax itself cuts or pads a numpy array of another shape.
    rules.compare(_shapes(stored.tree), _shapes(abstract))
    return checkpointer.restore(path, target)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
  return {
      ".".join(path): tuple(leaf.shape) for path, leaf in rules.flatten(tree)}


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
  """Any error of Orbax as a ConversionError of one line."""
  try:
    yield
  except errors.ConversionError:
    raise
  # Orbax and its storage raise a dozen types, of many lines.
  except Exception as error:  # pylint: disable=broad-exception-caught
    reason = " ".join(str(error).split())[:_LONGEST_REASON]
    raise errors.ConversionError(reason or type(error).__name__) from error
