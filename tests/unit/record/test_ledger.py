"""Lock-outs double, pass, and are no blame (docs/protocol.md §2)."""

from __future__ import annotations

from protocols.record.election import Election
from protocols.record.ledger import LONGEST_LOCKOUT, Ledger


def election(*, silent: tuple[int, ...] = (), guilty: tuple[int, ...] = ()) -> Election:
    seats = tuple((peer, bytes(32), bytes(32)) for peer in range(4) if peer not in silent)
    return Election(seats, (), tuple((peer, bytes(32)) for peer in guilty), silent)


def test_each_silence_costs_twice_the_last_up_to_a_bound() -> None:
    ledger, round_, costs = Ledger(), 0, []
    for _ in range(9):
        ledger = ledger.after(round_, election(silent=(2,)))
        costs.append(ledger.lockouts[2].rounds)
        assert ledger.lockouts[2].until == round_ + costs[-1]
        assert ledger.locked_out(2, round_ + costs[-1])
        assert not ledger.locked_out(2, round_ + costs[-1] + 1)
        round_ += costs[-1] + 1
    assert costs == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert not ledger.guilty


def test_silence_is_forgiven_after_long_good_conduct() -> None:
    ledger = Ledger().after(0, election(silent=(1,))).after(2, election(silent=(1,)))
    assert ledger.lockouts[1].rounds == 2
    for round_ in range(3, 5 + LONGEST_LOCKOUT):
        ledger = ledger.after(round_, election())
    assert 1 not in ledger.lockouts


def test_the_guilty_never_come_back() -> None:
    ledger = Ledger().after(0, election(guilty=(3,)))
    for round_ in range(1, 200):
        ledger = ledger.after(round_, election())
        assert 3 not in ledger.eligible(4, round_)


def test_the_eligible_are_neither_guilty_nor_locked_out() -> None:
    ledger = Ledger().after(5, election(silent=(0,), guilty=(2,)))
    assert ledger.eligible(4, 6) == {1, 3}
    assert ledger.eligible(4, 7) == {0, 1, 3}
    assert ledger.present == {1, 2, 3}


def test_lifted_lock_outs_bring_back_the_silent_and_not_the_guilty() -> None:
    ledger = Ledger().after(5, election(silent=(0,), guilty=(2,)))
    assert ledger.lifted().eligible(4, 6) == {0, 1, 3}
    assert ledger.lifted().present == ledger.present
    assert ledger.eligible(4, 6) == {1, 3}, "for an attempt, not for good"
