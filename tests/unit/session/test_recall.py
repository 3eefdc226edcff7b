"""What others hold that this peer signed, asked for at the start of a life (fault 47)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import FOUR, first_model, setting_of
from protocols.errors import WireError
from protocols.record.effects import Ask, Persist
from protocols.record.journal import Journal
from protocols.record.position import first_position
from protocols.secret import Secret
from protocols.session.local import LocalPeer
from protocols.session.recall import Recall, recalled
from protocols.session.session import Session
from protocols.session.standing import SIGNS, sat_out_key
from protocols.wire.canonical import pack
from protocols.wire.frames import MAX_RECALLED, MAX_RECALLED_BYTES, RecalledFrame, encode_frame
from protocols.wire.payloads import Ballot, Commit, Kind, Payload, Report, Reveal
from protocols.wire.statement import Slot, Statement, decode_statement
from protocols.wire.statement import sign as sign_statement

SETTING = setting_of(FOUR, 1)
SECRETS, _ = swarm_secrets(SETTING.crypto, 4, 1)
ME, OTHER = 0, 1
ROUND = 5
ROUND_SECRET = Secret(b"r" * 32)
KEY = SETTING.crypto.signing_public(ROUND_SECRET.reveal())
COMMIT = Commit(b"c" * 32, KEY)


def by(
    secret: Secret,
    kind: Kind,
    payload: Payload,
    *,
    round_: int = ROUND,
    attempt: int = 0,
    signer: int = ME,
    group: bytes = SETTING.group,
) -> Statement:
    slot = Slot(round_, attempt, kind, 0, 0, signer)
    return sign_statement(SETTING.crypto, secret.reveal(), group, slot, payload)


def mine(kind: Kind, payload: Payload, *, round_: int = ROUND, attempt: int = 0) -> Statement:
    return by(SECRETS[ME], kind, payload, round_=round_, attempt=attempt)


def shows(*statements: bytes) -> RecalledFrame:
    return RecalledFrame(statements, ROUND, 1)


NOTHING = shows()


def journal(*statements: Statement) -> Journal:
    return Journal(ROUND, {statement.slot.key(): statement.wire for statement in statements})


def hear(*shown: Statement, known: tuple[Statement, ...] = ()) -> int:
    recall = Recall(SETTING, ME)
    recall.ask([OTHER])
    frame = shows(*(statement.wire for statement in shown))
    return recall.hear(OTHER, frame, ROUND, journal(*known))


REPORT = by(ROUND_SECRET, Kind.REPORT, Report(()))


def test_what_the_journal_lacks_means_an_old_store() -> None:
    commit = mine(Kind.COMMIT, COMMIT)
    reveal = mine(Kind.REVEAL, Reveal(b"n" * 32))
    assert hear(commit) == ROUND
    assert hear(commit, reveal, known=(commit,)) == ROUND
    assert hear(commit, REPORT, known=(commit,)) == ROUND, "by the key that its COMMIT names"
    assert hear(mine(Kind.COMMIT, COMMIT, attempt=1), known=(commit, reveal)) == ROUND
    assert hear(mine(Kind.COMMIT, COMMIT, round_=ROUND + 2), known=(commit,)) == ROUND + 2


def test_other_words_in_a_slot_that_the_journal_knows_are_as_bad() -> None:
    commit = mine(Kind.COMMIT, COMMIT)
    other = mine(Kind.COMMIT, Commit(b"d" * 32, KEY))
    assert hear(commit, known=(other,)) == ROUND


def test_what_the_journal_knows_means_nothing() -> None:
    commit = mine(Kind.COMMIT, COMMIT)
    assert hear(commit, REPORT, known=(commit, REPORT)) == SIGNS
    assert hear() == SIGNS
    assert hear(mine(Kind.COMMIT, COMMIT, round_=ROUND - 1)) == SIGNS, "a round that is over"


def test_nobody_else_s_words_keep_a_peer_from_signing() -> None:
    """Nor those of a thief of another key, a garbled signature, or a key that is not known."""
    forged = by(SECRETS[OTHER], Kind.COMMIT, COMMIT)
    foreign = by(SECRETS[OTHER], Kind.COMMIT, COMMIT, signer=OTHER)
    commit = mine(Kind.COMMIT, COMMIT)
    broken = decode_statement(
        pack([commit.body, bytes([*commit.signature[:-1], 0])]), SETTING.group
    )
    assert broken.signature != commit.signature
    other_key = by(Secret(b"x" * 32), Kind.REPORT, Report(()))
    assert hear(forged) == SIGNS
    assert hear(foreign) == SIGNS
    assert hear(broken) == SIGNS
    assert hear(commit, other_key, known=(commit,)) == SIGNS
    assert hear(REPORT) == SIGNS, "whose attempt's key neither the journal nor anybody else shows"


def test_rubbish_is_an_error_and_counts_as_an_answer() -> None:
    strange = by(SECRETS[ME], Kind.COMMIT, COMMIT, group=b"another group" + bytes(19))
    for data in (b"", b"\x00", strange.wire, mine(Kind.COMMIT, COMMIT).wire[:-1]):
        recall = Recall(SETTING, ME)
        recall.ask([OTHER])
        with pytest.raises(WireError):
            recall.hear(OTHER, shows(data), ROUND, journal())
        assert recall.settle([OTHER])


def test_a_statement_that_no_peer_of_this_group_makes_is_not_read() -> None:
    recall = Recall(SETTING, ME)
    recall.ask([OTHER])
    large = bytes(SETTING.largest_statement + 1)
    with pytest.raises(WireError, match="bytes"):
        recall.hear(OTHER, shows(large), ROUND, journal())


def test_only_who_was_asked_is_heard_and_once() -> None:
    commit = shows(mine(Kind.COMMIT, COMMIT).wire)
    recall = Recall(SETTING, ME)
    assert recall.hear(OTHER, commit, ROUND, journal()) == SIGNS
    assert recall.ask([OTHER, 2]) == [OTHER, 2]
    assert recall.ask([OTHER, 2, 3]) == [3], "a new connection is no new question"
    assert recall.hear(OTHER, NOTHING, ROUND, journal()) == SIGNS
    assert recall.hear(OTHER, commit, ROUND, journal()) == SIGNS, "its first word counts"
    assert recall.hear(2, commit, ROUND, journal()) == ROUND


def test_who_went_away_with_the_question_is_asked_again_and_who_answered_is_not() -> None:
    recall = Recall(SETTING, ME)
    recall.ask([1, 2, 3])
    recall.hear(1, NOTHING, ROUND, journal())
    recall.forget_absent([3])
    assert recall.settle([1]), "nobody is waited for who is gone"
    assert recall.ask([1, 2, 3]) == [2]
    assert recall.hear(1, shows(mine(Kind.COMMIT, COMMIT).wire), ROUND, journal()) == SIGNS
    assert recall.hear(2, shows(mine(Kind.COMMIT, COMMIT).wire), ROUND, journal()) == ROUND


def test_a_quorum_is_counted_with_the_asker() -> None:
    assert SETTING.roster_quorum == 3
    recall = Recall(SETTING, ME)
    recall.ask([1, 2, 3])
    recall.hear(1, NOTHING, ROUND, journal())
    assert not recall.quorum_answered(ROUND)
    recall.hear(2, NOTHING, ROUND, journal())
    assert recall.quorum_answered(ROUND)


def test_signing_waits_for_everybody_who_is_present_or_for_the_deadline() -> None:
    recall = Recall(SETTING, ME)
    recall.ask([1, 2, 3])
    assert recall.waits and not recall.settle([1, 2, 3])
    recall.hear(1, NOTHING, ROUND, journal())
    recall.hear(2, NOTHING, ROUND, journal())
    assert not recall.settle([1, 2, 3])
    assert recall.settle([1, 2]), "the third is gone"
    assert not recall.waits
    assert not recall.settle([1, 2]), "once"
    late = Recall(SETTING, ME)
    late.ask([1])
    assert late.give_up() and not late.waits and not late.give_up()
    assert late.hear(1, shows(mine(Kind.COMMIT, COMMIT).wire), ROUND, journal()) == ROUND


def test_an_answer_holds_each_statement_once_of_the_rounds_asked_for() -> None:
    commit = mine(Kind.COMMIT, COMMIT)
    old = mine(Kind.COMMIT, COMMIT, round_=ROUND - 1)
    next_ = mine(Kind.REVEAL, Reveal(b"n" * 32), round_=ROUND + 1)
    frame = recalled([commit, old, commit, next_], ROUND, ROUND, there=True)
    assert set(frame.statements) == {commit.wire, next_.wire}


def test_an_answer_is_bounded_and_the_latest_attempts_come_first() -> None:
    many = [
        by(SECRETS[ME], Kind.FIRST_VOTE, Ballot(b"o" * 32), attempt=number)
        for number in range(MAX_RECALLED + 5)
    ]
    told = recalled(many, ROUND, ROUND, there=True).statements
    assert told == tuple(statement.wire for statement in many[: -MAX_RECALLED - 1 : -1])
    small = mine(Kind.COMMIT, COMMIT)
    large = replace(small, wire=bytes(MAX_RECALLED_BYTES + 1))
    assert recalled([large, small], ROUND, ROUND, there=True).statements == (small.wire,), (
        "the smallest of them"
    )


def test_what_one_shows_is_journaled_while_others_are_awaited() -> None:
    """This life may end before they answer, and who knew may be away when the next one asks."""
    position = first_position(SETTING, first_model(1, SETTING.parameters))
    peer = LocalPeer(SETTING, ME, SECRETS[ME], lambda round_, key: Secret(bytes(32)))
    session = Session(peer, position)
    asked = [effect for step in session.start(range(SETTING.peers)) for effect in step]
    for ask in asked:
        if isinstance(ask, Ask):
            session.on_answer(ask, pack(-1))  # nobody is further: it asks what it has signed
    shown = shows(mine(Kind.COMMIT, COMMIT, round_=0).wire)
    steps = session.on_message(OTHER, encode_frame(shown))
    effects = [effect for step in steps for effect in step]
    assert session.permit.recall.waits, "two have not answered yet"
    assert [effect for effect in effects if isinstance(effect, Persist)] == [
        Persist(0, sat_out_key(0), b"")
    ]
