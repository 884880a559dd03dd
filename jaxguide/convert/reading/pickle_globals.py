"""The names a checkpoint's pickle may use, and what each stands for.

Section by section: containers of Python, tensors of torch, arrays of numpy,
and families of classes that become inert `Record`s. Every other name is
refused. Nothing here imports or calls what a file names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert.reading import pickle_reader
from jaxguide.convert.reading import tensors

# Callbacks of Lightning, layers of torch (files of torch.save(module)), the
# networks and losses of EDM, scripted modules.
INERT_FAMILIES = (
    "pytorch_lightning.", "lightning.", "torch.nn.modules.",
    "torch_utils.persistence.", "dnnlib.", "training.", "__torch__.",
    "torch.jit._pickle.", "torch.Size", "torch.device",
)
PERSISTENT_OBJECT = "torch_utils.persistence._reconstruct_persistent_obj"

_DTYPE = "numpy.dtype"
NDARRAY = "numpy.ndarray"
_DTYPE_CODES = frozenset((
    "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8",
    "c8", "c16"))


class Namespace:
  """The hooks of `pickle_reader.load` for checkpoints.

  Attributes:
    storages: every storage named so far, by key.
  """

  def __init__(
      self,
      inert: Sequence[str] = (),
      load_bytes: Callable[[bytes], tensors.Storage] | None = None,
  ):
    """Makes the hooks of one pickle.

    Args:
      inert: further prefixes of dotted names that become inert records.
      load_bytes: reads a storage that is nested in the pickle as the bytes of
        a file of its own; None: such are refused.
    """
    self.storages: dict[tuple[str, str], tensors.Storage] = {}
    self._inert = (*INERT_FAMILIES, *inert)
    self._calls = dict(_CALLS)
    if load_bytes is not None:
      self._calls["torch.storage._load_from_bytes"] = load_bytes

  def hooks(self) -> pickle_reader.Hooks:
    """The functions of this namespace as `pickle_reader.load` takes them."""
    return pickle_reader.Hooks(
        self._allow, self._call, _build, self._persistent)

  def _allow(self, name: str) -> None:
    if not (name in self._calls or name in tensors.STORAGE_TYPES
            or name in (_DTYPE, NDARRAY) or name.startswith(self._inert)):
      raise errors.CheckpointError(
          f"pickle names {errors.quoted(name)}, which is not among the names "
          "that a checkpoint may use; nothing was executed")

  def _call(self, target: pickle_reader.Global, args: tuple[Any, ...]) -> Any:
    if target.name in self._calls:
      return self._calls[target.name](*args)
    return pickle_reader.Record(target.name, args)

  def _persistent(self, pid: Any) -> tensors.Storage | pickle_reader.Global:
    """("storage", class, key, location, numel[, view metadata]).

    Legacy files of whole modules name classes too: ("module", class, source
    file, source text).
    """
    if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module" and (
        isinstance(pid[1], pickle_reader.Global)):
      return pid[1]
    if not (isinstance(pid, tuple) and len(pid) in (5, 6)
            and pid[0] == "storage" and pid[5:] in ((), (None,))
            and isinstance(pid[1], pickle_reader.Global)):
      raise errors.CheckpointError(
          f"pickle has the persistent id {errors.quoted(pid)}, which names no "
          "storage")
    storage = tensors.Storage(pid[1].name, pid[2], pid[4])
    known = self.storages.setdefault((storage.key, storage.kind), storage)
    if known.numel != storage.numel:
      raise errors.CheckpointError(
          f"storage {errors.quoted(storage.key)} is declared with "
          f"{known.numel} and with {storage.numel} elements")
    return known


def _ordered_dict(pairs: Sequence[Sequence[Any]] = ()) -> dict[Any, Any]:
  return {pickle_reader.hashable(key): value for key, value in pairs}


def _set(values: Sequence[Any] = ()) -> set[Any]:
  return {pickle_reader.hashable(value) for value in values}


def _encode(text: str, encoding: str = "latin1") -> bytes:
  """How protocol 2 writes bytes."""
  if encoding not in ("latin1", "latin-1"):
    raise ValueError(f"bytes are encoded as {errors.quoted(encoding)}")
  return text.encode("latin1")


def _tensor_v2(
    storage: tensors.Storage,
    offset: int,
    shape: Sequence[int],
    strides: Sequence[int],
    requires_grad: bool,
    hooks: Any,
    metadata: Any = None,
) -> tensors.Tensor:
  del requires_grad, hooks, metadata
  return _tensor(storage, offset, shape, strides)


def _tensor(
    storage: tensors.Storage,
    offset: int,
    shape: Sequence[int],
    strides: Sequence[int],
) -> tensors.Tensor:
  return tensors.Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(
    data: tensors.Tensor, requires_grad: bool, hooks: Any,
) -> tensors.Tensor:
  del requires_grad, hooks
  if not isinstance(data, (tensors.Tensor, np.ndarray)):
    raise TypeError(f"a parameter holds a {type(data).__name__}")
  return data


def _numpy_scalar(dtype: Any, data: bytes) -> np.generic:
  return _numpy_array((), dtype, data, "C")[()]


def _numpy_reconstruct(cls: Any, shape: Any, code: Any) -> Any:
  """An array whose contents come with the BUILD that follows."""
  del shape, code
  if cls != pickle_reader.Global(NDARRAY):
    raise TypeError("numpy reconstructs something that is no ndarray")
  return pickle_reader.Record(NDARRAY)


def _numpy_dtype(code: str, align: Any = False, copy: Any = True) -> Any:
  """A dtype whose byte order comes with the BUILD that follows."""
  del align, copy
  if not isinstance(code, str) or code not in _DTYPE_CODES:
    raise TypeError(f"numpy dtype {errors.quoted(code)} is not accepted")
  return pickle_reader.Record(_DTYPE, state=np.dtype(f"<{code}"))


def _build(target: Any, state: Any) -> None:
  """Sets the state of `target` as BUILD asks; a dict keeps none.

  Records change in place, since the pickle may refer to them again.
  """
  if isinstance(target, dict):
    # The state of a state dict is `_metadata`: versions of torch's layers.
    return
  if not isinstance(target, pickle_reader.Record):
    raise TypeError(f"the state of a {type(target).__name__} is set")
  if target.name == NDARRAY:
    _, shape, dtype, fortran, data = state
    target.state = _numpy_array(shape, dtype, data, "F" if fortran else "C")
  elif target.name == _DTYPE:
    target.state = target.state.newbyteorder(">" if state[1] == ">" else "<")
  else:
    target.state = state


def _numpy_array(
    shape: Any, dtype: Any, data: bytes | str, order: str,
) -> np.ndarray:
  dtype = getattr(dtype, "state", None)
  if not isinstance(dtype, np.dtype) or not tensors.are_counts(shape):
    raise TypeError("a numpy array has no plain dtype or shape")
  # Python 2 and protocol 0 write bytes as text.
  data = data.encode("latin1") if isinstance(data, str) else data
  array = np.frombuffer(data, dtype).reshape(tuple(shape), order=order)
  return array.astype(dtype.newbyteorder("<"), copy=False)


_CALLS = {
    "collections.OrderedDict": _ordered_dict,
    "builtins.set": _set,
    "__builtin__.set": _set,
    "_codecs.encode": _encode,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_parameter": _parameter,
    "numpy.dtype": _numpy_dtype,
    "numpy.core.multiarray.scalar": _numpy_scalar,
    "numpy._core.multiarray.scalar": _numpy_scalar,
    "numpy.core.multiarray._reconstruct": _numpy_reconstruct,
    "numpy._core.multiarray._reconstruct": _numpy_reconstruct,
}
