"""Compiled functions over the devices, and what they cost."""

from collections.abc import Callable, Sequence
import time
from typing import Any, NamedTuple

import jax

from jaxguide import arrays
from jaxguide import parallel


class OutOfMemory(RuntimeError):
  """The device has no room for a batch of this size."""


class Compilation(NamedTuple):
  """What one compilation took.

  Attributes:
    batch_size: rows per call.
    seconds: tracing and compilation.
    bytes_per_device: temporary memory, arguments and outputs; None where
      the backend does not say.
    purpose: purpose of the program; empty for the only one.
  """

  batch_size: int
  seconds: float
  bytes_per_device: int | None
  purpose: str = ""

  def to_json(self) -> dict[str, Any]:
    """For timing.json, the memory in MiB too."""
    said = self._asdict()
    if not self.purpose:
      said.pop("purpose")
    if self.bytes_per_device is not None:
      said["mib_per_device"] = round(self.bytes_per_device / 2**20, 1)
    return said


class Program:
  """A function `(shared, batch) -> out`, compiled once per batch size."""

  def __init__(
      self,
      fn: parallel.Mapped,
      *,
      purpose: str = "",
      devices: Sequence[jax.Device] | None = None,
      backend: str = "pmap",
      on_compiled: Callable[[Compilation], None] = lambda _: None,
  ):
    """Compiles nothing yet.

    Args:
      fn: pure function, see `parallel.map_batch`.
      purpose: purpose of the program, as in `Compilation`.
      devices: all local ones when left out.
      backend: "pmap" or "jit".
      on_compiled: told after each compilation.
    """
    self.mapped = parallel.map_batch(fn, devices=devices, backend=backend)
    self.seconds = 0.0
    self.compiled: dict[int, Compilation] = {}
    self._purpose = purpose
    self._on_compiled = on_compiled

  def __call__(
      self,
      shared: parallel.Replicated,
      batch: arrays.PyTree,
      batch_size: int,
  ) -> arrays.PyTree:
    """Runs the function.

    Args:
      shared: result of `mapped.replicate`.
      batch: leaves with `batch_size` rows.
      batch_size: number of rows of `batch`.

    Raises:
      OutOfMemory: if the device has no room for this batch.
    """
    try:
      self._compile(shared, batch, batch_size)
      start = time.monotonic()
      out = self.mapped(shared, batch)
      self.seconds += time.monotonic() - start
      return out
    except jax.errors.JaxRuntimeError as error:
      if "RESOURCE_EXHAUSTED" not in str(error):
        raise
      raise OutOfMemory(str(error).partition("\n")[0]) from error

  def _compile(self, shared, batch, batch_size) -> None:
    if batch_size in self.compiled:
      return
    start = time.monotonic()
    compiled = self.mapped.lower(shared, batch).compile()
    done = Compilation(
        batch_size, time.monotonic() - start, _memory(compiled),
        self._purpose)
    self.compiled[batch_size] = done
    self._on_compiled(done)


def _memory(compiled: Any) -> int | None:
  try:
    stats = compiled.memory_analysis()
  except (NotImplementedError, jax.errors.JaxRuntimeError):
    return None
  if stats is None:
    return None
  return int(stats.temp_size_in_bytes + stats.argument_size_in_bytes
             + stats.output_size_in_bytes)
