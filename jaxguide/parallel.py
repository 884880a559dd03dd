"""A batch over the local devices: pmap, or jit with a sharded batch.

Nothing of the program crosses images, so a batch is cut into one slab per
device, each device runs the same program on its slab, and no collective is
needed. Both back ends compile that program for the shape of the slab and
agree to the bit. On several hosts every process runs its own slice on its
own devices (`jax.distributed`).
"""

from collections.abc import Callable, Sequence
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec
import numpy as np

from jaxguide import arrays

BACKENDS = ("pmap", "jit")
AXIS = "devices"

# Batches of one take another path through the compiler than all others (its
# matrix products become vector products), so no device is given fewer.
MIN_ROWS = 2

_XLA_DEVICES = "xla_force_host_platform_device_count"

Mapped = Callable[[arrays.PyTree, arrays.PyTree], arrays.PyTree]


class Replicated(NamedTuple):
  """What all images share, placed on every device by `replicate`.

  Attributes:
    tree: pytree of arrays on the devices.
  """

  tree: arrays.PyTree


class MappedFunction:
  """`fn(shared, batch)` over the devices; made by `map_batch`.

  Attributes:
    devices: devices that are used, a tuple.
    backend: way of using them, "pmap" or "jit".
  """

  def __init__(
      self,
      fn: Mapped,
      devices: Sequence[jax.Device],
      backend: str,
      min_rows: int,
  ):
    self.devices = tuple(devices)
    self.backend = backend
    self._min_rows = min_rows
    self._mesh = jax.sharding.Mesh(np.asarray(self.devices), (AXIS,))
    if backend == "pmap":
      self._run = jax.pmap(fn, axis_name=AXIS, devices=self.devices)
      return
    split = PartitionSpec(AXIS)
    slabs = jax.shard_map(
        fn, mesh=self._mesh, in_specs=(PartitionSpec(), split),
        out_specs=split, check_vma=False,
    )
    self._run = jax.jit(slabs)

  def padded_rows(self, batch_size: int) -> int:
    """The rows that a batch is padded to, a multiple of the devices.

    Args:
      batch_size: number of rows of the batch.
    """
    each = -(-batch_size // len(self.devices))
    return max(each, self._min_rows) * len(self.devices)

  def replicate(self, shared: arrays.PyTree) -> Replicated:
    """Places what all images share on every device, once.

    Give the result to every call: a call that is handed host arrays instead
    has to place them again.

    Args:
      shared: pytree of arrays or typed keys.
    """
    if self.backend == "jit":
      everywhere = NamedSharding(self._mesh, PartitionSpec())
      return Replicated(jax.device_put(shared, everywhere))
    return Replicated(jax.tree.map(self._stack, shared))

  def lower(self, shared: arrays.PyTree, batch: arrays.PyTree) -> Any:
    """The lowered program for a batch of this shape (`jax.stages.Lowered`).

    Args:
      shared: pytree that all images have in common, or `replicate` of it.
      batch: pytree of arrays with one leading axis.
    """
    return self._run.lower(*self._arguments(shared, batch))

  def __call__(
      self, shared: arrays.PyTree, batch: arrays.PyTree
  ) -> arrays.PyTree:
    """Runs `fn` on every device and gathers the results.

    Args:
      shared: pytree that all images have in common, or `replicate` of it.
      batch: pytree of arrays with one leading axis B, typed keys included.
        It is padded with copies of its last row.

    Returns:
      Results of `fn`, as numpy arrays cut back to B.

    Raises:
      ValueError: if the leading axes differ, or B is 0.
    """
    count = _batch_size(batch)
    out = self._run(*self._arguments(shared, batch))
    return jax.tree.map(lambda leaf: self._gather(leaf, count), out)

  def _arguments(
      self, shared: arrays.PyTree, batch: arrays.PyTree
  ) -> tuple[arrays.PyTree, arrays.PyTree]:
    if not isinstance(shared, Replicated):
      shared = self.replicate(shared)
    rows = self.padded_rows(_batch_size(batch))
    padded = jax.tree.map(lambda leaf: _pad(leaf, rows), batch)
    return shared.tree, jax.tree.map(self._split, padded)

  def _stack(self, leaf: Any) -> arrays.Array:
    """One copy per device, as pmap wants it: `[devices, ...]`."""
    leaf = leaf if _is_key(leaf) else np.asarray(leaf)
    copies = [jax.device_put(leaf[None], d) for d in self.devices]
    return jax.make_array_from_single_device_arrays(
        (len(copies), *leaf.shape),
        NamedSharding(self._mesh, PartitionSpec(AXIS)), copies,
    )

  def _split(self, leaf: Any) -> arrays.Array:
    split = NamedSharding(self._mesh, PartitionSpec(AXIS))
    if self.backend == "pmap":
      leaf = leaf.reshape(len(self.devices), -1, *leaf.shape[1:])
    return jax.device_put(leaf, split)

  def _gather(self, leaf: Any, count: int) -> np.ndarray:
    # Indexing a result of pmap would copy it to every device.
    host = np.asarray(leaf)
    if self.backend == "pmap":
      host = host.reshape(-1, *host.shape[2:])
    return host[:count]


def map_batch(
    fn: Mapped,
    *,
    devices: Sequence[jax.Device] | None = None,
    backend: str = "pmap",
    min_rows: int = MIN_ROWS,
) -> MappedFunction:
  """Shards `fn(shared, batch)` over the batch.

  Args:
    fn: pure function; `shared` is a pytree that all images have in common
      (parameters, a plan), `batch` a pytree with a leading axis; it returns a
      pytree with that leading axis. It sees the slab of one device.
    devices: devices to use; all local ones when left out.
    backend: "pmap", or "jit" with a batch sharded over a mesh. Both give the
      same bits.
    min_rows: least number of rows that every device is given. Two keeps an
      image the same, bit for bit on CPU, alone and in any batch.

  Returns:
    The function over the devices, which gives numpy arrays.

  Raises:
    ValueError: if the backend is unknown, or there are no devices.

  Example:
    >>> import numpy as np
    >>> from jaxguide import parallel
    >>> scaled = parallel.map_batch(lambda shared, batch: shared * batch)
    >>> scaled(np.float32(2), np.arange(3, dtype=np.float32))
    array([0., 2., 4.], dtype=float32)
  """
  arrays.check_choice("backend", backend, BACKENDS)
  devices = jax.local_devices() if devices is None else devices
  if not devices:
    raise ValueError("devices must have at least one device, got none")
  return MappedFunction(fn, devices, backend, min_rows)


def use_cpu_cores(most: int) -> None:
  """Makes a device of every core, for programs that run on the CPU.

  XLA's CPU backend has a convolution on one thread (jax 0.10.2 to 0.12), so one
  device leaves the other cores idle for most of a network. `map_batch` gives
  each device its part of the batch, and the same bits. It is meant for
  commands: it changes JAX for the whole process, and has to come before JAX
  is used.
  Nothing happens where JAX has its devices already, or their number was
  chosen (`JAX_NUM_CPU_DEVICES`, or XLA's own flag). GPUs and TPUs stay what
  they are.

  Args:
    most: largest number of devices, at least 1; more than half as many as
      there are rows in a batch would be given copies (`MIN_ROWS`).

  Raises:
    ValueError: if `most` is not positive.
  """
  if most < 1:
    raise ValueError(f"most must be at least 1, got {most}")
  chosen = (jax.config.jax_num_cpu_devices > 0  # type: ignore[attr-defined]
            or _XLA_DEVICES in os.environ.get("XLA_FLAGS", ""))
  count = min(most, _cores())
  if chosen or count == 1:
    return
  try:
    jax.config.update("jax_num_cpu_devices", count)
  except RuntimeError:  # JAX has its devices already.
    pass


def _cores(quota: str = "/sys/fs/cgroup/cpu.max") -> int:
  """How many cores this process may use, inside a container too."""
  if hasattr(os, "sched_getaffinity"):
    count = len(os.sched_getaffinity(0))
  else:
    count = os.cpu_count() or 1
  try:
    with open(quota, encoding="ascii") as file:
      allowed, period = (int(word) for word in file.read().split())
  except (OSError, ValueError):  # This is not Linux, or "max": no limit.
    return count
  return max(1, min(count, allowed // period))


def _is_key(leaf: Any) -> bool:
  dtype = getattr(leaf, "dtype", None)
  return dtype is not None and jax.dtypes.issubdtype(
      dtype, jax.dtypes.prng_key)


def _batch_size(batch: arrays.PyTree) -> int:
  sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(batch)}
  if len(sizes) != 1 or sizes <= {(), (0,)}:
    raise ValueError(
        "batch must have arrays of one leading axis of at least 1, got axes "
        f"{sorted(sizes)}"
    )
  return sizes.pop()[0]


def _pad(leaf: Any, rows: int) -> Any:
  if not _is_key(leaf):
    leaf = np.asarray(leaf)
    return np.concatenate([leaf, np.repeat(leaf[-1:], rows - len(leaf), 0)])
  data = _pad(jax.random.key_data(leaf), rows)
  return jax.random.wrap_key_data(
      jnp.asarray(data), impl=jax.random.key_impl(leaf)
  )
