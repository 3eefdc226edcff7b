"""Views keep together: whose time runs, who is followed, and what is said again (docs §5)."""

from __future__ import annotations

import pytest

from protocols.agreement import rules
from protocols.agreement.machine import MAX_VIEWS_AHEAD
from protocols.record.effects import Send, Timer
from protocols.record.timers import LocksDue, OfView, ViewOver, ViewWaits
from protocols.wire.frames import NewViewFrame
from protocols.wire.payloads import Kind, NewView
from protocols.wire.statement import Slot, sign
from tests.unit.agreement.test_agreement import (
    SECRETS,
    SETTING,
    TOPIC,
    Peer,
    exchange,
    proposal,
    vote,
)

NAMES = {ViewOver: "view", LocksDue: "lead", ViewWaits: "waiting"}


def timers(peer: Peer) -> list[tuple[str, int]]:
    """(name, view) of every timer that was asked for and not yet looked at."""
    events = [e.event for e in peer.effects if isinstance(e, Timer)]
    found = [(NAMES[type(each)], each.view) for each in events if isinstance(each, OfView)]
    assert len(found) == len(events)
    peer.effects.clear()
    return found


def announces(peer: Peer, signer: int, view: int) -> None:
    slot = Slot(0, 0, Kind.NEW_VIEW, int(TOPIC), view, signer)
    payload = NewView(0, bytes(32))
    said = sign(SETTING.crypto, SECRETS[signer].reveal(), SETTING.group, slot, payload)
    peer.announce(said, NewViewFrame(said.wire, b"", ()))


def alone_in_view_1() -> Peer:
    peer = Peer(3)
    peer.begin()
    assert timers(peer) == [("view", 0)]
    peer.time_out(0)
    return peer


def test_the_time_of_a_later_view_runs_once_a_quorum_has_announced_it() -> None:
    peer = alone_in_view_1()
    assert timers(peer) == [("waiting", 1)]
    announces(peer, 0, 1)
    assert timers(peer) == []
    announces(peer, 1, 1)
    assert timers(peer) == [("view", 1), ("lead", 1)]
    announces(peer, 2, 1)
    assert timers(peer) == []


def test_a_member_that_is_further_counts_for_the_views_before() -> None:
    peer = alone_in_view_1()
    timers(peer)
    announces(peer, 0, 3)
    announces(peer, 1, 1)
    assert peer.agreement.view == 1
    assert timers(peer) == [("view", 1), ("lead", 1)]


def test_alone_it_says_the_same_again_and_gets_no_further() -> None:
    peer = alone_in_view_1()
    said = [e.frame for e in peer.effects if isinstance(e, Send)]
    for _ in range(20):
        peer.effects.clear()
        peer.waits(1)
        assert [e.frame for e in peer.effects if isinstance(e, Send)] == said
        assert timers(peer) == [("waiting", 1)]
    assert peer.agreement.view == 1
    assert len(peer.party.sent) == 1, "nor is it kept again for those who say hello"


def test_once_a_quorum_is_there_nothing_is_said_again() -> None:
    peer = alone_in_view_1()
    announces(peer, 0, 1)
    announces(peer, 1, 1)
    peer.effects.clear()
    peer.waits(1)
    assert peer.effects == []


def test_it_votes_while_it_waits() -> None:
    peer = alone_in_view_1()
    peer.propose(*proposal(1, b"first", 1))
    assert [s.slot.view for s in peer.cast(Kind.FIRST_VOTE)] == [1]
    for signer in (0, 1):
        peer.vote(vote(signer, Kind.FIRST_VOTE, b"first", 1))
        peer.vote(vote(signer, Kind.SECOND_VOTE, b"first", 1))
    assert peer.decisions == [b"first"]


@pytest.mark.parametrize("far", [5, 3 * MAX_VIEWS_AHEAD])
def test_more_than_the_liars_are_followed_however_far(far: int) -> None:
    peer = alone_in_view_1()
    announces(peer, 0, 65000)
    assert peer.agreement.view == 1, "a liar alone leads nobody away"
    announces(peer, 1, far)
    assert peer.agreement.view == far
    assert ("view", far) in timers(peer), "with its own that is a quorum"


def test_what_was_announced_before_it_began_counts() -> None:
    peer = Peer(3)
    for signer in (0, 1):
        announces(peer, signer, 4)
    assert peer.agreement.view == -1
    peer.begin()
    assert peer.agreement.view == 4


def test_an_outage_leaves_the_views_together() -> None:
    """Peer 0 is a silent liar; peer 1 times out alone, again and again, while two are down."""
    lonely = Peer(1)
    lonely.begin()
    for turn in range(50):
        lonely.waits(lonely.agreement.view)
        if ("view", lonely.agreement.view) in timers(lonely):
            lonely.time_out(lonely.agreement.view)
        assert lonely.agreement.view <= 1, turn
    peers = [lonely, Peer(2), Peer(3)]
    for peer in peers[1:]:
        peer.begin()
        peer.time_out(0)
    lonely.waits(1)
    exchange(peers)
    for peer in peers:
        peer.waited(1)
    exchange(peers)
    assert [peer.decisions for peer in peers] == [[b"outcome 1"]] * 3


@pytest.mark.parametrize(
    ("announced", "members", "view"),
    [((), 1, 0), ((5,), 2, 0), ((5, 3), 2, 3), ((9, 3, 4, 4), 2, 4), ((9, 3, 4, 4), 4, 3)],
)
def test_the_view_that_so_many_have_reached(
    announced: tuple[int, ...], members: int, view: int
) -> None:
    assert rules.reached_by(announced, members) == view
