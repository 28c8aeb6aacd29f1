"""Reads the pickles inside PyTorch's checkpoints without executing them.

A pickle is a program for a small stack machine that may name any function of any module and call
it, so `pickle.load` on a file of weights runs whatever its author put there. Overriding
`Unpickler.find_class` closes that door but leaves others ajar: BUILD sets attributes of what is on
the stack, and a memo index costs memory as large as it claims. So the few instructions that a state
dict needs are carried out here, on plain values and the records below; nothing that is pickled
names, creates or calls any other object.
"""

from __future__ import annotations

import pickletools
import types
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple


class WeightsError(ValueError):
    """A file of weights that is damaged, hostile, or not what it should be; one line says why."""


class Name(NamedTuple):
    """A global that a pickle names: never imported."""

    module: str
    name: str


class Tensor(NamedTuple):
    """What a pickle says of a tensor, unchecked; offset, shape and strides count elements."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


ORDERED_DICT = Name("collections", "OrderedDict")
REBUILD_TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
REBUILD_PARAMETER = Name("torch._utils", "_rebuild_parameter")
# Storage classes and how NumPy writes their elements, which files hold in little-endian order.
STORAGE_DTYPES = {
    Name("torch", "DoubleStorage"): "<f8",
    Name("torch", "FloatStorage"): "<f4",
    Name("torch", "HalfStorage"): "<f2",
    Name("torch", "LongStorage"): "<i8",
    Name("torch", "IntStorage"): "<i4",
    Name("torch", "ShortStorage"): "<i2",
    Name("torch", "CharStorage"): "|i1",
    Name("torch", "ByteStorage"): "|u1",
}
_CALLABLE = (ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER)
# Longer pickles are not those of weights: one takes about 300 bytes a tensor.
_MAX_BYTES = 4 * 2**20
_MAX_SHOWN = 80
# What has a bounded representation: that of nested containers may be exponentially long.
_SCALARS = (str, int, float, types.NoneType)


def shown(value: Any) -> str:
    """Writes what a file holds so that it fits into one line, whatever it is."""
    if isinstance(value, tuple):
        short = len(value) <= 8 and all(isinstance(item, _SCALARS) for item in value)
        return f"({', '.join(map(shown, value))})" if short else "a tuple"
    if not isinstance(value, _SCALARS):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def load_pickle(file: BinaryIO, storage: Callable[[tuple[Any, ...]], Any]) -> Any:
    """Reads one pickle and leaves the file just behind it.

    Args:
      file: at the pickle's first byte.
      storage: makes a storage of the persistent id that stands for it.

    Returns:
      None, booleans, numbers, strings, tuples, lists, dicts with string keys, `Name`, `Tensor` and
      what `storage` returned.

    Raises:
      WeightsError: the pickle is damaged, or has in it what no state dict needs.
    """
    machine = _Machine(storage)
    start = file.tell()
    try:
        with warnings.catch_warnings():
            # Of escapes in strings, which are read before their instruction is refused.
            warnings.simplefilter("ignore")
            for instruction, argument, position in pickletools.genops(file):
                if (position or 0) - start > _MAX_BYTES:
                    raise WeightsError("its pickle is far too long for a state dict")
                machine.execute(instruction.name, argument)
        return machine.result()
    except WeightsError:
        raise
    except (ValueError, TypeError, IndexError, KeyError) as e:
        raise WeightsError("its pickle is damaged or cut off") from e


def _check(condition: bool) -> None:
    if not condition:
        raise ValueError


class _Machine:
    """The stack machine, with the instructions of protocol 2 that state dicts are made of."""

    def __init__(self, storage: Callable[[tuple[Any, ...]], Any]):
        self._storage = storage
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def execute(self, instruction: str, argument: Any) -> None:
        match instruction:
            case "PROTO" | "STOP":
                pass
            case "NONE":
                self._stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                self._stack.append(instruction == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                self._stack.append(argument)
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                self._stack.append({"TUPLE": (), "LIST": [], "DICT": {}}[instruction[6:]])
            case "MARK":
                self._marked.append(self._stack)
                self._stack = []
            case "TUPLE":
                values = self._unmark()
                self._stack.append(tuple(values))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(self._pop(int(instruction[-1]))))
            case "APPEND":
                self._extend(self._pop(1))
            case "APPENDS":
                self._extend(self._unmark())
            case "SETITEM":
                self._update(self._pop(2))
            case "SETITEMS":
                self._update(self._unmark())
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._stack[-1]
            case "BINGET" | "LONG_BINGET":
                self._stack.append(self._memo[argument])
            case "GLOBAL":
                self._stack.append(_known(Name(*argument.split(" ", 1))))
            case "REDUCE":
                self._stack.append(_call(*self._pop(2)))
            case "BUILD":
                self._drop_attributes()
            case "BINPERSID":
                (persistent_id,) = self._pop(1)
                _check(isinstance(persistent_id, tuple))
                self._stack.append(self._storage(persistent_id))
            case _:
                raise WeightsError(f"its pickle has {instruction} in it, which no state dict needs")

    def result(self) -> Any:
        (value,) = self._stack
        _check(not self._marked)
        return value

    def _pop(self, count: int) -> list[Any]:
        _check(len(self._stack) >= count)
        values = self._stack[-count:]
        del self._stack[-count:]
        return values

    def _unmark(self) -> list[Any]:
        values, self._stack = self._stack, self._marked.pop()
        return values

    def _extend(self, values: list[Any]) -> None:
        _check(isinstance(self._stack[-1], list))
        self._stack[-1].extend(values)

    def _update(self, values: list[Any]) -> None:
        target, keys = self._stack[-1], values[::2]
        _check(isinstance(target, dict) and len(values) % 2 == 0)
        _check(all(isinstance(key, str) for key in keys))
        target.update(zip(keys, values[1::2], strict=True))

    def _drop_attributes(self) -> None:
        """A state dict carries versions of its modules in an attribute, of no use here."""
        self._pop(1)
        _check(isinstance(self._stack[-1], dict))


def _known(name: Name) -> Name:
    if name not in _CALLABLE and name not in STORAGE_DTYPES:
        raise WeightsError(
            f"its pickle names {shown('.'.join(name))}, which no state dict of numbers needs: "
            "it may be hostile, and was not run"
        )
    return name


def _call(function: Any, arguments: Any) -> Any:
    """What the call would return, in records: nothing is called."""
    _check(isinstance(arguments, tuple))
    _check(isinstance(function, Name))
    if function == ORDERED_DICT:
        _check(not arguments)
        return {}
    if function == REBUILD_TENSOR:
        _check(len(arguments) in (6, 7))
        return Tensor(*arguments[:4])
    _check(function == REBUILD_PARAMETER and len(arguments) == 3)
    tensor = arguments[0]
    _check(isinstance(tensor, Tensor))
    return tensor
