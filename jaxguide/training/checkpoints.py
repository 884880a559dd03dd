"""Checkpoints of a training state, in Orbax's format."""

from __future__ import annotations

from collections.abc import Callable
import os
import pathlib
from typing import Any

import jax
from orbax import checkpoint as ocp


class Checkpoints:
  """A folder of the newest training states, one subfolder per step.

  A state is written beside and renamed, so that a run that is killed while
  it writes leaves the older states whole.
  """

  def __init__(
      self,
      folder: str | os.PathLike[str],
      *,
      max_to_keep: int = 3,
      keep_period: int | None = None,
  ):
    """Opens, or makes, the folder.

    Args:
      folder: place of the states.
      max_to_keep: number of newest states that are kept.
      keep_period: states whose step is a multiple of this are kept for good.
    """
    options = ocp.CheckpointManagerOptions(
        max_to_keep=max_to_keep, keep_period=keep_period, create=True,
        enable_async_checkpointing=False)
    self._manager = ocp.CheckpointManager(
        pathlib.Path(folder).resolve(), options=options)

  def latest_step(self) -> int | None:
    """The newest step that was saved whole; None if there is none."""
    return self._manager.latest_step()

  def save(self, state: Any) -> None:
    """Saves `state` under `state.step`; a step already there is kept."""
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    self._manager.save(step, args=ocp.args.StandardSave(state._asdict()))

  def restore(self, state: Any, step: int | None = None) -> Any:
    """Returns a saved state, `state` itself if nothing was saved.

    Args:
      state: gives the structure, shapes and dtypes (a NamedTuple); those of
        `jax.eval_shape` are enough.
      step: number of its updates; None: the newest.

    Raises:
      ValueError: what lies there is of another structure or shape, or that
        step is not there.
    """
    latest = self.latest_step()
    if latest is None and step is None:
      return state
    step = latest if step is None else step
    if step not in self._manager.all_steps():
      raise ValueError(
          f"step is {step}; saved are {sorted(self._manager.all_steps())}")
    target = jax.tree.map(_placed, state._asdict())
    try:
      fields = self._manager.restore(
          step, args=ocp.args.StandardRestore(target))
    except (ValueError, KeyError, TypeError) as error:
      raise ValueError(
          f"the state of step {step} in {self._manager.directory} does not "
          f"fit this configuration: {str(error).splitlines()[0]}") from error
    return type(state)(**fields)

  def resume(self, start: Callable[[], Any]) -> Any:
    """Returns the newest saved state, or `start()` if there is none.

    With a saved state `start` is only traced, for its shapes: the program
    that draws a network's parameters takes longer to compile than to run.

    Args:
      start: makes the state before the first update.

    Raises:
      ValueError: what lies there does not fit; `restore` says more.
    """
    if self.latest_step() is None:
      return start()
    return self.restore(jax.eval_shape(start))

  def close(self) -> None:
    """Releases the folder."""
    self._manager.close()


def _placed(leaf: Any) -> jax.ShapeDtypeStruct:
  """What to restore, and on which device.

  Without a device Orbax looks for the one that the state was saved from,
  which another machine does not have.
  """
  target = ocp.utils.to_shape_dtype_struct(leaf)
  if getattr(target, "sharding", None) is not None:
    return target
  here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here)
