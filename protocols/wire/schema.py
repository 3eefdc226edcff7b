"""Shapes of decoded values: what a field may be, and how large, before anything looks at it.

A payload is a dataclass whose fields carry a shape in their metadata; on the wire it is the list
of its fields in order. Every shape has a bound, and a value outside it raises WireError with the
field's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import islice, tee
from operator import lt
from typing import Any, Protocol, TypeVar, cast

from protocols.errors import WireError
from protocols.wire.canonical import Value


class Shape(Protocol):
    def check(self, value: Value, name: str) -> Any:
        """The value, converted (lists become tuples); raises WireError if it has another shape."""


@dataclass(frozen=True, slots=True)
class Integer:
    most: int
    least: int = 0

    def check(self, value: Value, name: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise WireError(f"{name}: an integer was expected")
        if not self.least <= value <= self.most:
            raise WireError(f"{name}: {value} is not in [{self.least}, {self.most}]")
        return value


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes of at most ``most``, or of exactly ``exact``."""

    most: int
    exact: bool = False

    def check(self, value: Value, name: str) -> bytes:
        if not isinstance(value, bytes):
            raise WireError(f"{name}: bytes were expected")
        if len(value) > self.most or (self.exact and len(value) != self.most):
            bound = "exactly" if self.exact else "at most"
            raise WireError(f"{name}: {len(value)} bytes where {bound} {self.most} fit")
        return value


@dataclass(frozen=True, slots=True)
class ListOf:
    """At most ``most`` items. ``rising``: a set, in strictly rising order (tuples by their first
    item), so that it has one encoding."""

    item: Shape
    most: int
    rising: bool = False

    def check(self, value: Value, name: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise WireError(f"{name}: a list was expected")
        if len(value) > self.most:
            raise WireError(f"{name}: {len(value)} items where at most {self.most} fit")
        items = tuple(value) if self._fit(value) else self._checked(value, name)
        if self.rising:
            strictly_rising([i[0] if isinstance(i, tuple) else i for i in items], name)
        return items

    def _fit(self, value: list[Value]) -> bool:
        """Told without a call for each: most lists are hashes, and liars send long ones."""
        item = self.item
        if not (isinstance(item, Bytes) and item.exact and {*map(type, value)} <= {bytes}):
            return False
        return {*map(len, cast(list[bytes], value))} <= {item.most}

    def _checked(self, value: list[Value], name: str) -> tuple[Any, ...]:
        check = self.item.check
        try:
            return tuple([check(item, name) for item in value])
        except WireError:
            return _all_checked([self.item] * len(value), value, name)


@dataclass(frozen=True, slots=True)
class Tuple:
    items: tuple[Shape, ...]

    def check(self, value: Value, name: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(self.items):
            raise WireError(f"{name}: a list of {len(self.items)} was expected")
        return _all_checked(self.items, value, name)


def _all_checked(shapes: Sequence[Shape], values: list[Value], name: str) -> tuple[Any, ...]:
    """Each value by its shape. An item gets a name of its own only once it is refused."""
    checked: list[Any] = []
    try:
        for shape, value in zip(shapes, values, strict=True):
            checked.append(shape.check(value, name))
    except WireError:
        index = len(checked)
        shapes[index].check(values[index], f"{name}[{index}]")
        raise
    return tuple(checked)


HASH = Bytes(32, exact=True)
KEY = Bytes(32, exact=True)
SIGNATURE = Bytes(64, exact=True)

MAX_PEERS = 5000
MAX_SEATS = 512
MAX_ROUND = (1 << 32) - 1
MAX_BULK = 3 << 27
MAX_STATEMENT = 1 << 27
MAX_EVIDENCE = 1 << 28
"""Bytes of what any group may send; what one may, is as large as its dealings (sizes.py)."""

PEER = Integer(MAX_PEERS - 1)
PEERS = ListOf(PEER, MAX_PEERS)


def wire(shape: Shape, *, shown: bool = True) -> Any:
    """A dataclass field with its shape; not ``shown`` in the repr if it is for one peer's eyes."""
    return field(metadata={"shape": shape}, repr=shown)


T = TypeVar("T")


@lru_cache(maxsize=128)
def _shapes(kind: Any) -> tuple[tuple[str, str, Shape], ...]:
    """A payload's fields, what errors call them, and their shapes: looked up for every message
    that comes or goes.
    """
    return tuple(
        (item.name, f"{kind.__name__}.{item.name}", item.metadata["shape"]) for item in fields(kind)
    )


def to_value(payload: Any) -> list[Value]:
    """A payload dataclass as the list of its fields; ``pack`` refuses what is no value."""
    kind: Any = type(payload)
    return [getattr(payload, name) for name, _, _ in _shapes(kind)]


def from_value(kind: type[T], value: Value) -> T:
    """The payload, each field checked. Raises WireError that names the payload and the field."""
    shapes = _shapes(kind)  # type: ignore[arg-type]
    if not isinstance(value, list) or len(value) != len(shapes):
        raise WireError(f"{kind.__name__}: a list of {len(shapes)} fields was expected")
    return kind(
        *[shape.check(part, name) for (_, name, shape), part in zip(shapes, value, strict=True)]
    )


def strictly_rising(items: Iterable[Any], name: str) -> None:
    """Raises WireError unless the items rise strictly: a set has one encoding."""
    one, next_ = tee(items)
    if not all(map(lt, one, islice(next_, 1, None))):
        raise WireError(f"{name}: not in strictly rising order")
