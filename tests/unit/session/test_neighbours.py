"""Those behind and ahead: whoever asks too often is put off, and not forgotten."""

from __future__ import annotations

from protocols.record.effects import Effect, Timer
from protocols.session.company import MAX_HELLOS, Company
from protocols.wire.frames import HelloFrame, RecallFrame

DELAY = 700


def test_the_last_of_its_kind_is_answered_when_it_counts_anew() -> None:
    effects: list[Effect] = []
    company = Company(effects)

    def ask(peer: int, frame: HelloFrame | RecallFrame) -> bool:
        return company.may_ask(peer, frame, (5, 2), DELAY)

    assert all(ask(1, HelloFrame(5, attempt)) for attempt in range(MAX_HELLOS))
    assert ask(2, HelloFrame(5, 0)), "everybody has a share"
    assert not effects
    for attempt in range(20):
        assert not ask(1, HelloFrame(5, attempt))
    assert not ask(1, RecallFrame(5))
    assert effects == [Timer((5, 0, "hellos"), DELAY)], "once for all of them"
    assert company.take_put_off() == [(1, HelloFrame(5, 19)), (1, RecallFrame(5))]
    assert company.take_put_off() == []
    assert ask(1, HelloFrame(5, 0))
