"""Disclosures cost honest members little, however many liars make them: counted in frames, since
seconds differ (``peerd bench liars`` measures those).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest

from peerd.laboratory.bench.liars import LONGEST, Run
from peerd.laboratory.bench.spending import Books
from protocols.committee.pool import Pool
from protocols.record.door import Message, open_message
from protocols.record.setting import Setting
from protocols.session import session as session_module
from protocols.session.rounds import Rounds
from protocols.wire.frames import StatementFrame
from protocols.wire.payloads import Kind

RUN = Run.create("rsa", {}, 10, 8, Fraction(3, 10), 1)
PASSED = frozenset({Kind.DELIVERY, Kind.DISCLOSURE})


def spent(adversary: str, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """Deliveries and disclosures that an honest member is sent by honest ones, in the mean; how
    often it opens one.
    """
    run, books = replace(RUN, adversary=adversary), Books()
    world = run.world(books)
    honest = {node.index for node in world.nodes if node.honest}
    sent, opened = Counter[int](), Counter[int]()

    def drop(sender: int, to: int, data: bytes) -> bool:
        message = open_message(world.setting, sender, data)
        if sender in honest and to in honest and is_passed(message):
            sent[to] += 1
        return False

    def opening(setting: Setting, sender: int, data: bytes) -> Message:
        message = open_message(setting, sender, data)
        if books._turn in honest and is_passed(message):
            opened[books._turn] += 1
        return message

    world.drop = drop
    monkeypatch.setattr(session_module, "open_message", opening)
    world.run(until=LONGEST)
    assert all(0 in world.nodes[peer].completed for peer in honest)
    assert all({b.peer for b in world.nodes[peer].blamed} == run.lying for peer in honest)
    return sent.total() / len(honest), opened.total() / len(honest)


def is_passed(message: Message) -> bool:
    frame, slot = message.frame, message.slot
    return isinstance(frame, StatementFrame) and slot is not None and slot.kind in PASSED


@pytest.mark.parametrize("adversary", ["FalseDiscloser", "ShortPackages"])
def test_they_are_kept_once_and_opened_once(
    adversary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the rule, what the same liars cost without it."""
    sent, opened = spent(adversary, monkeypatch)
    errands = RUN.liars * (RUN.peers - 1)
    assert opened <= 4 * errands  # each a delivery and a disclosure, by liars of liars as well
    monkeypatch.setattr(Rounds, "has_settled", lambda self, frame: False)
    monkeypatch.setattr(Pool, "_is_spare", lambda self, disclosure: False)
    sent_before, opened_before = spent(adversary, monkeypatch)

    assert sent_before > 1.3 * sent and opened_before > 3 * opened
