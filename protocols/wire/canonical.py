"""Canonical msgpack: one value, one encoding.

A subset of msgpack in which every value has exactly one encoding, so that bytes can be hashed,
signed and compared: shortest form of every length and integer; map keys are strings in strictly
rising order of their UTF-8 bytes; no floats, no extension types, no duplicate keys, no trailing
bytes. ``msgpack.unpackb`` reads what ``pack`` writes; ``unpack`` refuses whatever ``pack`` would
not have written (faults 55, 56, 57).

A length prefix is compared with the bytes that are really there before anything is allocated, and
depth, items and containers are bounded: an empty list is one byte on the wire and 64 in memory, so
without a bound a hostile frame would cost many times its own size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from protocols.errors import WireError

Value: TypeAlias = "bool | int | str | bytes | Sequence[Value] | dict[str, Value] | None"

MAX_DEPTH = 8
MAX_ITEMS = 1 << 21
"""Items of all lists and maps of one message together (a map's keys count)."""
MAX_CONTAINERS = 1 << 16
"""Lists and maps in one message."""
_NESTED = f"nested more than {MAX_DEPTH} deep"
_TOO_DEEP = f"a message nests at most {MAX_DEPTH} deep"
MAX_INTEGER = (1 << 64) - 1
MIN_INTEGER = -(1 << 63)

_UNSIGNED = ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8))
_SIGNED = ((0xD0, 1), (0xD1, 2), (0xD2, 4), (0xD3, 8))
# What most of a message is made of, encoded once for all.
_SMALL_INTEGERS = [bytes((value,)) for value in range(0x80)]
_SHORT_BYTES = [bytes((0xC4, size)) for size in range(0x100)]
_SHORT_LISTS = [bytes((0x90 | size,)) for size in range(0x10)]


def pack(value: Value) -> bytes:
    """The one encoding of ``value``. Raises TypeError or ValueError for what has none."""
    writer = _Writer()
    writer.write(value, 0)
    return b"".join(writer.out)


def unpack(data: bytes) -> Value:
    """The value whose encoding is ``data``. Raises WireError for everything else."""
    if not isinstance(data, bytes):
        raise TypeError(f"unpack takes bytes, not {type(data).__name__}")
    reader = _Reader(data)
    value = reader.value(0)
    if reader.position != len(data):
        raise WireError(f"{len(data) - reader.position} bytes trail the message")
    return value


class _Writer:
    __slots__ = ("containers", "items", "out")

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.items = 0
        self.containers = 0

    def write(self, value: Value, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        if isinstance(value, bytes):
            size = len(value)
            self.out.append(_SHORT_BYTES[size] if size < 256 else _long_bytes(size))
            self.out.append(value)
        elif value is None:
            self.out.append(b"\xc0")
        elif value is True:
            self.out.append(b"\xc3")
        elif value is False:
            self.out.append(b"\xc2")
        elif isinstance(value, int):
            self.out.append(_pack_integer(value))
        elif isinstance(value, str):
            encoded = value.encode()
            self.out.append(_length(len(encoded), 0xA0, 31, ((0xD9, 1), (0xDA, 2), (0xDB, 4))))
            self.out.append(encoded)
        elif isinstance(value, list | tuple):
            self.array(value, depth)
        elif isinstance(value, dict):
            self.count(2 * len(value))
            self.out.append(_length(len(value), 0x80, 15, ((0xDE, 2), (0xDF, 4))))
            for key in sorted(value, key=str.encode):
                self.write(key, depth + 1)
                self.write(value[key], depth + 1)
        else:
            raise TypeError(f"no wire form for {type(value).__name__}")

    def array(self, values: Sequence[Value], depth: int) -> None:
        size = len(values)
        self.count(size)
        append = self.out.append
        append(_SHORT_LISTS[size] if size < 16 else _length(size, None, 0, ((0xDC, 2), (0xDD, 4))))
        if depth < MAX_DEPTH:
            for item in values:  # most items are short bytes or small numbers: no call for these
                if type(item) is bytes and len(item) < 256:
                    append(_SHORT_BYTES[len(item)])
                    append(item)
                elif type(item) is int and 0 <= item < 0x80:
                    append(_SMALL_INTEGERS[item])
                else:
                    self.write(item, depth + 1)
        elif values:
            raise ValueError(_TOO_DEEP)

    def count(self, items: int) -> None:
        self.items += items
        self.containers += 1
        if self.items > MAX_ITEMS or self.containers > MAX_CONTAINERS:
            raise ValueError(
                f"a message holds at most {MAX_ITEMS} items in {MAX_CONTAINERS} lists and maps"
            )


def _pack_integer(value: int) -> bytes:
    if 0 <= value < 0x80:
        return _SMALL_INTEGERS[value]
    if -32 <= value < 0:
        return bytes((value & 0xFF,))
    if value > 0:
        for code, width in _UNSIGNED:
            if value < 1 << (8 * width):
                return bytes((code,)) + value.to_bytes(width, "big")
    else:
        for code, width in _SIGNED:
            if value >= -(1 << (8 * width - 1)):
                return bytes((code,)) + value.to_bytes(width, "big", signed=True)
    raise ValueError(f"an integer on the wire has at most 64 bits: {value}")


def _long_bytes(length: int) -> bytes:
    return _length(length, None, 0, ((0xC5, 2), (0xC6, 4)))


def _length(
    length: int, fix: int | None, fix_max: int, forms: tuple[tuple[int, int], ...]
) -> bytes:
    if fix is not None and length <= fix_max:
        return bytes((fix | length,))
    for code, width in forms:
        if length < 1 << (8 * width):
            return bytes((code,)) + length.to_bytes(width, "big")
    raise ValueError(f"a field of {length} items has no wire form")


class _Reader:
    __slots__ = ("containers", "data", "items", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.items = 0
        self.containers = 0

    def value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise WireError(_NESTED)
        code = self.byte()
        if code < 0x80:
            return code
        if code == 0xC4:  # most values of most messages
            return self.take(self.byte())
        if code >= 0xE0:
            return code - 0x100
        if code < 0x90:
            return self.map(code & 0x0F, depth)
        if code < 0xA0:
            return self.array(code & 0x0F, depth)
        if code < 0xC0:
            return self.text(code & 0x1F)
        return self.coded(code, depth)

    def coded(self, code: int, depth: int) -> Value:
        match code:
            case 0xC0:
                return None
            case 0xC2:
                return False
            case 0xC3:
                return True
            case 0xC5 | 0xC6:
                return self.take(self.length(1 << (code - 0xC4), 0))
            case 0xCC | 0xCD | 0xCE | 0xCF:
                return self.unsigned(1 << (code - 0xCC))
            case 0xD0 | 0xD1 | 0xD2 | 0xD3:
                return self.signed(1 << (code - 0xD0))
            case 0xD9 | 0xDA | 0xDB:
                return self.text(self.length(1 << (code - 0xD9), 32))
            case 0xDC | 0xDD:
                return self.array(self.length(2 << (code - 0xDC), 16, 2), depth)
            case 0xDE | 0xDF:
                return self.map(self.length(2 << (code - 0xDE), 16, 2), depth)
        raise WireError(f"type byte 0x{code:02x} is not in the subset")

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise WireError(f"{count} bytes promised, {len(self.data) - self.position} there")
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def byte(self) -> int:
        position = self.position
        if position >= len(self.data):
            raise WireError("1 bytes promised, 0 there")
        self.position = position + 1
        return self.data[position]

    def length(self, width: int, smallest: int, narrowest: int = 1) -> int:
        count = int.from_bytes(self.take(width), "big")
        floor = smallest if width == narrowest else 1 << (4 * width)
        if count < floor:
            raise WireError(f"length {count} is not in its shortest form")
        return count

    def unsigned(self, width: int) -> int:
        number = int.from_bytes(self.take(width), "big")
        if number < (0x80 if width == 1 else 1 << (4 * width)):
            raise WireError(f"integer {number} is not in its shortest form")
        return number

    def signed(self, width: int) -> int:
        number = int.from_bytes(self.take(width), "big", signed=True)
        if number >= (-32 if width == 1 else -(1 << (4 * width - 1))):
            raise WireError(f"integer {number} is not in its shortest form")
        return number

    def text(self, count: int) -> str:
        try:
            return self.take(count).decode()
        except UnicodeDecodeError:
            raise WireError("a string is not UTF-8") from None

    def array(self, count: int, depth: int) -> list[Value]:
        self.room(count)
        if count and depth >= MAX_DEPTH:
            raise WireError(_NESTED)
        alike = self.alike(count)
        if alike is not None:
            return alike
        data, size = self.data, len(self.data)
        values: list[Value] = []
        for _ in range(count):  # most items are short bytes or small numbers: no call for these
            start = self.position
            code = data[start] if start < size else None
            if code == 0xC4 and start + 1 < size and start + 2 + data[start + 1] <= size:
                self.position = start + 2 + data[start + 1]
                values.append(data[start + 2 : self.position])
            elif code is not None and code < 0x80:
                self.position = start + 1
                values.append(code)
            else:
                values.append(self.value(depth + 1))
        return values

    def alike(self, count: int) -> list[Value] | None:
        """The next values, if all are bytes of one length, as in a list of hashes: told at once."""
        data, start = self.data, self.position
        head = data[start : start + 2]
        if count < 4 or len(head) < 2 or head[0] != 0xC4:
            return None
        width = 2 + head[1]
        end = start + count * width
        codes, lengths = data[start:end:width], data[start + 1 : end : width]
        if end > len(data) or codes != head[:1] * count or lengths != head[1:] * count:
            return None
        self.position = end
        return [data[at : at + head[1]] for at in range(start + 2, end + 2, width)]

    def map(self, count: int, depth: int) -> dict[str, Value]:
        self.room(2 * count)
        result: dict[str, Value] = {}
        previous = b""
        for index in range(count):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise WireError("a map key is not a string")
            encoded = key.encode()
            if index and encoded <= previous:
                raise WireError(f"map key {key[:40]!r} is repeated or out of order")
            previous = encoded
            result[key] = self.value(depth + 1)
        return result

    def room(self, count: int) -> None:
        """Every item has at least one byte: refuse a count that can't be there, before looping."""
        if count > len(self.data) - self.position:
            raise WireError(f"{count} items promised, {len(self.data) - self.position} bytes there")
        self.items += count
        self.containers += 1
        if self.items > MAX_ITEMS or self.containers > MAX_CONTAINERS:
            raise WireError(
                f"more than {MAX_ITEMS} items in all, or {MAX_CONTAINERS} lists and maps"
            )
