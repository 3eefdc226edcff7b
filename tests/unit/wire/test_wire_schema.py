"""Shapes: what a field may be, and that the message says which field was wrong."""

from dataclasses import dataclass

import pytest

from protocols.errors import WireError
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.schema import (
    Bytes,
    Integer,
    ListOf,
    Shape,
    Tuple,
    from_value,
    strictly_rising,
    to_value,
    wire,
)

SMALL = Integer(10, 2)
PAIRS = ListOf(Tuple((Integer(9), Bytes(2))), 3, rising=True)

ACCEPTED: list[tuple[Shape, Value, object]] = [
    (SMALL, 2, 2),
    (SMALL, 10, 10),
    (Integer(5, -5), -5, -5),
    (Bytes(3), b"", b""),
    (Bytes(3), b"abc", b"abc"),
    (Bytes(3, exact=True), b"abc", b"abc"),
    (ListOf(SMALL, 2), [], ()),
    (ListOf(SMALL, 2), [3, 3], (3, 3)),
    (ListOf(SMALL, 2, rising=True), [3, 4], (3, 4)),
    (Tuple((SMALL, Bytes(1))), [4, b"x"], (4, b"x")),
    (PAIRS, [[1, b"b"], [2, b"a"]], ((1, b"b"), (2, b"a"))),
]

REFUSED: list[tuple[Shape, Value, str]] = [
    (SMALL, 1, r"f: 1 is not in \[2, 10\]"),
    (SMALL, 11, r"f: 11 is not in \[2, 10\]"),
    (Integer(10), -1, "f: -1"),
    (SMALL, True, "f: an integer"),
    (Integer(10), False, "f: an integer"),
    (SMALL, b"\x03", "f: an integer"),
    (SMALL, "3", "f: an integer"),
    (SMALL, None, "f: an integer"),
    (SMALL, [3], "f: an integer"),
    (Bytes(3), b"abcd", "f: 4 bytes where at most 3"),
    (Bytes(3, exact=True), b"ab", "f: 2 bytes where exactly 3"),
    (Bytes(3, exact=True), b"abcd", "f: 4 bytes where exactly 3"),
    (Bytes(3), "abc", "f: bytes"),
    (Bytes(3), 3, "f: bytes"),
    (Bytes(3), None, "f: bytes"),
    (Bytes(3), [1, 2], "f: bytes"),
    (ListOf(SMALL, 2), [3, 3, 3], "f: 3 items where at most 2"),
    (ListOf(SMALL, 2), [3, 99], r"f\[1\]: 99"),
    (ListOf(SMALL, 2), b"\x03\x03", "f: a list"),
    (ListOf(SMALL, 2), {"a": 3}, "f: a list"),
    (ListOf(SMALL, 2), None, "f: a list"),
    (ListOf(SMALL, 2, rising=True), [3, 3], "f: not in strictly rising order"),
    (ListOf(SMALL, 2, rising=True), [4, 3], "f: not in strictly rising order"),
    (PAIRS, [[1, b"a"], [1, b"b"]], "f: not in strictly rising order"),
    (Tuple((SMALL, Bytes(1))), [4], "f: a list of 2"),
    (Tuple((SMALL, Bytes(1))), [4, b"x", 1], "f: a list of 2"),
    (Tuple((SMALL, Bytes(1))), [4, b"xy"], r"f\[1\]: 2 bytes"),
    (Tuple((SMALL, Bytes(1))), "ab", "f: a list of 2"),
]


@pytest.mark.parametrize(("shape", "value", "expected"), ACCEPTED)
def test_a_value_of_the_shape_is_converted(shape: Shape, value: Value, expected: object) -> None:
    assert shape.check(value, "f") == expected


@pytest.mark.parametrize(("shape", "value", "error"), REFUSED)
def test_another_value_is_refused_by_its_name(shape: Shape, value: Value, error: str) -> None:
    with pytest.raises(WireError, match=f"^{error}"):
        shape.check(value, "f")


@dataclass(frozen=True, slots=True)
class Sample:
    number: int = wire(SMALL)
    pairs: tuple[tuple[int, bytes], ...] = wire(PAIRS)


def test_a_payload_is_the_list_of_its_fields() -> None:
    sample = Sample(4, ((1, b"x"), (2, b"")))
    value = unpack(pack(to_value(sample)))
    assert value == [4, [[1, b"x"], [2, b""]]]
    assert from_value(Sample, value) == sample


@pytest.mark.parametrize("value", [[], [4], [4, [], None], {"number": 4}, b"", None, 4])
def test_a_payload_with_other_fields_is_refused(value: Value) -> None:
    with pytest.raises(WireError, match=r"^Sample: a list of 2 fields"):
        from_value(Sample, value)


@pytest.mark.parametrize(
    ("value", "error"),
    [([4, [[1, b"xyz"]]], r"Sample\.pairs\[0\]\[1\]: 3 bytes"), ([1, []], r"Sample\.number: 1")],
)
def test_the_error_names_the_field(value: Value, error: str) -> None:
    with pytest.raises(WireError, match=error):
        from_value(Sample, value)


def test_strictly_rising_takes_anything_that_compares() -> None:
    strictly_rising([], "nothing")
    strictly_rising([b"a", b"b"], "names")
    with pytest.raises(WireError, match="names"):
        strictly_rising([b"b", b"b"], "names")
