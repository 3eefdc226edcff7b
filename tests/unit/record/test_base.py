"""The base of a round's dealings: model and reference, in one hash and as evidence carries them."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.aggregation import aggregator
from protocols.errors import ProtocolError, WireError
from protocols.record.base import Base, decode_reference, encode_reference, named_base
from protocols.record.setting import MAX_REFERENCE
from protocols.wire.canonical import pack
from tests.simulation.swarm import FOUR, setting_of

PLAIN = setting_of(FOUR, 1)
TRUSTED = setting_of(FOUR, 1, rule=aggregator("fltrust", {}))
MODEL = bytes(range(32))
REFERENCE = np.array([3, -2, 0, 100, 127, -128, 1], np.int64)


def test_without_references_the_base_is_the_model() -> None:
    base = Base(PLAIN, MODEL)
    assert not base.awaits_reference
    assert (base.hash, base.shape, base.items()) == (MODEL, PLAIN.shape, ())
    with pytest.raises(ProtocolError, match="uses no reference"):
        base.take(REFERENCE)


def test_a_reference_is_awaited_and_the_first_one_stays() -> None:
    base = Base(TRUSTED, MODEL)
    assert base.awaits_reference
    for what in ("hash", "shape"):
        with pytest.raises(ProtocolError, match="not here yet"):
            getattr(base, what)
    base.take(REFERENCE)
    assert not base.awaits_reference
    named = base.hash
    base.take(REFERENCE + 1)
    assert base.hash == named == Base(TRUSTED, MODEL, REFERENCE).hash


def test_model_and_every_entry_of_the_reference_are_in_the_hash() -> None:
    bases = [Base(TRUSTED, MODEL, REFERENCE), Base(TRUSTED, bytes(32), REFERENCE)]
    for place in range(len(REFERENCE)):
        other = REFERENCE.copy()
        other[place] ^= 1
        bases.append(Base(TRUSTED, MODEL, other))
    assert len({base.hash for base in bases}) == len(bases)
    assert len({base.shape.identifier for base in bases}) == len(bases) - 1


def test_what_evidence_carries_gives_the_base_again() -> None:
    base = Base(TRUSTED, MODEL, REFERENCE)
    again = named_base(TRUSTED, base.hash, base.items())
    assert (again.hash, again.shape.identifier) == (base.hash, base.shape.identifier)


@pytest.mark.parametrize(
    "items",
    [
        (),
        (b"x",),
        (pack([MODEL]),),
        (pack([bytes(32), encode_reference(TRUSTED, REFERENCE)]),),
        (pack([MODEL, encode_reference(TRUSTED, -1 - REFERENCE)]),),
        (pack([MODEL, b""]),),
        (pack([MODEL, encode_reference(TRUSTED, REFERENCE)]), b"x"),
    ],
)
def test_another_reference_proves_nothing(items: tuple[bytes, ...]) -> None:
    named = Base(TRUSTED, MODEL, REFERENCE).hash
    with pytest.raises(WireError):
        named_base(TRUSTED, named, items)


def test_a_reference_that_the_rule_cannot_use_proves_nothing() -> None:
    """Its hash may be what the header names: then the dealer made it up, and is absent."""
    huge = np.full(7, 1 << 40, np.int64)
    base = Base(TRUSTED, MODEL, huge)
    with pytest.raises(WireError, match="can't use"):
        named_base(TRUSTED, base.hash, base.items())


def test_a_rule_without_references_takes_none() -> None:
    with pytest.raises(WireError, match="uses none"):
        named_base(PLAIN, MODEL, (b"x",))


@pytest.mark.parametrize(
    ("value", "width"),
    [(0, 1), (127, 1), (-128, 1), (128, 2), (-129, 2), (1 << 15, 4), (1 << 31, 8), (-(1 << 63), 8)],
)
def test_integers_have_the_least_width(value: int, width: int) -> None:
    reference = np.zeros(7, np.int64)
    reference[3] = value
    data = encode_reference(TRUSTED, reference)
    assert len(data) == 1 + 7 * width
    assert decode_reference(TRUSTED, data).tolist() == reference.tolist()
    for wrong in (data[:-1], data + b"\0", b"", bytes([3]) + data[1:], b"\0" + data[1:]):
        with pytest.raises(WireError):
            decode_reference(TRUSTED, wrong)
    if width < 8:
        wider = bytes([2 * width]) + reference.astype(f"<i{2 * width}").tobytes()
        with pytest.raises(WireError, match="wider"):
            decode_reference(TRUSTED, wider)


@pytest.mark.parametrize("wrong", [np.zeros(6, np.int64), np.zeros((7, 1), np.int64), np.zeros(7)])
def test_a_vector_of_another_shape(wrong: np.ndarray) -> None:
    with pytest.raises(ProtocolError, match="7 integers"):
        encode_reference(TRUSTED, wrong)


def test_a_model_whose_reference_fits_no_evidence() -> None:
    with pytest.raises(ProtocolError, match="fit evidence"):
        setting_of(
            FOUR,
            1,
            rule=aggregator("fltrust", {"proof": "norm", "theta": 12}),
            parameters=MAX_REFERENCE // 8,
        )
