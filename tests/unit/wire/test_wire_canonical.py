"""The codec: one value, one encoding, and no other exception than WireError (faults 55, 56, 57)."""

import tracemalloc

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import WireError
from protocols.wire import canonical
from protocols.wire.canonical import (
    MAX_CONTAINERS,
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_ITEMS,
    MIN_INTEGER,
    Value,
    pack,
    unpack,
)

INTEGERS = st.integers(MIN_INTEGER, MAX_INTEGER)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LEAVES = st.none() | st.booleans() | INTEGERS | TEXTS | st.binary(max_size=300)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(TEXTS, inner, max_size=20),
    max_leaves=30,
)
EDGES = (0, 1, 31, 32, 33, 127, 128, 255, 256, 32767, 32768, 65535, 65536)
EDGES += ((1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, MAX_INTEGER)


def depth_of(value: Value) -> int:
    if isinstance(value, dict):
        return 1 + max((depth_of(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(item) for item in value), default=0)
    return 0


def same(left: object, right: object) -> bool:
    """Equal in type too: True is not 1 on the wire."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return left == right


@given(VALUES)
def test_what_is_packed_is_unpacked(value: Value) -> None:
    if depth_of(value) < MAX_DEPTH:
        assert same(unpack(pack(value)), value)


@given(VALUES)
def test_msgpack_reads_what_is_packed(value: Value) -> None:
    if depth_of(value) < MAX_DEPTH:
        assert same(msgpack.unpackb(pack(value), raw=False, strict_map_key=True), value)


def in_order(value: Value) -> Value:
    """The same value with the keys inserted in the canonical order, which msgpack then keeps."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value, key=str.encode)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_msgpack_writes_the_same_bytes(value: Value) -> None:
    if depth_of(value) < MAX_DEPTH:
        assert msgpack.packb(in_order(value), use_bin_type=True) == pack(value)


@pytest.mark.parametrize("number", [*EDGES, *(-edge for edge in EDGES if edge <= 1 << 63)])
def test_integers_at_the_edges_of_their_forms(number: int) -> None:
    assert unpack(pack(number)) == number
    assert pack(number) == msgpack.packb(number)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536])
def test_lengths_at_the_edges_of_their_forms(size: int) -> None:
    for value in ("x" * size, b"x" * size, [None] * size, {f"{i:06}": None for i in range(size)}):
        assert pack(value) == msgpack.packb(value, use_bin_type=True)
        assert unpack(pack(value)) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_or_are_the_encoding_of_their_value(data: bytes) -> None:
    try:
        value = unpack(data)
    except WireError:
        return
    assert pack(value) == data


SAMPLES: tuple[Value, ...] = (
    [1, b"\x01" * 32, 7, [b"\x02" * 64, [1, 2, 3], "text", None, True, -5]],
    {"a": [1, 2, {"b": b"xyz", "c": "é"}], "bb": 1 << 40, "c": -(1 << 40), "d": "x" * 40},
    [[i, 300 + i, bytes([i]) * 3] for i in range(20)],
)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_truncation_is_refused(sample: Value) -> None:
    data = pack(sample)
    for end in range(len(data)):
        with pytest.raises(WireError):
            unpack(data[:end])


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_bit_flip_is_refused_or_another_canonical_message(sample: Value) -> None:
    data = pack(sample)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            value = unpack(bytes(flipped))
        except WireError:
            continue
        assert pack(value) == bytes(flipped)
        assert not same(value, sample)


REFUSED = {
    "no bytes at all": "",
    "trailing bytes": "0100",
    "positive as uint8": "cc7f",
    "uint8 as uint16": "cd00ff",
    "uint16 as uint32": "ce0000ffff",
    "uint32 as uint64": "cf00000000ffffffff",
    "positive as int8": "d001",
    "small negative as int8": "d0e0",
    "int8 as int16": "d1ff80",
    "int16 as int32": "d2ffff8000",
    "int32 as int64": "d3ffffffff80000000",
    "positive as int64": "d37fffffffffffffff",
    "short text as str8": "d90161",
    "str8 as str16": "da00ff" + "61" * 255,
    "str16 as str32": "db0000ffff" + "61" * 65535,
    "bin8 as bin16": "c500ff" + "00" * 255,
    "bin16 as bin32": "c60000ffff" + "00" * 65535,
    "short list as array16": "dc0001c0",
    "array16 as array32": "dd00000010" + "c0" * 16,
    "short map as map16": "de0001a161c0",
    "map16 as map32": "df00000010" + "".join(f"a1{0x61 + i:02x}c0" for i in range(16)),
    "repeated key": "82a161c0a161c0",
    "keys out of order": "82a162c0a161c0",
    "longer key before its prefix": "82a26161c0a161c0",
    "integer as key": "8101c0",
    "bytes as key": "81c40161c0",
    "list as key": "8190c0",
    "float32": "ca3f800000",
    "float64": "cb3ff0000000000000",
    "reserved byte": "c1",
    "ext8": "c70100ff",
    "ext16": "c8000100ff",
    "ext32": "c90000000100ff",
    "fixext1": "d400ff",
    "fixext16": "d800" + "00" * 16,
    "timestamp": "d6ff00000000",
    "text that is not UTF-8": "a1ff",
    "text with a surrogate": "a3eda080",
    "text with an overlong form": "a2c080",
    "map that promises more than is there": "81a161",
    "list that promises more than is there": "92c0",
    "bytes that promise more than is there": "c4020a",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_pack_would_not_write_is_refused(data: str) -> None:
    with pytest.raises(WireError):
        unpack(bytes.fromhex(data))


@pytest.mark.parametrize("value", [1.5, 2.0, object(), {1: 2}, {b"a": 1}, {"a": {3}}, bytearray()])
def test_what_has_no_wire_form_is_not_packed(value: object) -> None:
    with pytest.raises(TypeError):
        pack(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [MAX_INTEGER + 1, MIN_INTEGER - 1, "\ud800"])
def test_values_beyond_the_subset_are_not_packed(value: Value) -> None:
    with pytest.raises(ValueError, match=r"64 bits|surrogates"):
        pack(value)


@pytest.mark.parametrize("data", [bytearray(b"\xc0"), memoryview(b"\xc0"), "c0", None])
def test_only_bytes_are_unpacked(data: object) -> None:
    with pytest.raises(TypeError):
        unpack(data)  # type: ignore[arg-type]


def test_nesting_has_one_bound_for_both_directions() -> None:
    deepest: Value = []
    for _ in range(MAX_DEPTH):
        deepest = [deepest]
    assert unpack(pack(deepest)) == deepest
    with pytest.raises(ValueError, match="deep"):
        pack([deepest])
    for opening in (b"\x91", b"\x81\xa1a"):
        with pytest.raises(WireError, match="deep"):
            unpack(opening * 100_000 + b"\xc0")


BOMBS = {
    "bytes of 4 GiB": b"\xc6\xff\xff\xff\xff",
    "text of 4 GiB": b"\xdb\xff\xff\xff\xff",
    "list of 2^32 items": b"\xdd\xff\xff\xff\xff",
    "map of 2^32 items": b"\xdf\xff\xff\xff\xff",
    "lists of 2^32 items in each other": b"\xdd\xff\xff\xff\xff" * 8,
    "map that has half of its items": b"\xde\x01\x00" + b"\xa1a\xc0" * 100,
    "empty lists": b"\xdd\x00\x40\x00\x00" + b"\x90" * (1 << 22),
    "empty maps": b"\xdd\x00\x40\x00\x00" + b"\x80" * (1 << 22),
    "small integers": b"\xdd\x00\x40\x00\x00" + b"\x01" * (1 << 22),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_costs_little_more_than_itself(bomb: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            unpack(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_items_and_containers_are_bounded_alike_in_both_directions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MAX_ITEMS >= 1 << 20, "a frame may list that many hashes"
    assert MAX_CONTAINERS >= 4 * 5000, "a report lists a tuple for each of 5000 peers"
    lists: Value = [[], [1], [2]]
    items: Value = [1, [2, 3], {"a": 4}]
    packed = pack(lists), pack(items)
    monkeypatch.setattr(canonical, "MAX_CONTAINERS", 4)
    monkeypatch.setattr(canonical, "MAX_ITEMS", 7)
    assert [unpack(data) for data in packed] == [lists, items]
    monkeypatch.setattr(canonical, "MAX_CONTAINERS", 3)
    monkeypatch.setattr(canonical, "MAX_ITEMS", 6)
    for value, data in ((lists, packed[0]), (items, packed[1])):
        with pytest.raises(ValueError, match="at most"):
            pack(value)
        with pytest.raises(WireError, match="more than"):
            unpack(data)


@settings(max_examples=50)
@given(st.dictionaries(TEXTS, INTEGERS, min_size=2, max_size=8), st.randoms())
def test_the_order_of_insertion_does_not_matter(value: dict[str, int], random: object) -> None:
    keys = list(value)
    random.shuffle(keys)  # type: ignore[attr-defined]
    assert pack({key: value[key] for key in keys}) == pack(dict(value))
