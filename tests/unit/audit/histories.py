"""A group with a real genesis whose rounds are simulated, laid out as its daemons lay them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from peerd.group import Genesis, new_genesis, save, sign
from peerd.identity import Identity
from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.swarm import first_model
from peerd.laboratory.simulation.world import World
from peerd.runner.records import Records
from peerd.runner.resume import setting_of
from peerd.storage import Store
from protocols.aggregation import aggregator, model_hash
from protocols.record.effects import Blame, Completed

SIZE = 9  # parameters
LIAR = 3
NAMES = ("St. Mary's", "Charité <b>", "Lakeside & Sons", "Ümit")


@dataclass(frozen=True)
class Group:
    """``completed`` and ``blamed``: what an honest peer has of each round."""

    genesis: Genesis
    members: tuple[Identity, ...]
    completed: tuple[Completed, ...]
    blamed: tuple[Blame, ...]


def members(count: int) -> tuple[Identity, ...]:
    made = (Identity(bytes([n]) * 32) for n in range(1, count + 1))
    return tuple(sorted(made, key=lambda one: one.public))


@cache
def group(
    name: str = "sepsis", rounds: int = 5, attack: str | None = "bad-share", count: int = 4
) -> Group:
    """The last of four members deals wrong shares; what it is blamed for is in round 0."""
    identities = members(count)
    genesis = new_genesis(
        name=name,
        task="digits",
        task_options={},
        roster=[one.public for one in identities],
        names={one.public: name for one, name in zip(identities, NAMES, strict=False)}
        if count == len(NAMES)
        else {},
        aggregator="rsa",
        constants=aggregator("rsa", {}).constants(),
        adversary=Fraction(1, 4) if count == len(NAMES) else Fraction(1, 20),
        dropout=Fraction(0),
        absent=None,
        delta_ms=1000,
        bandwidth_bytes_per_second=1_000_000,
        training_seconds=10,
        parameters=SIZE,
        first_model=model_hash(first_model(1, SIZE)),
    )
    for one in identities:
        genesis = sign(genesis, one)
    node = _played(genesis, identities, rounds, attack=attack)
    done = tuple(node.completed[round_] for round_ in range(rounds))
    return Group(genesis, identities, done, tuple(node.blamed))


def simulated(
    genesis: Genesis, *, seed: int, rounds: int, head: Callable[[Node], bytes] | None = None
) -> tuple[Completed, ...]:
    """Other rounds of the same group: members that forget, and do everything anew. ``head``: of a
    member's trail.
    """
    node = _played(genesis, members(len(genesis.roster)), rounds, seed=seed, head=head)
    return tuple(node.completed[round_] for round_ in range(rounds))


def _played(
    genesis: Genesis,
    identities: tuple[Identity, ...],
    rounds: int,
    *,
    seed: int = 1,
    attack: str | None = None,
    head: Callable[[Node], bytes] | None = None,
) -> Node:
    world = World(
        setting_of(genesis),
        [one.secret for one in identities],
        first_model(1, SIZE),
        lambda peer, round_, model: (model + peer + round_ + 1).astype(np.float32),
        seed=seed,
        rounds=rounds,
        liars={LIAR: LIES[attack]} if attack in LIES else {},
        silent=frozenset({LIAR}) if attack == "silent" else frozenset(),
    )
    world.head = head or world.head
    world.run()
    return world.nodes[0]


def lay_out(directory: Path, of: Group | None = None, *, pruned: int = 0) -> Path:
    """A peer's directory after all rounds. ``pruned``: the first rounds have no transcript left."""
    of = of or group()
    directory.mkdir(parents=True, exist_ok=True)
    save(of.genesis, directory / "genesis.json")
    with Store.open(directory / "data") as store:
        records = Records(store, of.genesis.roster)
        for done in of.completed:
            records.completed(done)
        for blame in of.blamed:
            records.blame(blame)
        with store._database.transaction() as connection:
            connection.execute("DELETE FROM transcript WHERE round < ?", (pruned,))
    return directory


def transcripts(folder: Path, of: Group | None = None) -> list[Path]:
    """One file a round."""
    of = of or group()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"round-{done.round}.bin" for done in of.completed]
    for path, done in zip(paths, of.completed, strict=True):
        path.write_bytes(done.transcript)
    return paths
