"""A module's state_dict from a file that may be anybody's, without unpickling it. Imports torch.

What torch.save writes of a state_dict is an archive: a pickle that says which tensors there are,
and a member of numbers for each storage. The pickle is read here as a list of instructions, of
which only those are followed that say so much; whatever else it asks for is refused.
"""

from __future__ import annotations

import pickletools
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import torch

from peerd.errors import VerificationError
from peerd.tensor_file import BROKEN, MAX_HEADER_BYTES, stored

State = dict[str, torch.Tensor]
_DICT, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_STORAGES = {
    f"torch {name}Storage": dtype
    for name, dtype in (
        ("Double", torch.float64),
        ("Float", torch.float32),
        ("Half", torch.float16),
        ("BFloat16", torch.bfloat16),
        ("Long", torch.int64),
        ("Int", torch.int32),
        ("Short", torch.int16),
        ("Char", torch.int8),
        ("Byte", torch.uint8),
        ("Bool", torch.bool),
        ("ComplexFloat", torch.complex64),
        ("ComplexDouble", torch.complex128),
    )
}
_PLAIN = {"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"}
_EMPTY: dict[str, type] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_ONE = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Name(str):
    """What a pickle calls something: a text that it can't write itself."""


def read_state(path: Path) -> State:
    """Tensors by their names, no larger than the file. VerificationError."""
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > size:
                raise ValueError("its members overlap, or are compressed")
            found = _Instructions(archive).followed()
        if not all(isinstance(each, torch.Tensor) for each in found.values()):
            raise ValueError("it holds something else than tensors by their names")
        # Tied ones share their storage.
        storages = {each.untyped_storage().data_ptr(): each for each in found.values()}
        if sum(each.untyped_storage().nbytes() for each in storages.values()) > size:
            raise ValueError("its tensors are larger than the file")
        return found
    except (*BROKEN, OSError, MemoryError) as error:
        raise VerificationError(
            f"{path} is no state_dict that can be read: {str(error)[:200]}",
            "'peerd model export' writes one",
        ) from None


class _Instructions:
    """Those of the archive's pickle, and the values that they have made so far."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        found = [each for each in archive.infolist() if each.filename.endswith("/data.pkl")]
        if len(found) != 1 or found[0].file_size > MAX_HEADER_BYTES:
            raise ValueError("it has not one data.pkl of a size that can be")
        self._archive, self._pickle = archive, stored(archive, found[0])
        self._folder = found[0].filename.removesuffix("data.pkl")
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._storages: dict[str, torch.Tensor] = {}

    def followed(self) -> dict[str, Any]:
        """What is made in the end: a table by names. Raises what BROKEN has."""
        for operation, argument, _ in pickletools.genops(self._pickle):
            if operation.name not in ("PROTO", "STOP"):
                self._follow(operation.name, argument)
        (found,) = self._stack
        if not isinstance(found, dict):
            raise ValueError("it is no table of tensors")
        return found

    def _follow(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _PLAIN:
            stack.append(argument)
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in _ONE:
            stack.append(_ONE[name])
        elif name == "GLOBAL":
            stack.append(_Name(argument))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name == "TUPLE" or name in _TUPLES:
            stack.append(tuple(self._popped(_TUPLES.get(name))))
        elif name in ("SETITEM", "SETITEMS"):
            self._set(self._popped(2 if name == "SETITEM" else None))
        elif name == "BUILD":  # the versions of the modules, which load_state_dict does without
            stack.pop()
        elif name == "BINPERSID":
            stack.append(self._storage(*stack.pop()))
        elif name == "REDUCE":
            arguments, called = stack.pop(), stack.pop()
            stack.append(_made(called, arguments))
        else:
            raise ValueError(f"its pickle has the instruction {name}")

    def _popped(self, count: int | None) -> list[Any]:
        """The last ``count`` values, or those since the last mark."""
        start = self._marks.pop() if count is None else len(self._stack) - count
        if start < 0:
            raise ValueError("its pickle takes more than there is")
        found = self._stack[start:]
        del self._stack[start:]
        return found

    def _set(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str or not isinstance(self._stack[-1], dict):
                raise ValueError("its pickle sets something that has no name")
            self._stack[-1][key] = value

    def _storage(self, what: Any, kind: Any, key: Any, _: Any, count: Any) -> torch.Tensor:
        """Its numbers (count,): as many as the member has."""
        if what != "storage" or not isinstance(kind, _Name) or type(key) is not str:
            raise ValueError("its pickle names no storage")
        if key not in self._storages:
            member = self._archive.getinfo(f"{self._folder}data/{key}")
            data, dtype = bytearray(stored(self._archive, member)), _STORAGES[kind]
            empty = torch.empty(0, dtype=dtype)
            self._storages[key] = torch.frombuffer(data, dtype=dtype) if data else empty
        found = self._storages[key]
        if found.numel() != count or found.dtype != _STORAGES[kind]:
            raise ValueError(f"the storage {key!r} is not as large as its pickle says")
        return found


def _made(called: Any, arguments: Any) -> Any:
    if not isinstance(called, _Name) or not isinstance(arguments, tuple):
        raise ValueError("its pickle calls what has no name")
    if called == _DICT and not arguments:
        return {}
    if called == _TENSOR:
        return _tensor(*arguments[:4])
    raise ValueError(f"its pickle names {str(called)[:80]!r}")


def _tensor(storage: Any, start: Any, size: Any, stride: Any) -> torch.Tensor:
    """A view of the storage, and of nothing beside it."""
    whole = [start, *size, *stride]
    if not all(type(each) is int and 0 <= each < 1 << 62 for each in whole):
        raise ValueError("a tensor has a size that can't be")
    last = start + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if prod(size) and last >= storage.numel():
        raise ValueError("a tensor is larger than its storage")
    if prod(size) > max(storage.numel(), 1):
        raise ValueError("a tensor repeats its storage")
    found: torch.Tensor = storage.as_strided(size, stride, start)
    return found
