"""A proposal's statements as they are restored: those that are here already are not made anew, and
a liar's variants of them never pass for them (docs/protocol.md §5, §7).
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.swarm import FOUR, setting_of
from protocols.errors import WireError
from protocols.record.brief import restore, shorten
from protocols.record.cohort import Panel, gather
from protocols.record.inbox import Inbox
from protocols.wire.payloads import Answer, Check, Kind, Payload, Report, Seen, Topic
from protocols.wire.statement import Slot, Statement, assemble, sign

PLACE = (3, 1)
SETTING = setting_of(FOUR, 1)
PANEL = Panel(FOUR, (0, 1, 2, 3), (0, 1, 2, 3), 1)
HEADERS = [bytes([dealer]) * 32 for dealer in range(4)]


def slot(kind: Kind, signer: int, subject: int = 0) -> Slot:
    return Slot(*PLACE, kind, subject, 0, signer)


def say(signer: int, kind: Kind, payload: Payload, subject: int = 0) -> Statement:
    where = slot(kind, signer, subject)
    return sign(Pretend(), bytes([signer]) * 32, SETTING.group, where, payload)


def words(asked: int | None = None) -> tuple[tuple[int, int, bytes], ...]:
    return tuple(
        (dealer, int(Check.ASK if dealer == asked else Check.OK), header)
        for dealer, header in enumerate(HEADERS)
    )


REPORTS = [
    say(member, Kind.REPORT, Report(words(2 if member == 1 else None))) for member in range(4)
]
HELD = tuple(sorted(report.hash for report in REPORTS))
LISTS = [say(member, Kind.SEEN, Seen(HELD, ()), Topic.COHORT) for member in range(3)]
ANSWERS = [say(1, Kind.ANSWER, Answer(HEADERS[2]), PANEL.errand(2, 1))]
SAID = [*REPORTS, *LISTS, *ANSWERS]


def inputs_of(statements: Iterable[Statement]) -> tuple[bytes, ...]:
    kept = list(statements)
    return shorten(kept, PANEL, gather(PANEL, kept, ()).usual(PANEL))


def inbox(*held: Statement) -> Inbox:
    made = Inbox(SETTING, PLACE)
    for statement in held:
        made.remember(statement)
    return made


def test_what_is_here_is_the_very_statement_and_the_rest_is_made() -> None:
    restored = restore(inbox(*REPORTS[:2], *LISTS, *ANSWERS), PANEL, inputs_of(SAID))
    assert sorted(map(str, restored)) == sorted(map(str, SAID))
    by_slot = {statement.slot: statement for statement in restored}
    for statement in (*REPORTS[:2], *LISTS, *ANSWERS):
        assert by_slot[statement.slot] is statement
    for statement in REPORTS[2:]:
        assert by_slot[statement.slot] is not statement
        assert by_slot[statement.slot] == statement
        assert by_slot[statement.slot].payload == statement.payload


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said.kind.name} of {said.signer}")
def test_other_words_under_a_known_signature_are_other_words(said: Statement) -> None:
    """A liar's proposal can pair a signature with a body that it does not sign."""
    others: dict[Kind, Payload] = {
        Kind.REPORT: Report(words(asked=3)),
        Kind.SEEN: Seen(HELD[:2], ()),
        Kind.ANSWER: Answer(HEADERS[1]),
    }
    forged = assemble(SETTING.group, said.slot, others[said.kind], said.signature)
    shown = [forged if statement is said else statement for statement in SAID]
    found = [s for s in restore(inbox(*SAID), PANEL, inputs_of(shown)) if s.slot == said.slot]
    assert [statement.body for statement in found] == [forged.body]


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said.kind.name} of {said.signer}")
def test_known_words_under_another_signature_keep_it(said: Statement) -> None:
    forged = assemble(SETTING.group, said.slot, said.payload, bytes(64))
    shown = [forged if statement is said else statement for statement in SAID]
    found = [s for s in restore(inbox(*SAID), PANEL, inputs_of(shown)) if s.slot == said.slot]
    assert [statement.signature for statement in found] == [bytes(64)]


def test_of_another_place_nothing_is_here() -> None:
    elsewhere = Inbox(SETTING, (PLACE[0] + 1, PLACE[1]))
    for statement in SAID:
        elsewhere.remember(statement)
    restored = restore(elsewhere, PANEL, inputs_of(SAID))
    assert all(statement.slot.place == elsewhere.place for statement in restored)
    assert not {statement.body for statement in restored} & {said.body for said in SAID}


def test_a_proposal_without_a_brief() -> None:
    with pytest.raises(WireError, match="brief"):
        restore(inbox(), PANEL, ())
