"""One opening per round, ever, and nothing kept that could open more (docs/protocol.md §6).

Every sum that anybody sends is collected by its base model: honest members give sums for one cohort
only, whatever crashes, partitions and leaders do; else two sums from one model would differ by one
peer's update.
"""

from __future__ import annotations

import gc
import random
from collections import defaultdict
from typing import Any
from unittest.mock import patch

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.oracle import check_safety
from peerd.laboratory.simulation.world import World
from protocols.agreement.locks import Locks
from protocols.election.flip import Draw
from protocols.record.cohort import GIVEN_UP
from protocols.record.effects import Effect, Send
from protocols.session.phases import Aggregating
from protocols.wire.frames import SumFrame, decode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import decode_statement
from tests.mutation.planting import planted
from tests.simulation.swarm import FOUR, group_id, swarm
from tests.tiers import later

Openings = dict[bytes, set[bytes]]


def listen(world: World) -> Openings:
    """Cohorts for which honest members gave sums, by the model that they were dealt from."""
    opened: Openings = defaultdict(set)
    base: dict[tuple[int, int], bytes] = {}
    before = world.before

    def hear(node: Node, effect: Effect) -> None:
        if node.honest and isinstance(effect, Send):
            frame = decode_frame(effect.frame)
            if isinstance(frame, SumFrame):
                said = decode_statement(frame.statement, world.setting.group)
                assert node.session is not None
                key = (node.index, said.slot.round)
                model = base.setdefault(key, node.session.position.model.tobytes())
                opened[model].add(said.payload.cohort)
        before(node, effect)

    world.before = hear
    return opened


def troubled(seed: int) -> tuple[World, Openings]:
    """Cuts, crashes and a dealer that comes late, around the decision on the cohort."""
    rng = random.Random(seed)
    liar = {seed % 4: ALL[rng.choice(("SilentLeader", "TwoReports", "DoubleVoter"))]}
    world = swarm(FOUR, 1, seed=seed, lies=liar if seed % 2 else {}, traced=False, parameters=3)
    opened = listen(world)
    fading = rng.uniform(0.05, 0.3)
    world.drop = lambda sender, to, data: world.now < 60_000 and rng.random() < fading
    for turn in range(rng.randrange(1, 5)):
        victim = world.nodes[rng.randrange(4)]
        at = rng.randrange(300, 4_000) + 1_000 * turn
        world.happen(at, lambda node=victim: world.crash(node))
        world.happen(at + 700, lambda node=victim: world.boot(node))
    return world, opened


@pytest.mark.parametrize("seed", [*range(12), *later(range(12, 24))])
def test_no_schedule_opens_two_cohorts_of_one_model(seed: int) -> None:
    world, opened = troubled(seed)
    world.run(until=300_000, limit=60_000)
    check_safety(world, away=range(4), unknown_inputs=range(4))
    for cohorts in opened.values():
        assert len(cohorts) <= 1


def impatient(seed: int) -> Openings:
    """One member has decided and opens; the others hear of it late, and give up on the cohort."""
    world = swarm(FOUR, 1, seed=seed, traced=False, parameters=3)
    opened = listen(world)

    def drop(sender: int, to: int, data: bytes) -> bool:
        """Until the others have given up, second votes and decisions reach one member only."""
        frame = decode_frame(data)
        wire = getattr(frame, "statement", None)
        late = world.now < 120_000 and to != seed % 4
        if wire is None:
            votes = getattr(frame, "votes", ())
            subject = decode_statement(votes[0], group_id(seed)).slot.subject if votes else 0
            return late and subject == 3
        said = decode_statement(wire, group_id(seed))
        return late and said.kind in (Kind.SECOND_VOTE, Kind.SUM) and said.slot.subject in (0, 3)

    world.drop = drop
    world.run(until=600_000, limit=60_000)
    return opened


@pytest.mark.parametrize("seed", range(3))
def test_members_that_gave_up_open_nothing_else(seed: int) -> None:
    assert all(len(cohorts) <= 1 for cohorts in impatient(seed).values())


def test_members_that_gave_up_in_spite_of_a_lock_would() -> None:
    """The control: with this bug the same schedules open two cohorts from one model."""
    nothing = GIVEN_UP.encode()
    leader = "protocols.agreement.rules:gives_up"
    blind = [f"protocols.agreement.machine:Agreement.{name}" for name in ("_lead", "_announce")]
    voter = "protocols.agreement.rules:accepts"
    with (
        planted(leader, lambda sound: lambda patience_over, lock: patience_over),
        planted(blind[0], _blind_once_impatient),
        planted(blind[1], _blind_once_impatient),
        planted(
            voter,
            lambda sound: (
                lambda view, mine, outcome, *rest: (
                    outcome == nothing or sound(view, mine, outcome, *rest)
                )
            ),
        ),
    ):
        found = [impatient(seed) for seed in range(3)]
    assert any(len(cohorts) > 1 for opened in found for cohorts in opened.values())


def _blind_once_impatient(sound: Any) -> Any:
    """Who has lost patience sees no lock when it leads, or says where it stands."""

    def act(agreement: Any, *rest: Any) -> Any:
        if not agreement._leader.patience_over:
            return sound(agreement, *rest)
        with patch.object(Locks, "below", lambda self, view: None):
            return sound(agreement, *rest)

    return act


def test_what_was_erased_is_nowhere_in_a_peer() -> None:
    """The attempt's secrets, the one-round key and the update: not on disk, and not to be reached
    from the session once the round is certified.
    """
    world = swarm(FOUR, 1, seed=5, traced=False, parameters=40)
    drawn: dict[int, set[bytes]] = defaultdict(set)
    draw = world._secret

    def note(node: Node, round_: int, key: str):  # type: ignore[no-untyped-def]
        secret = draw(node, round_, key)
        drawn[node.index].add(secret.reveal())
        if key.startswith("secret/"):
            drawn[node.index].add(Draw.of(secret).round_secret.reveal())
        return secret

    world._secret = note  # type: ignore[method-assign]
    world.run()
    for node in world.nodes:
        assert drawn[node.index]
        assert 0 not in node.journal
        assert node.session is not None
        found = reachable(node.session)
        assert node.session.rounds.previous is not None
        attempt = node.session.rounds.previous.attempt
        assert attempt is not None and attempt.party._round_secret is None
        assert attempt._values is None and isinstance(attempt.phase, Aggregating)
        assert attempt.phase.dealer._dealt is None
        update = world.inputs[0, node.index].astype("<u4").tobytes()
        assert not any(update in item for item in found)
        assert not any(secret in item for item in found for secret in drawn[node.index])


def reachable(start: object) -> list[bytes]:
    """Every bytes object and array that can be reached from here, modules and types left out."""
    seen, todo, found = {id(start)}, [start], []
    while todo:
        for item in gc.get_referents(todo.pop()):
            if id(item) in seen or isinstance(item, type) or type(item).__name__ == "module":
                continue
            if type(item).__name__ in ("function", "World", "Node") and not _closes(item):
                continue
            seen.add(id(item))
            if isinstance(item, bytes):
                found.append(item)
            elif hasattr(item, "tobytes") and hasattr(item, "dtype"):
                found.append(item.tobytes())
            if type(item).__name__ == "function":
                todo += [cell.cell_contents for cell in item.__closure__ or ()]
            elif type(item).__name__ not in ("World", "Node"):
                todo.append(item)
    return found


def _closes(item: object) -> bool:
    """A function of the protocol's: what it closes over is the peer's."""
    return str(getattr(item, "__module__", "")).startswith("protocols.")
