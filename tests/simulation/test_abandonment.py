"""A decided cohort whose shares are lost: operators give it up, and nobody else can (docs §6).

The adversary's aim is a round with two ends: a certificate of D here, D given up there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.oracle import Violation, check_audits, check_peers
from peerd.laboratory.simulation.swarm import FOUR, SEATED, swarm
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World
from protocols.committee.own_sum import OwnSum
from protocols.errors import WireError
from protocols.record.abandonment import WORDS, enough
from protocols.record.audit import audit_round
from protocols.record.certificate import Certificate, Close, verify_certificate
from protocols.record.effects import Completed, Effect, Persist, Send, Step, Stop
from protocols.session.events import Order, Refused
from protocols.wire.frames import StatementFrame, SumFrame, decode_frame, encode_frame
from protocols.wire.payloads import Abandon, Kind
from protocols.wire.statement import Slot, decode_statement, sign

ROUND = 1
"""In which the shares are lost."""
LATE = 400_000
"""Virtual milliseconds by which the group has stopped."""
LIAR = 3
SAY = OwnSum.say


def wipe(world: World, node: Node) -> None:
    """The disk is gone, and a new one has only the key; the peer starts on it."""
    world.crash(node)
    node.journal.clear()
    node.completed.clear()
    node.position = None
    world.happen(world.now + 500, lambda: world.boot(node))


def lossy(lose: dict[int, Callable[[World, Node], None]], *, rounds: int = 3) -> World:
    """Four peers; these lose something once the cohort of ROUND is decided, ahead of their sums."""
    world = swarm(FOUR, 1, rounds=rounds)
    left = dict(lose)

    def losing(node: Node, effect: Effect) -> None:
        if not isinstance(effect, Persist) or effect.round != ROUND or node.index not in left:
            return
        if effect.key.startswith("sum/"):
            left.pop(node.index)(world, node)

    world.before = losing
    return world


def cohort_of(world: World) -> Order:
    """What a daemon that has stopped shows."""
    stop = next(stop for node in world.nodes for stop in node.stopped if stop.cohort)
    return Order(stop.round, stop.attempt, stop.cohort)


def order(world: World, peers: Collection[int], at: int = LATE) -> dict[int, str]:
    """These operators give up what stands; who was refused, and why."""
    refused: dict[int, str] = {}

    def ordered(node: Node) -> None:
        word = cohort_of(world)

        def act(peer: Any) -> Any:
            try:
                return peer.on_order(word)
            except Refused as reason:
                refused[node.index] = str(reason)
                return []

        world.at(node, 0, act)

    for turn, peer in enumerate(peers):
        world.happen(at + turn, lambda node=world.nodes[peer]: ordered(node))
    return refused


def judged(world: World, until: int = 4 * LATE) -> None:
    """No rule is broken, whoever was cut off."""
    Watch(world)
    world.run(until=until)
    check_peers(world)
    for round_ in range(world.rounds):
        models = {n.completed[round_].model_hash for n in world.nodes if round_ in n.completed}
        if len(models) > 1:
            raise Violation("agreement", f"two models of {round_}")
    check_audits(world)


def test_without_orders_the_group_stops_and_says_what_stands() -> None:
    world = lossy({0: wipe, 1: wipe})
    judged(world, LATE)
    reasons = [{stop.reason for stop in node.stopped} for node in world.nodes]
    assert reasons[2:] == [{Stop.QUORUM}] * 2
    assert all(reason <= {Stop.QUORUM, Stop.FORGOTTEN} for reason in reasons[:2]), "they sit out"
    assert cohort_of(world).round == ROUND
    assert all(ROUND not in node.completed for node in world.nodes)


def test_a_quorum_of_operators_gives_it_up_and_the_group_goes_on() -> None:
    world = lossy({0: wipe, 1: wipe})
    refused = order(world, (0, 2, 3))
    judged(world)
    assert not refused
    before = world.nodes[2].completed[ROUND - 1]
    for node in world.nodes:
        assert node.completed[ROUND].close is Close.ABANDONED
        assert node.completed[ROUND].model_hash == before.model_hash
        assert node.completed[ROUND + 1].close is Close.OPENED
        assert len(node.completed[ROUND + 1].dealers) == FOUR.committee
    told = audit_round(world.setting, world.nodes[2].completed[ROUND].transcript)
    assert told.abandoned_by == (0, 2, 3)
    assert len(told.certified.cohort.peers) == FOUR.committee, "which cohort it was is not hidden"


def away(world: World, node: Node) -> None:
    """Down for long, and back with all that it had."""
    world.crash(node)
    world.happen(2 * LATE, lambda: world.boot(node))


def test_a_minority_gives_nothing_up_and_the_round_may_still_be_certified() -> None:
    world = lossy({0: away, 1: away})
    refused = order(world, (2,))
    judged(world)
    assert not refused
    assert not any(node.completed[ROUND].close is Close.ABANDONED for node in world.nodes)


def test_nobody_gives_up_what_may_still_come() -> None:
    """The first stop is a while after the decision: an order that comes earlier is refused."""
    world = lossy({0: away, 1: away})
    early: list[str] = []

    def hasty(node: Node, effect: Effect) -> None:
        attempt = node.session.rounds.current.attempt if node.session else None
        if node.index == 2 and attempt is not None and attempt.phase.decided and not early:
            place = attempt.party.place
            if place[0] == ROUND:
                with pytest.raises(Refused, match="has not stopped") as found:
                    node.session.on_order(Order(*place, attempt.phase.decided))
                early.append(str(found.value))

    before = world.before
    world.before = lambda node, effect: (before(node, effect), hasty(node, effect))[0]
    judged(world)
    assert early


def test_who_signed_it_and_restarts_neither_sums_nor_signs_a_result() -> None:
    """The others come back with all their shares: without the two that gave it up it stays shut."""
    world = lossy({0: away, 1: away})
    order(world, (2, 3))
    for peer in (2, 3):
        node = world.nodes[peer]
        world.happen(LATE + 1000, lambda node=node: world.crash(node))
        world.happen(LATE + 2000, lambda node=node: world.boot(node))
    later = order(world, (0,), at=3 * LATE)
    judged(world, 5 * LATE)
    assert not later
    assert all(node.completed[ROUND].close is Close.ABANDONED for node in world.nodes)


# -- a liar, and a member that is cut off ----------------------------------------------------------


def two_ends(world: World) -> None:
    """Peer 0 alone opens; the liar signs its result for it, and gives it up with 1 and 2."""
    liar = world.nodes[LIAR]
    liar.honest, liar.lying = False, True
    apart = [link for other in (1, 2, LIAR) for link in ((0, other), (other, 0))]

    def certified(node: Node, record: Completed) -> None:
        if node.index == 0 and record.round == ROUND:
            world.cut(apart)  # ahead of its telling anybody

    def lost(sender: int, to: int, data: bytes) -> bool:
        frame = decode_frame(data)
        if isinstance(frame, SumFrame):
            said = decode_statement(frame.statement, world.setting.group)
            return said.slot.round == ROUND and to != 0 and (to != LIAR)
        if isinstance(frame, StatementFrame):
            said = decode_statement(frame.statement, world.setting.group)
            result = said.kind is Kind.RESULT and said.slot.round == ROUND
            return result and to != 0
        return False

    def signs_too() -> None:
        world.cut(apart)
        word = cohort_of(world)
        setting, node = world.setting, world.nodes[1]
        position = node.session.position if node.session else None
        assert position is not None
        before = node.completed[ROUND - 1]
        end = Abandon(position.previous, word.cohort, before.model_hash, WORDS.encode())
        slot = Slot(word.round, word.attempt, Kind.ABANDON, 0, 0, LIAR)
        said = sign(setting.crypto, liar.secret.reveal(), setting.group, slot, end)
        for to in (1, 2):
            world._deliver(liar, world.nodes[to], encode_frame(StatementFrame(said.wire)))

    world.drop, world.after = lost, certified
    world.happen(LATE, signs_too)
    order(world, (1, 2), at=LATE + 10)
    world.happen(2 * LATE, lambda: world.heal(apart))


def test_a_liar_that_signs_both_makes_no_second_end() -> None:
    world = swarm(FOUR, 1, rounds=3)
    two_ends(world)
    judged(world)
    assert all(world.nodes[peer].completed[ROUND].close is Close.ABANDONED for peer in (0, 1, 2))


def test_planted_with_as_few_signatures_as_before_there_are_two_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """t + e + 1 were enough for a certificate: one honest member and the liar."""
    few = FOUR.threshold + FOUR.absent + 1
    for module in ("record.certificate", "committee.sums"):
        monkeypatch.setattr(f"protocols.{module}.signatures_needed", lambda setting: few)
    world = swarm(FOUR, 1, rounds=3)
    two_ends(world)
    with pytest.raises(Violation):
        judged(world)


def test_planted_who_keeps_its_sum_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that has given the cohort up restarts, and helps to open it all the same."""
    monkeypatch.setattr("protocols.committee.abandoning.sum_key", lambda attempt: "nothing")
    monkeypatch.setattr(OwnSum, "say", _sums_whatever_it_signed)
    world = lossy({0: away, 1: away})
    order(world, (2,))
    node = world.nodes[2]
    world.happen(LATE + 1000, lambda: world.crash(node))
    world.happen(LATE + 2000, lambda: world.boot(node))
    with pytest.raises(Violation, match="gave up"):
        judged(world)


def _sums_whatever_it_signed(own: Any, receiver: Any, entropy: Any) -> Step:
    """``OwnSum.say`` without the rule."""
    party = own.party
    party.has_signed = lambda kind, *rest: False
    try:
        return SAY(own, receiver, entropy)
    finally:
        del party.has_signed


# -- what a certificate shows ----------------------------------------------------------------------


def test_an_abandonment_proves_itself_and_nothing_like_it_does() -> None:
    world = lossy({0: wipe, 1: wipe})
    order(world, (0, 2, 3))
    judged(world)
    setting = world.setting
    certificate = Certificate.decode(world.nodes[2].completed[ROUND].certificate)
    assert verify_certificate(setting, certificate.encode()).abandoned
    said = [decode_statement(wire, setting.group) for wire in certificate.results]

    def again(**changed: Any) -> bytes:
        payload = replace(said[0].payload, **changed)
        secret = world.nodes[said[0].signer].secret.reveal()
        return sign(setting.crypto, secret, setting.group, said[0].slot, payload).wire

    def elsewhere(**changed: int) -> bytes:
        slot = said[0].slot._replace(**changed)
        secret = world.nodes[said[0].signer].secret.reveal()
        return sign(setting.crypto, secret, setting.group, slot, said[0].payload).wire

    rest = certificate.results[1:]
    result = Certificate.decode(world.nodes[2].completed[ROUND - 1].certificate).results[0]
    forged = [
        rest,
        (rest[0], *rest),
        (again(words=b"it is all right"), *rest),
        (again(cohort=bytes(32)), *rest),
        (again(model=bytes(32)), *rest),
        (elsewhere(round=ROUND + 1), *rest),
        (elsewhere(attempt=1), *rest),
        (elsewhere(signer=1), *rest),
        (result, *rest),
        (*rest, result),
    ]
    for results in forged:
        with pytest.raises(WireError):
            verify_certificate(setting, replace(certificate, results=results).encode())


def test_in_a_drawn_committee_a_quorum_of_the_roster_is_not_enough() -> None:
    """Whoever has no seat excludes no certificate."""
    setting = swarm(SEATED, 1, peers=24).setting
    seats = tuple(range(SEATED.committee))
    seated = SEATED.quorum
    for first in (seated - 1, seated):
        others = range(SEATED.committee, SEATED.committee + setting.roster_quorum - first)
        signers = {*seats[:first], *others}
        assert len(signers) == setting.roster_quorum
        assert enough(setting, seats, signers) is (first == seated)
    assert not enough(setting, seats, set(seats[:seated]))


def test_who_lost_a_result_that_others_remember_gives_nothing_up() -> None:
    """Its disk is gone behind its RESULT: with its word as well a liar could make both ends."""
    world = swarm(FOUR, 1, rounds=3)

    def lost(sender: int, to: int, data: bytes) -> bool:
        """Only peer 0 opens, and only peer 2 hears of it."""
        frame = decode_frame(data)
        if not isinstance(frame, SumFrame | StatementFrame):
            return False
        said = decode_statement(frame.statement, world.setting.group)
        if said.slot.round != ROUND:
            return False
        return (said.kind is Kind.SUM and to != 0) or (said.kind is Kind.RESULT and to != 2)

    world.drop = lost
    opened: list[int] = []

    def watching(node: Node, effect: Effect) -> None:
        said = isinstance(effect, Send) and _is_result(effect.frame, world)
        if said and node.index == 0 and not opened:
            opened.append(0)
            world.happen(world.now + 3000, lambda: wipe(world, node))

    world.before = watching
    refused = order(world, (0, 2, 3))
    judged(world)
    assert opened
    assert "has signed a result" in refused[0]
    assert all(ROUND not in node.completed for node in world.nodes)


def _is_result(data: bytes, world: World) -> bool:
    frame = decode_frame(data)
    if not isinstance(frame, StatementFrame):
        return False
    said = decode_statement(frame.statement, world.setting.group)
    return said.kind is Kind.RESULT and said.slot.round == ROUND
