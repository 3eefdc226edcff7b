"""What a lineage was charged: counted by certificates, told by a handover."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.aggregation import aggregator
from protocols.errors import ProtocolError, WireError
from protocols.privacy import Budget, Mechanism
from protocols.record.budget import (
    Charge,
    RoundBudget,
    charge_of,
    charges_of,
    check_budget,
    together,
)
from protocols.record.ledger import Ledger
from protocols.record.origin import renamed
from protocols.record.resolution import NO_DRAFT, Resolution, is_resolution
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import Act

ONE = Charge("record", Mechanism(Fraction(9, 4), 7, Fraction(1, 50), Fraction(1, 1 << 58)), 12)
OTHER = replace(ONE, mechanism=replace(ONE.mechanism, rate=Fraction(1)))
HANDOVER = Resolution(int(Act.HANDOVER), b"d" * 32, bytes(32), bytes(32), (), (), ())
NUMBERS = st.fractions(min_value=Fraction(1, 10**9), max_value=1)


@given(NUMBERS, st.integers(1, 1 << 60), NUMBERS, st.integers(1, 1 << 32 - 1))
def test_a_charge_is_read_as_it_was_told(
    variance: Fraction, norm: int, rate: Fraction, rounds: int
) -> None:
    charge = Charge("member", Mechanism(variance, norm, rate), rounds)
    assert charge_of(charge.told()) == charge


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"row"),
        (0, b"\xff"),
        (1, b"0"),
        (1, b"18/8"),
        (1, b"2.25"),
        (1, b"1e999999999"),
        (2, b"1_0"),
        (2, b"x"),
        (3, b"2"),
        (4, b"1"),
    ],
)
def test_what_has_another_form_is_none(at: int, value: bytes) -> None:
    told = list(ONE.told())
    told[at] = value
    with pytest.raises(WireError, match="a charge"):
        charge_of(tuple(told))  # type: ignore[arg-type]


def test_charges_of_one_mechanism_are_one() -> None:
    none = replace(OTHER, rounds=0)
    assert together([ONE, OTHER, none, ONE]) == (replace(ONE, rounds=24), OTHER)
    with pytest.raises(WireError, match="two charges of one mechanism"):
        charges_of([ONE.told(), ONE.told()])


def test_a_handover_tells_them_and_others_are_as_they_were() -> None:
    longer = replace(HANDOVER, charges=(ONE.told(), OTHER.told()))
    assert Resolution.decode(longer.encode()) == longer and is_resolution(longer.encode())
    assert len(unpack(HANDOVER.encode())) == 7  # type: ignore[arg-type]
    assert Resolution.decode(HANDOVER.encode()) == HANDOVER


def test_none_has_them_in_two_forms() -> None:
    empty = pack([*unpack(HANDOVER.encode()), []])  # type: ignore[misc]
    pause = Resolution(int(Act.PAUSE), NO_DRAFT, bytes(32), bytes(32), (), (), (), (ONE.told(),))
    for data in (empty, pause.encode()):
        with pytest.raises(WireError, match="left out"):
            Resolution.decode(data)


def test_what_a_resolution_keeps_and_a_successor_begins_with() -> None:
    ledger = HANDOVER.ledger_after(Ledger(charged=5), b"n" * 32)
    assert ledger.charged == 5 and ledger.handed_over
    assert renamed(ledger, {}).charged == 0


def test_a_budget_is_of_its_rule_and_of_one_unit() -> None:
    rule = aggregator("dp-sgd", {})
    budget = RoundBudget("record", Budget(Fraction(2), Fraction(1, 10**6)), ONE.mechanism, 9)
    check_budget(budget, rule, (ONE,))
    with pytest.raises(ProtocolError, match="adds noise, not rsa"):
        check_budget(budget, aggregator("rsa", {}), ())
    with pytest.raises(ProtocolError, match="hides a record"):
        check_budget(replace(budget, unit="member"), rule, ())
    with pytest.raises(ProtocolError, match="can't be added up"):
        check_budget(budget, rule, (replace(ONE, unit="member"),))
