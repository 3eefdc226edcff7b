"""docs/protocol.md §7: the size of every message of whole rounds, quiet ones and hostile ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from peerd.laboratory.adversaries.dealing import LyingDealer
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.bench.formulas import TEXT, formulas
from peerd.laboratory.bench.sizes import Sizes
from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.operations import Pause, Rhythm
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator, model_hash
from protocols.aggregation.contract import Model, Update
from protocols.hashing import digest
from protocols.plan import CommitteePlan, require_sound
from protocols.record.base import Base
from protocols.record.deadlines import Deadlines
from protocols.record.setting import Setting
from protocols.session.events import Approval, Order
from protocols.session.phases import Aggregating
from protocols.version import EARLIEST, LATEST
from protocols.wire.frames import (
    FRAMES,
    DealingFrame,
    Frame,
    HelloFrame,
    NewViewFrame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    SumFrame,
    decode_frame,
)
from protocols.wire.payloads import PAYLOADS, Act, Ballot, Kind, Topic
from protocols.wire.statement import Slot, Statement, decode_statement, sign

GROUP = b"g" * 32
DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_what_is_measured_against_is_the_document() -> None:
    _, _, rest = DOCUMENT.read_text().partition("```sizes\n")
    assert rest.partition("```")[0] == TEXT


class Recorder:
    """A world whose every frame is kept, and in which some are lost."""

    def __init__(self, world: World, lost: Callable[[int, int, Statement | None, Frame], bool]):
        self.world = world
        self.frames: dict[tuple[bytes, int], None] = {}
        self.seats: dict[tuple[int, int], tuple[int, ...]] = {}
        self._lost = lost
        world.drop = self._drop

    def _drop(self, sender: int, to: int, data: bytes) -> bool:
        self._note_seats()
        self.frames[data, to] = None
        frame = decode_frame(data)
        return self._lost(sender, to, statement_in(frame), frame)

    def _note_seats(self) -> None:
        for node in self.world.nodes:
            attempt = node.session and node.session.rounds.current.attempt
            if attempt and isinstance(attempt.phase, Aggregating):
                place = attempt.party.round, attempt.party.attempt
                self.seats[place] = attempt.phase.committee.panel.seats


def statement_in(frame: Frame) -> Statement | None:
    data = getattr(frame, "statement", None) or getattr(frame, "header", None)
    return None if data is None else decode_statement(data, GROUP)


def setting_of(
    plan: CommitteePlan,
    peers: int,
    liars: int,
    parameters: int,
    rule: str = "rsa",
    version: int = LATEST,
) -> Setting:
    require_sound(plan)
    crypto = Pretend()
    _, roster = swarm_secrets(crypto, peers, 1)
    model = first_model(parameters)
    first = model_hash(model)
    deadlines = Deadlines(deal=2000)
    return Setting(
        GROUP,
        roster,
        liars,
        Fraction(0),
        plan,
        aggregator(rule, {}),
        parameters,
        first,
        deadlines,
        crypto,
        version=version,
    )


def first_model(parameters: int) -> npt.NDArray[np.float32]:
    return np.linspace(-1, 1, parameters, dtype=np.float32)


def update(peer: int, round_: int, model: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    step = np.random.default_rng([peer, round_]).standard_normal(model.shape)
    return (model + step).astype(np.float32)


def row_sums(peer: int, round_: int, model: Model) -> Update:
    return np.full(model.size, peer + round_, np.int64)


SETTINGS = {
    "8 peers, all sit": setting_of(CommitteePlan(8, 2, 1, 0), 8, 2, 5),
    "8 peers, and a coin": setting_of(CommitteePlan(8, 2, 1, 0), 8, 2, 5, version=EARLIEST),
    "10 peers, packed": setting_of(CommitteePlan(10, 1, 3, 1), 10, 1, 3000),
    "14 peers, 10 sit": setting_of(CommitteePlan(10, 1, 4, 0), 14, 1, 300),
    "8 peers, fltrust": setting_of(CommitteePlan(8, 2, 1, 0), 8, 2, 5, "fltrust"),
    "4 peers, noise": setting_of(CommitteePlan(4, 1, 1, 0), 4, 1, 20, "dp-sgd"),
    "10 peers, ball": setting_of(CommitteePlan(10, 1, 3, 1), 10, 1, 200, "centered-clipping-l2"),
}


# -- what goes wrong -----------------------------------------------------------------------------


def nothing(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    return False


def a_dealing(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    return isinstance(frame, DealingFrame) and (sender, to) in ((0, 1), (2, 3))


def first_proposals(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    return isinstance(frame, ProposalFrame) and said is not None and said.slot.view == 0


def first_decisions(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    """Second votes of view 0 are lost: everybody goes on with a lock."""
    return said is not None and said.kind is Kind.SECOND_VOTE and said.slot.view == 0


def votes_on_a_cohort(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    """Until patience is over: the first attempt ends with a decision to give up."""
    if said is None or said.kind is not Kind.FIRST_VOTE:
        return False
    place = said.slot.subject, said.slot.attempt
    return place == (Topic.COHORT, 0) and said.slot.view < 5


def a_reveal(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    """Peer 1 says nothing more in the first attempt once it has committed."""
    quiet = sender == 1 and said is not None and said.slot.attempt == 0
    return (
        quiet
        and said is not None
        and (said.kind is not Kind.COMMIT)
        and not (said.kind is Kind.SEEN and said.slot.subject == Topic.COMMITS)
    )


def a_round(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    """Peer 1 hears nothing of round 0, nor a hello, and then sees that the others have gone on."""
    return to == 1 and (isinstance(frame, HelloFrame) or (said is not None and not said.slot.round))


def sums(sender: int, to: int, said: Statement | None, frame: Frame) -> bool:
    """No sum arrives: the group stops, and its operators give the cohort up."""
    return isinstance(frame, SumFrame)


def all_give_up(world: World) -> None:
    """What every operator orders once the group has stopped."""
    for node in world.nodes:
        stop = node.stopped[-1]
        order = Order(stop.round, stop.attempt, stop.cohort)
        world.at(node, 0, lambda peer, order=order: peer.on_order(order))


def one_stays_away(world: World) -> None:
    """Rounds have their time, and one peer is paused."""
    Rhythm(EVERY).install(world)
    Pause(1, 0, 0).install(world)


EVERY = 5


def all_approve(world: World, act: Act) -> None:
    for node in world.nodes:
        world.at(node, 0, lambda peer: peer.on_order(Approval(act)))


class BadAnswerDealer(LyingDealer):
    """Deals nothing to one member, and answers its ASK with what it did not commit to."""

    answering = False

    def deliver(self, seat: int, peer: int) -> None:
        if peer != 1:
            super().deliver(seat, peer)

    def answer(self, report: Statement, key: bytes) -> None:
        self.answering = True
        super().answer(report, key)

    def package(self, seat: int) -> bytes:
        package = super().package(seat)
        return bytes(len(package)) if self.answering else package


EARLY = 1
LATE = 600_000
"""Virtual milliseconds by which a group without sums has stopped."""
SCENARIOS = {
    "nothing": (nothing, {}, 2),
    "a dealing": (a_dealing, {}, 1),
    "first proposals": (first_proposals, {}, 1),
    "second votes": (first_decisions, {}, 1),
    "votes on a cohort": (votes_on_a_cohort, {}, 1),
    "a reveal": (a_reveal, {}, 1),
    "a round": (a_round, {}, 2),
    "a liar that deals wrongly": (nothing, {0: LIES["bad-share"]}, 2),
    "a liar that opens wrongly": (nothing, {0: LIES["wrong-opening"]}, 2),
    "a liar that answers wrongly": (nothing, {0: Lie(BadAnswerDealer)}, 1),
    "sums": (sums, {}, 1),
    "times": (nothing, {}, 2),
    "a pause": (nothing, {}, 2),
}


@cache
def played(group: str, scenario: str) -> Recorder:
    setting = SETTINGS[group]
    lost, lies, rounds = SCENARIOS[scenario]
    secrets, _ = swarm_secrets(setting.crypto, setting.peers, 1)
    model = first_model(setting.parameters)
    trained = row_sums if setting.noise else update
    world = World(setting, secrets, model, trained, seed=1, rounds=rounds, liars=lies)
    recorder = Recorder(world, lost)
    if scenario == "sums":
        world.happen(LATE, lambda: all_give_up(world))
    elif scenario == "times":
        one_stays_away(world)
    elif scenario == "a pause":
        world.happen(EARLY, lambda: all_approve(world, Act.PAUSE))
        world.happen(LATE, lambda: all_approve(world, Act.RESUME))
    world.run()
    assert world.finished()
    return recorder


CASES = [("8 peers, all sit", name) for name in SCENARIOS if name != "a reveal"]
CASES += [("8 peers, and a coin", name) for name in ("nothing", "a reveal", "a dealing")]
CASES += [("10 peers, packed", name) for name in ("nothing", "a dealing", "second votes")]
CASES += [("14 peers, 10 sit", name) for name in ("nothing", "a dealing", "a reveal")]
CASES += [("10 peers, packed", "a liar that deals wrongly")]
CASES += [("4 peers, noise", "nothing"), ("10 peers, ball", "nothing")]
CASES += [("8 peers, fltrust", "a liar that deals wrongly")]


@pytest.mark.parametrize(("group", "scenario"), CASES)
def test_every_frame_has_the_size_that_the_document_gives(group: str, scenario: str) -> None:
    recorder = played(group, scenario)
    sizes = Sizes(SETTINGS[group], recorder.seats)
    for data, to in recorder.frames:
        assert sizes.frame(data, to) == len(data), decode_frame(data)
    for node in recorder.world.nodes:
        for done in node.completed.values():
            assert sizes.certificate(done.certificate) == len(done.certificate)


def inside(frame: Frame) -> Iterator[Statement]:
    found = statement_in(frame)
    if found is not None:
        yield found
    if isinstance(frame, SeenFrame):
        yield from (decode_statement(item, GROUP) for item in frame.statements)


def test_these_rounds_hold_every_kind_and_every_frame() -> None:
    """Else a formula could be wrong and no test would meet its message."""
    frames: set[type] = set()
    kinds: set[Kind] = set()
    locked = voided = False
    for group, scenario in CASES:
        for data, _ in played(group, scenario).frames:
            frame = decode_frame(data)
            frames.add(type(frame))
            kinds.update(statement.kind for statement in inside(frame))
            locked |= isinstance(frame, NewViewFrame | ProposalFrame) and bool(frame.lock)
            voided |= isinstance(frame, StatementFrame) and inside_attempt(frame) > 0
    assert frames == set(FRAMES.values())
    assert kinds == set(Kind)
    assert locked and voided


def inside_attempt(frame: StatementFrame) -> int:
    return decode_statement(frame.statement, GROUP).slot.attempt


def test_every_kind_and_every_frame_has_a_formula() -> None:
    named = set(formulas())
    assert {kind.name for kind in Kind} <= named
    assert {frame.__name__ for frame in FRAMES.values()} <= named


@pytest.mark.parametrize("place", [(127, 0), (128, 127), (65535, 255), (65536, 8191)])
@pytest.mark.parametrize("signer", [0, 127, 128, 255, 256, 4999])
def test_numbers_that_take_more_bytes(place: tuple[int, int], signer: int) -> None:
    """A swarm has few peers and rounds; a group may have many."""
    sizes = Sizes(SETTINGS["8 peers, all sit"], {})
    crypto, group = Pretend(), SETTINGS["8 peers, all sit"].group
    for view in (0, 127, 128, 256, 65535):
        slot = Slot(*place, Kind.FIRST_VOTE, int(Topic.COMMITS), view, signer)
        vote = sign(crypto, b"s" * 32, group, slot, Ballot(digest("test")))
        assert sizes.statement(vote.wire) == len(vote.wire)
    for kind, size in ((Kind.COMMIT, 32), (Kind.SUM, 32), (Kind.REVEAL, 32)):
        payload = PAYLOADS[kind](*[bytes(size)] * len(PAYLOADS[kind].__dataclass_fields__))
        said = sign(crypto, b"s" * 32, group, Slot(*place, kind, 0, 0, signer), payload)
        assert sizes.statement(said.wire) == len(said.wire)


def test_a_formula_that_is_off_by_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = played("8 peers, all sit", "nothing")
    sizes = Sizes(SETTINGS["8 peers, all sit"], recorder.seats)
    honest = sizes.names["HEADER"]
    monkeypatch.setitem(sizes.names, "HEADER", lambda d: honest(d) + 1)
    dealings = [
        (data, to) for data, to in recorder.frames if isinstance(decode_frame(data), DealingFrame)
    ]
    assert dealings
    assert all(sizes.frame(data, to) == len(data) + 1 for data, to in dealings)


def test_a_reference_in_evidence() -> None:
    setting = SETTINGS["8 peers, fltrust"]
    sizes = Sizes(setting, {})
    for largest, width in ((-128, 1), (128, 2), (-32768, 2), (32768, 4), (1 << 31, 8)):
        reference = np.zeros(setting.parameters, np.int64)
        reference[1] = largest
        (item,) = Base(setting, bytes(32), reference).items()
        assert len(item) == sizes("BASE", width)


def test_a_dealer_s_upload_is_what_the_plan_promises() -> None:
    """About w·m/k bytes a parameter: here 2·10/3, and what comes on top is small."""
    setting = SETTINGS["10 peers, packed"]
    recorder = played("10 peers, packed", "nothing")
    sizes = Sizes(setting, recorder.seats)
    sizes.at(0, 0)
    plan = setting.plan
    seat = recorder.seats[0, 0].index(0)
    upload = sum(sizes("DealingFrame", 0, j) for j in range(plan.committee) if j != seat)
    actual = [
        len(data)
        for data, to in recorder.frames
        if isinstance(frame := decode_frame(data), DealingFrame)
        and (said := decode_statement(frame.header, GROUP)).signer == 0
        and said.slot.round == 0
    ]
    assert upload == sum(actual)
    assert upload < 1.3 * 2 * setting.parameters * plan.committee / plan.packing
