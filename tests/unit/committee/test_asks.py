"""The keys that a member holds beside reports."""

from __future__ import annotations

from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.swarm import FOUR, setting_of
from protocols.committee.asks import Asks
from protocols.committee.comparison import Comparison
from protocols.ports import HYBRID_KEY_BYTES
from protocols.record.asks import keys_name, word_of
from protocols.record.effects import Send, Step
from protocols.record.journal import Journal
from protocols.record.party import Party
from protocols.secret import Secret
from protocols.version import EARLIEST, V3
from protocols.wire.frames import (
    AskFrame,
    HaveFrame,
    StatementFrame,
    decode_frame,
)
from protocols.wire.payloads import Check, Kind, Report
from protocols.wire.statement import Slot, Statement, sign

KEYS = {dealer: bytes([dealer]) * HYBRID_KEY_BYTES for dealer in (0, 2)}


def report(*dealers: int) -> Statement:
    words = tuple((d, int(Check.ASK), word_of(V3, KEYS[d])) for d in dealers)
    slot = Slot(0, 0, Kind.REPORT, 0, 0, 1)
    return sign(Pretend(), b"s" * 32, b"g" * 32, slot, Report(words))


def test_keys_come_one_by_one() -> None:
    asks, said = Asks(V3), report(0, 2)
    assert not asks.holds(said) and asks.holds(report())
    assert asks.take(said, {0: KEYS[0]}) == {0: KEYS[0]}
    assert not asks.holds(said) and not asks.whole
    assert asks.take(said, KEYS) == {2: KEYS[2]}, "what is new"
    assert asks.holds(said) and asks.whole == {keys_name(said): said}
    assert asks.take(said, KEYS) == {}


def test_whom_a_key_is_for() -> None:
    asks, said = Asks(V3), report(0, 2)
    asks.take(said, KEYS)
    assert asks.frame_for(2, said) == AskFrame(said.wire, KEYS[2])
    assert asks.frame_for(3, said) == StatementFrame(said.wire), "it is asked for nothing"


def test_a_dealer_that_has_its_key_gets_it_once_more_should_it_die() -> None:
    scene, name = Scene(), keys_name(report(0, 2))
    scene.asks.take(scene.said, KEYS)
    scene.comparison.hear(2, (scene.said.hash, name))
    sent = scene.sent(scene.comparison.push([scene.said.hash]))
    assert not [peer for peer, _ in sent if peer == 2]
    kept = [decode_frame(data) for peers, data in scene.comparison.party.sent if peers == (2,)]
    assert kept == [AskFrame(scene.said.wire, KEYS[2])]


def test_in_version_2_a_report_has_its_keys() -> None:
    assert Asks(EARLIEST).holds(report(0, 2))


class Scene:
    """A member that compares with two others, one of which is asked by the report that it holds."""

    def __init__(self) -> None:
        self.said, self.asks = report(0, 2), Asks(V3)
        self.pool = {self.said.hash: self.said}
        party = Party(setting_of(FOUR, 1), 3, Secret(bytes(32)), 0, Journal(0))
        self.comparison = Comparison(party, self.pool, (0, 1, 2, 3), frozenset(), self.asks)

    def sent(self, step: Step) -> list[tuple[int, object]]:
        sends = (effect for effect in step if isinstance(effect, Send))
        return [(peer, decode_frame(send.frame)) for send in sends for peer in send.peers]


def test_keys_are_sent_to_nobody_who_only_lacks_them() -> None:
    """Every holder would send all of them to each that lacks them."""
    scene = Scene()
    alone = StatementFrame(scene.said.wire)
    scene.asks.take(scene.said, KEYS)
    assert scene.sent(scene.comparison.hear(0, (scene.said.hash,))) == []
    assert scene.sent(scene.comparison.hear(1, ())) == [(1, alone)]


def test_keys_are_told_of_and_nobody_waits_for_them() -> None:
    scene, name = Scene(), keys_name(report(0, 2))
    scene.comparison.hear(0, (scene.said.hash,))
    scene.comparison.hear(2, (scene.said.hash, name))
    scene.asks.take(scene.said, KEYS)
    assert scene.comparison.equal((0, 2)) and not scene.comparison.unequal((0, 2))
    scene.comparison.hear(2, (name,))
    assert not scene.comparison.equal((0, 2)) and scene.comparison.unequal((0, 2)) == {2}
    (_, have), *_ = scene.sent(scene.comparison.announce())
    assert isinstance(have, HaveFrame)
    assert set(have.hashes) == {scene.said.hash, name}


def test_ahead_of_a_list_each_dealer_gets_its_own_key() -> None:
    """What liars show to one member, and late, the others have had no time to ask for."""
    scene = Scene()
    scene.asks.take(scene.said, KEYS)
    scene.comparison.hear(2, (scene.said.hash,))
    sent = scene.sent(scene.comparison.push([scene.said.hash]))
    assert (0, AskFrame(scene.said.wire, KEYS[0])) in sent
    assert (2, AskFrame(scene.said.wire, KEYS[2])) in sent, "it had the report alone"
    assert not [peer for peer, _ in sent if peer in (1, 3)], "its signer, and itself"
