"""Every group of answers that a starting peer can get, and whether it signs by them (fault 94)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import combinations_with_replacement

import pytest

from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import FOUR, setting_of
from protocols.plan import CommitteePlan
from protocols.record.journal import Journal
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.session.local import LocalPeer
from protocols.session.permit import Permit
from protocols.wire.frames import RecalledFrame
from protocols.wire.payloads import Commit, Kind
from protocols.wire.statement import Slot, Statement, sign

ROUND, ME = 5, 0
GROUPS = {
    "4": (FOUR, 1, 4),
    "6, one may be away": (CommitteePlan(6, 1, 1, 1), 1, 6),
    "7": (CommitteePlan(7, 2, 1, 0), 2, 7),
}


class Other(Enum):
    """What became of another peer since the one that asks has signed."""

    HEARD = "it was there, and heard it"
    DEAF = "it was there, and cut off when it was said"
    RESTARTED = "it has heard it, and started since"
    EMPTIED = "it has lost all, and still stands at the beginning"
    FURTHER = "the round is over for it"
    AWAY = "no answer"
    LIAR = "it says whatever lets the asker sign"


class Store(Enum):
    """What the asker's disk has: where it stands, and its journal of that round."""

    EMPTIED = (0, {})
    BACKUP = (ROUND - 2, {"secret/0": b"s"})
    CRASHED = (ROUND, {"secret/0": b"s"})


Others = tuple[Other, ...]


def every(setting: Setting) -> Iterator[Others]:
    """Up to order, with as many liars as there may be."""
    for others in combinations_with_replacement(Other, setting.peers - 1):
        if others.count(Other.LIAR) <= setting.liars:
            yield others


def signs(setting: Setting, store: Store, others: Others, *, signed: bool = True) -> bool:
    """Whether a peer on this store signs in ROUND after all have answered; ``signed``: its earlier
    life did.
    """
    start, entries = store.value
    peer = LocalPeer(setting, ME, SECRET, lambda round_, key: SECRET)
    permit = Permit(peer, Journal(start, dict(entries)))
    permit.surveyed(ROUND, -1)
    permit.recall.ask(range(1, setting.peers))
    journal = Journal(ROUND, dict(entries) if start == ROUND else {})
    for number, other in enumerate(others, 1):
        answer = answer_of(setting, other, signed=signed)
        if answer is not None:
            permit.sit_out_until(permit.hear(number, answer, journal))
    return not permit.must_sit_out(ROUND) and not permit.is_doubtful(ROUND)


def answer_of(setting: Setting, other: Other, *, signed: bool) -> RecalledFrame | None:
    match other:
        case Other.HEARD:
            return RecalledFrame((commit(setting).wire,) if signed else (), ROUND, 1)
        case Other.DEAF | Other.LIAR:
            return RecalledFrame((), ROUND, 1)
        case Other.RESTARTED:
            return RecalledFrame((), ROUND, 0)
        case Other.EMPTIED:
            return RecalledFrame((), 0, 1)
        case Other.FURTHER:
            return RecalledFrame((), ROUND + 1, 1)
        case Other.AWAY:
            return None


SECRET = swarm_secrets(setting_of(FOUR, 1).crypto, 4, 1)[0][ME]


def commit(setting: Setting) -> Statement:
    said = Commit(b"c" * 32, b"k" * 32)
    slot = Slot(ROUND, 0, Kind.COMMIT, 0, 0, ME)
    return sign(setting.crypto, secret_of(setting).reveal(), setting.group, slot, said)


def secret_of(setting: Setting) -> Secret:
    return swarm_secrets(setting.crypto, setting.peers, 1)[0][ME]


@pytest.fixture(params=GROUPS)
def setting(request: pytest.FixtureRequest) -> Setting:
    plan, liars, peers = GROUPS[request.param]
    return setting_of(plan, liars, peers=peers)


@pytest.mark.parametrize("store", [Store.EMPTIED, Store.BACKUP])
def test_who_has_forgotten_signs_only_if_those_that_were_there_were_cut_off(
    setting: Setting, store: Store
) -> None:
    """The limit that the documents name; and one honest peer that heard it is enough."""
    found = {others for others in every(setting) if signs(setting, store, others)}
    assert found, "the limit is there"
    for others in found:
        assert Other.HEARD not in others
        deaf, liars = others.count(Other.DEAF), others.count(Other.LIAR)
        assert deaf + liars >= setting.roster_quorum - 1
        assert deaf >= 1


def test_who_has_signed_nothing_signs_by_the_word_of_all_that_may_be_left(setting: Setting) -> None:
    """b silent liars, and as many away as a quorum allows for, keep no peer out that was away."""
    for others in every(setting):
        there = sum(others.count(each) for each in (Other.HEARD, Other.DEAF, Other.LIAR))
        may = signs(setting, Store.BACKUP, others, signed=False)
        assert may == (there >= setting.roster_quorum - 1)
    left = setting.peers - 1 - setting.liars - setting.roster_absent
    others = (Other.HEARD,) * left + (Other.AWAY,) * (setting.peers - 1 - left)
    assert signs(setting, Store.EMPTIED, others, signed=False)


def test_who_crashed_signs_with_any_quorum_that_is_not_further(setting: Setting) -> None:
    """After a power cut nobody was there, and all go on."""
    for others in every(setting):
        known = len(others) - others.count(Other.AWAY) - others.count(Other.FURTHER)
        may = signs(setting, Store.CRASHED, others, signed=False)
        assert may == (known >= setting.roster_quorum - 1)
    assert signs(setting, Store.CRASHED, (Other.RESTARTED,) * (setting.peers - 1), signed=False)


def test_a_group_begins_with_any_quorum(setting: Setting) -> None:
    """An emptied directory is not told from a new one there, but by what others show."""
    peer = LocalPeer(setting, ME, SECRET, lambda round_, key: SECRET)
    mine = Permit(peer, Journal(0))
    mine.surveyed(0, -1)
    mine.recall.ask(range(1, setting.peers))
    for number in range(1, setting.roster_quorum):
        assert mine.is_doubtful(0) and not mine.must_sit_out(0)
        mine.hear(number, RecalledFrame((), 0, 0), Journal(0))
    assert not mine.is_doubtful(0)
