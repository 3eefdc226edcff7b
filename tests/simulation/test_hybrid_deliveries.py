"""Asks and deliveries with real boxes: X25519 and ML-KEM-768 in version 3, X25519 in version 2."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.groups import Group
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import parse
from peerd.laboratory.simulation.scenario import Scenario, run
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.ports import HYBRID_KEY_BYTES
from protocols.record.asks import box_bytes
from protocols.record.effects import Effect, Send
from protocols.record.evidence import Fault, open_evidence
from protocols.version import EARLIEST, V3
from protocols.wire.frames import AskFrame, StatementFrame, decode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement, decode_statement
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, FOUR, SEATED, swarm

LIAR, END = 3, 600_000
VERSIONS = pytest.mark.parametrize("version", [EARLIEST, V3])


class Heard:
    """The asks and deliveries that were sent, and who crashes after its first delivery."""

    def __init__(self, world: World, crashes: int | None = None) -> None:
        self.keys: list[int] = []
        self.deliveries: list[Statement] = []
        self._world, self._crashes = world, crashes
        world.before = self._note

    def _note(self, node: Node, effect: Effect) -> None:
        frame = decode_frame(effect.frame) if isinstance(effect, Send) else None
        if isinstance(frame, AskFrame):
            self.keys.append(len(frame.keys))
        if not isinstance(frame, StatementFrame):
            return
        said = decode_statement(frame.statement, self._world.setting.group)
        if said.kind is not Kind.DELIVERY:
            return
        self.deliveries.append(said)
        if node.index == self._crashes == said.signer:
            self._crashes = None
            self._world.crash(node)
            self._world.happen(self._world.now + 40, lambda: self._world.boot(node))

    def boxes(self, *dealers: int) -> set[int]:
        """How long those of these dealers were."""
        return {len(d.payload.box) for d in self.deliveries if d.signer in dealers}


def played(lie: str | Lie, version: int = V3, crashes: int | None = None) -> tuple[World, Heard]:
    made = ALL[lie] if isinstance(lie, str) else lie
    world = swarm(FOUR, 1, rounds=2, seed=7, lies={LIAR: made}, real=True, version=version)
    Watch(world)
    heard = Heard(world, crashes)
    world.run(until=END)
    return world, heard


def proofs(world: World) -> set[Fault]:
    return {
        open_evidence(world.setting, blame.evidence).fault
        for node in world.nodes
        for blame in node.blamed
        if node.honest
    }


@VERSIONS
@pytest.mark.parametrize("lie", ["GarbageDeliverer", "UnopenableDeliverer", "TwoFacedDeliverer"])
def test_a_dealer_that_answers_wrongly_is_convicted(lie: str, version: int) -> None:
    world, heard = played(lie, version)
    check(world, guilty=(LIAR,))
    assert proofs(world) <= {Fault.DISCLOSURE, Fault.EQUIVOCATION}
    assert Fault.DISCLOSURE in proofs(world) or lie == "TwoFacedDeliverer"
    assert bool(heard.keys) == (version >= V3)
    if lie == "GarbageDeliverer":
        assert heard.boxes(LIAR) == {len(b"rubbish") + box_bytes(version)}


@VERSIONS
def test_what_a_withheld_dealing_is_answered_with(version: int) -> None:
    world, heard = played("Withholder", version)
    check(world, guilty=())
    record = world.nodes[0].completed[0]
    assert LIAR in record.dealers and heard.deliveries
    assert set(heard.keys) == ({HYBRID_KEY_BYTES} if version >= V3 else set())
    assert all(size > box_bytes(version) for size in heard.boxes(LIAR))


@VERSIONS
def test_an_asker_that_discloses_a_valid_delivery_is_convicted(version: int) -> None:
    world, _ = played("FalseDiscloser", version)
    check(world, guilty=(LIAR,))
    assert proofs(world) == {Fault.DISCLOSURE}


@VERSIONS
@pytest.mark.parametrize("lie", ["WeakKeyAsker", "UnreducedKeyAsker"])
def test_a_key_that_is_none_gets_an_empty_box(lie: str, version: int) -> None:
    """Its dealers have answered all the same, are blamed by nobody, and take part."""
    world, heard = played(lie, version)
    check(world, guilty=())
    if lie == "WeakKeyAsker" or version >= V3:
        assert heard.boxes(0, 1, 2) == {0 if version >= V3 else 32}
    for record in world.nodes[0].completed.values():
        assert {0, 1, 2} <= set(record.dealers)


@pytest.mark.parametrize("lie", ["KeylessAsker", "KeysForOne", "SelectiveReporter", "FalseAsker"])
@pytest.mark.parametrize(
    ("plan", "peers", "liars"), [(FOUR, 4, (3,)), (EIGHT, 8, (2, 6)), (SEATED, 24, (5,))]
)
def test_whoever_hides_its_keys_shuts_out_nobody(
    plan: CommitteePlan, peers: int, liars: tuple[int, ...], lie: str
) -> None:
    """An ask counts if an honest member lists it, which then sees to it that it can be answered:
    by dealers without a seat too."""
    world = swarm(plan, len(liars), peers=peers, seed=7, lies=dict.fromkeys(liars, ALL[lie]))
    Watch(world)
    world.run(until=END)
    check(world)
    honest = set(range(peers)) - set(liars)
    assert all(honest <= set(world.nodes[i].completed[0].dealers) for i in honest)


def test_a_dealer_that_dies_sends_the_delivery_that_it_has_signed() -> None:
    """Another box each time that it seals: two of them in one slot would convict it."""
    world, heard = played("FalseAsker", crashes=0)
    assert world.nodes[0].lives > 1
    check(world, away=(0,), guilty=())
    mine = [said for said in heard.deliveries if said.signer == 0 and said.slot.round == 0]
    assert len({said.wire for said in mine}) == len({said.slot for said in mine}) == 1
    assert len(mine) > 1
    assert not any(blame.peer == 0 for node in world.nodes for blame in node.blamed)


@pytest.mark.parametrize("at", range(300, 2500, 200))
def test_a_power_cut_of_all_leaves_no_ask_without_its_key(at: int) -> None:
    """Keys are in no journal but their asker's, which shows them to one member alone, and once."""
    operations = parse(f"lie 3 KeysForOne; power 0,1,2 {at} 1")
    verdict = run(Scenario(5, Group(4, 1, CommitteePlan(4, 1, 1, 0)), 1, operations))
    assert not verdict.rule, verdict.what


@pytest.mark.parametrize("at", range(30, 120, 10))
def test_whoever_dies_says_its_list_again(at: int) -> None:
    """The one member that has seen the keys, at any of its effects."""
    operations = parse(f"lie 3 KeysForOne; crash 0 {at} 0 0")
    verdict = run(Scenario(5, Group(4, 1, CommitteePlan(4, 1, 1, 0)), 1, operations))
    assert not verdict.rule, verdict.what
