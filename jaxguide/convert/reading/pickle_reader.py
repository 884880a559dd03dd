"""An interpreter of pickles that can run nothing.

Python's own unpickler imports what a pickle names and calls it. This one
knows no import and no call: a name becomes a `Global`, and a call of one goes
to `pickle_globals`, whose functions build tensors or inert `Record`s and refuse
every name that they do not know. `pickletools` of the standard library splits
the stream into opcodes; every declared length is bounded by the bytes present.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import pickletools
import struct
from typing import Any, BinaryIO

from jaxguide.convert import errors

# A checkpoint of 2,000 tensors with the optimizer's takes about 300,000.
_MOST_OPCODES = 4_000_000
_DEEPEST_KEY = 2


@dataclasses.dataclass(frozen=True)
class Global:
  """A class or function that a pickle names; never looked up."""

  name: str


@dataclasses.dataclass(eq=False)
class Record:
  """What an inert call leaves: its name, its arguments, its contents.

  Attributes:
    name: dotted name of the class or function.
    args: positional arguments.
    state: object that BUILD was given (an instance's dict).
    items: entries that SETITEM(S) gave a subclass of dict.
    elements: objects that APPEND(S) gave a subclass of list.
  """

  name: str
  args: tuple[Any, ...] = ()
  state: Any = None
  items: dict[Any, Any] = dataclasses.field(default_factory=dict)
  elements: list[Any] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Hooks:
  """What gives names, calls and states their meaning.

  Attributes:
    allow: raises CheckpointError for a dotted name that may not appear.
    call: (Global, args) -> object.
    build: (object, state) -> None; sets the state of an object.
    persistent: the object of a persistent id.
  """

  allow: Callable[[str], None]
  call: Callable[[Global, tuple[Any, ...]], Any]
  build: Callable[[Any, Any], None]
  persistent: Callable[[Any], Any]


def load(stream: BinaryIO, hooks: Hooks) -> Any:
  """Reads one pickle (protocols 0 to 5), leaving `stream` behind its end.

  Args:
    stream: a binary stream whose `read` returns no more than is there.
    hooks: ways to resolve names and storages, see `Hooks`.

  Returns:
    None, bool, int, float, str, bytes, tuple, list, dict, set, `Global`,
    `Record`, or what the hooks return.

  Raises:
    CheckpointError: the pickle is truncated, malformed, has more than 4
      million opcodes, or the hooks refuse something.
  """
  machine = _Machine(hooks)
  try:
    for count, (opcode, value, _) in enumerate(pickletools.genops(stream)):
      if count >= _MOST_OPCODES:
        raise errors.CheckpointError(
            f"pickle has more than {_MOST_OPCODES} opcodes")
      machine.run(opcode.name, value)
    return machine.result()
  except errors.CheckpointError:
    raise
  except (ValueError, TypeError, IndexError, KeyError, AttributeError,
          OverflowError, RecursionError, struct.error) as error:
    reason = " ".join(str(error).split()) or type(error).__name__
    raise errors.CheckpointError(
        f"pickle is truncated or malformed: {errors.quoted(reason)}"
    ) from error


class _Machine:
  """Stack, memo and one method per group of opcodes."""

  def __init__(self, hooks: Hooks):
    self._hooks = hooks
    self._stack = []
    self._below = []
    self._memo = {}

  def result(self) -> Any:
    return self._stack.pop()

  def run(self, name: str, value: Any) -> None:
    if name in _CONSTANTS:
      self._stack.append(_CONSTANTS[name])
    elif name in _LITERALS:
      self._stack.append(value)
    elif name in _EMPTY:
      self._stack.append(_EMPTY[name]())
    elif name in _METHODS:
      _METHODS[name](self, value)
    else:
      raise errors.CheckpointError(f"pickle uses opcode {name}, not accepted")

  def mark(self, _: None) -> None:
    self._below.append(self._stack)
    self._stack = []

  def _pop_mark(self) -> list[Any]:
    items, self._stack = self._stack, self._below.pop()
    return items

  def pop(self, _: None) -> None:
    if self._stack:
      self._stack.pop()
    else:
      self._pop_mark()

  def pop_mark(self, _: None) -> None:
    self._pop_mark()

  def dup(self, _: None) -> None:
    self._stack.append(self._stack[-1])

  def protocol(self, version: int) -> None:
    if version > 5:
      raise errors.CheckpointError(f"pickle is of protocol {version}, above 5")

  def ignore(self, _: int | None) -> None:
    """FRAME only announces a length; reads are bounded anyway."""

  def put(self, index: int) -> None:
    self._memo[index] = self._stack[-1]

  def memoize(self, _: None) -> None:
    self._memo[len(self._memo)] = self._stack[-1]

  def get(self, index: int) -> None:
    self._stack.append(self._memo[index])

  def tuple_of(self, count: int) -> None:
    items = tuple(self._stack[-count:])
    if len(items) < count:
      raise IndexError("stack is shorter than the tuple")
    del self._stack[-count:]
    self._stack.append(items)

  def tuple_mark(self, _: None) -> None:
    items = self._pop_mark()
    self._stack.append(tuple(items))

  def list_mark(self, _: None) -> None:
    items = self._pop_mark()
    self._stack.append(items)

  def dict_mark(self, _: None) -> None:
    items = self._pop_mark()
    self._stack.append({})
    self._set_items(items)

  def frozenset_mark(self, _: None) -> None:
    items = self._pop_mark()
    self._stack.append(frozenset(hashable(item) for item in items))

  def append(self, _: None) -> None:
    self._append([self._stack.pop()])

  def appends(self, _: None) -> None:
    self._append(self._pop_mark())

  def _append(self, items: list[Any]) -> None:
    target = self._stack[-1]
    if isinstance(target, Record):
      target = target.elements
    if not isinstance(target, list):
      raise TypeError(f"append to a {type(target).__name__}")
    target.extend(items)

  def set_item(self, _: None) -> None:
    value, key = self._stack.pop(), self._stack.pop()
    self._set_items([key, value])

  def set_items(self, _: None) -> None:
    self._set_items(self._pop_mark())

  def _set_items(self, items: list[Any]) -> None:
    target = self._stack[-1]
    if isinstance(target, Record):
      target = target.items
    if not isinstance(target, dict) or len(items) % 2:
      raise TypeError(f"items set on a {type(target).__name__}")
    for key, value in zip(items[::2], items[1::2], strict=True):
      target[hashable(key)] = value

  def add_items(self, _: None) -> None:
    items = self._pop_mark()
    if not isinstance(self._stack[-1], set):
      raise TypeError(f"items added to a {type(self._stack[-1]).__name__}")
    self._stack[-1].update(hashable(item) for item in items)

  def persistent(self, _: None) -> None:
    self._stack.append(self._hooks.persistent(self._stack.pop()))

  def global_(self, value: str) -> None:
    self._push_global(*value.split(" ", 1))

  def stack_global(self, _: None) -> None:
    name, module = self._stack.pop(), self._stack.pop()
    self._push_global(module, name)

  def _push_global(self, module: Any, name: Any) -> None:
    if not isinstance(module, str) or not isinstance(name, str):
      raise TypeError("a global is named by something that is no text")
    self._hooks.allow(f"{module}.{name}")
    self._stack.append(Global(f"{module}.{name}"))

  def inst(self, value: str) -> None:
    args = self._pop_mark()
    self.global_(value)
    self._call(self._stack.pop(), tuple(args))

  def obj(self, _: None) -> None:
    target, *args = self._pop_mark()
    self._call(target, tuple(args))

  def reduce(self, _: None) -> None:
    args, target = self._stack.pop(), self._stack.pop()
    self._call(target, args)

  def new_object_ex(self, _: None) -> None:
    kwargs, args = self._stack.pop(), self._stack.pop()
    if kwargs:
      raise TypeError("a class is called with keywords")
    self._call(self._stack.pop(), args)

  def _call(self, target: Any, args: Any) -> None:
    if not isinstance(target, Global) or not isinstance(args, tuple):
      raise errors.CheckpointError(
          f"pickle calls a {type(target).__name__}, which is no name")
    self._stack.append(self._hooks.call(target, args))

  def build(self, _: None) -> None:
    state = self._stack.pop()
    self._hooks.build(self._stack[-1], state)


def hashable(key: Any, depth: int = 0) -> Any:
  """`key`, if it may key a dict.

  Python hashes a tuple by hashing what is in it, and shared nested tuples make
  that exponential: only shallow ones are accepted.

  Raises:
    TypeError: it may not.
  """
  if isinstance(key, tuple) and depth < _DEEPEST_KEY:
    for item in key:
      hashable(item, depth + 1)
  elif not isinstance(
      key, (str, bytes, int, float, type(None), Global, Record)):
    raise TypeError(f"a {type(key).__name__} is used as a key")
  return key


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_LITERALS = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT",
    "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"))
_METHODS = {
    "PROTO": _Machine.protocol, "FRAME": _Machine.ignore,
    "STOP": _Machine.ignore, "MARK": _Machine.mark, "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark, "DUP": _Machine.dup,
    "PUT": _Machine.put, "BINPUT": _Machine.put, "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize, "GET": _Machine.get,
    "BINGET": _Machine.get, "LONG_BINGET": _Machine.get,
    "TUPLE": _Machine.tuple_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": _Machine.list_mark, "DICT": _Machine.dict_mark,
    "FROZENSET": _Machine.frozenset_mark, "APPEND": _Machine.append,
    "APPENDS": _Machine.appends, "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items, "ADDITEMS": _Machine.add_items,
    "BINPERSID": _Machine.persistent, "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global, "INST": _Machine.inst,
    "OBJ": _Machine.obj, "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.reduce, "NEWOBJ_EX": _Machine.new_object_ex,
    "BUILD": _Machine.build,
}
