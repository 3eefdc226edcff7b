"""Reading the pickles of CIFAR without unpickling: no code of theirs is ever looked up or run.

A pickle is a program for a stack machine. The files of CIFAR-10 and CIFAR-100 ("python version",
Krizhevsky 2009) use two dozen of its instructions, to build one dictionary of lists, strings,
numbers and a numpy array of bytes. ``read_pickle`` is an interpreter of exactly these: three names
may be mentioned (what numpy pickles an array with), they stay names, and of what is "called" with
them only a uint8 array comes about. Everything else is refused.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from peerd.errors import TaskError

# CIFAR-100's training file has 155 MB.
MAX_BYTES = 512 << 20
MAX_ITEMS = 1_000_000
_RECONSTRUCT = frozenset(
    {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
)
_ARRAY, _TYPE = "numpy ndarray", "numpy dtype"
_NAMES = _RECONSTRUCT | {_ARRAY, _TYPE}
_VALUES = frozenset(
    {"NONE", "BININT", "BININT1", "BININT2", "BINSTRING", "SHORT_BINSTRING", "BINUNICODE"}
)


class Refused(ValueError):
    """What is no data set's pickle."""


@dataclass(frozen=True)
class _Name:
    text: str


@dataclass
class _Type:
    code: object


@dataclass
class _Array:
    """An array under construction; ``values`` once it has its state."""

    values: Any = None


_MARK = object()


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in the file; keys and text as str, arrays uint8. Raises TaskError."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise TaskError(f"{path} has {size} bytes; at most {MAX_BYTES} are read")
        data = path.read_bytes()
    except OSError as error:
        raise TaskError(f"can't read {path}: {error.strerror}") from error
    try:
        with warnings.catch_warnings():  # of escapes in a string, which are no error
            warnings.simplefilter("ignore", DeprecationWarning)
            found = _Machine().run(data)
    except Refused as error:
        raise TaskError(f"{path} is no pickle of a data set: {error}") from None
    # pickletools raises these for what ends early or breaks an instruction's form.
    except (ValueError, OverflowError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise TaskError(f"{path} is no pickle of a data set: it holds no dictionary")
    return found


class _Machine:
    """The stack and the memo. Every instruction that is not known raises Refused."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.items = 0
        self._do: dict[str, Callable[[Any], None]] = {
            "PROTO": self._protocol,
            "EMPTY_DICT": lambda _: self._push({}),
            "EMPTY_LIST": lambda _: self._push([]),
            "EMPTY_TUPLE": lambda _: self._push(()),
            "MARK": lambda _: self._push(_MARK),
            "BINPUT": self._put,
            "LONG_BINPUT": self._put,
            "BINGET": self._get,
            "LONG_BINGET": self._get,
            "NEWTRUE": lambda _: self._push(True),
            "NEWFALSE": lambda _: self._push(False),
            "TUPLE": lambda _: self._push(tuple(self._marked())),
            "TUPLE1": lambda _: self._tuple(1),
            "TUPLE2": lambda _: self._tuple(2),
            "TUPLE3": lambda _: self._tuple(3),
            "APPEND": lambda _: self._extend([self._pop()]),
            "APPENDS": lambda _: self._extend(self._marked()),
            "SETITEM": lambda _: self._set([self._pop(), self._pop()][::-1]),
            "SETITEMS": lambda _: self._set(self._marked()),
            "GLOBAL": self._name,
            "REDUCE": self._reduce,
            "BUILD": self._build,
        }
        self._do |= dict.fromkeys(_VALUES, self._push)

    def run(self, data: bytes) -> object:
        """What is on the stack at STOP, which must end the file."""
        for instruction, argument, position in pickletools.genops(data):
            name = instruction.name
            if name == "STOP":
                if position is None or position + 1 != len(data):
                    raise Refused("something follows its end")
                found = self._pop()
                if self.stack:
                    raise Refused("its end leaves something over")
                return found
            if name not in self._do:
                raise Refused(f"it uses {name}")
            self._do[name](argument)
        raise Refused("it has no end")

    def _protocol(self, number: int) -> None:
        if number != 2:
            raise Refused(f"it is of protocol {number}, not 2")

    def _push(self, value: Any) -> None:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise Refused(f"it has more than {MAX_ITEMS} values")
        self.stack.append(value)

    def _pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise Refused("an instruction finds nothing to work on")
        return self.stack.pop()

    def _marked(self) -> list[Any]:
        """Everything above the last mark, which goes."""
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth] is _MARK:
                values = self.stack[depth + 1 :]
                del self.stack[depth:]
                return values
        raise Refused("a mark is missing")

    def _tuple(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self._push(tuple(reversed(values)))

    def _put(self, index: int) -> None:
        value = self._pop()
        self.stack.append(value)
        self.memo[index] = value

    def _get(self, index: int) -> None:
        if index not in self.memo:
            raise Refused(f"it remembers nothing under {index}")
        self._push(self.memo[index])

    def _extend(self, values: list[Any]) -> None:
        target = self._top(list)
        target.extend(values)

    def _set(self, pairs: list[Any]) -> None:
        target = self._top(dict)
        if len(pairs) % 2:
            raise Refused("a key has no value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str) or key in target:
                raise Refused(f"the key {key!r} is no text, or is there twice")
            target[key] = value

    def _top(self, kind: type[Any]) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise Refused(f"an instruction wants a {kind.__name__} and finds none")
        return self.stack[-1]

    def _name(self, text: str) -> None:
        if text not in _NAMES:
            raise Refused(f"it names {text.replace(' ', '.')!r}")
        self._push(_Name(text))

    def _reduce(self, _: object) -> None:
        arguments, called = self._pop(), self._pop()
        if not isinstance(called, _Name) or not isinstance(arguments, tuple):
            raise Refused("it calls what is no name")
        if called.text in _RECONSTRUCT and arguments[:1] == (_Name(_ARRAY),):
            self._push(_Array())
        elif called.text == _TYPE and arguments:
            self._push(_Type(arguments[0]))
        else:
            raise Refused(f"it calls {called.text.replace(' ', '.')}")

    def _build(self, _: object) -> None:
        state = self._pop()
        if not self.stack or not isinstance(self.stack[-1], _Array | _Type):
            raise Refused("it builds what is no array")
        if isinstance(self.stack[-1], _Array):
            self.stack[-1] = self._settled(self.stack[-1], _array(state))

    def _settled(self, built: _Array, values: Any) -> Any:
        """The array itself takes the place of what stood for it, in the memo, too."""
        for index, kept in self.memo.items():
            if kept is built:
                self.memo[index] = values
        return values


def _array(state: object) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The array of numpy's state (version, shape, dtype, Fortran order, bytes)."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise Refused("an array has another form")
    _, shape, kind, fortran, content = state
    if not isinstance(kind, _Type) or kind.code != "u1" or not isinstance(content, str):
        raise Refused("an array holds something else than bytes")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise Refused("an array has no shape")
    data = content.encode("latin-1")
    if prod(shape) != len(data) or len(shape) > 2:
        raise Refused(f"an array of shape {shape} holds {len(data)} bytes")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape, order="F" if fortran else "C")
