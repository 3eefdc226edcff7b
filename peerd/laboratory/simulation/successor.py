"""The group that goes on where a simulated one handed over (docs/protocol.md §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.oracle import certified_by, demand, honest
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.world import World
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.record.budget import RoundBudget, charges_of
from protocols.record.certificate import CertifiedRound, Close, origin_of
from protocols.record.ledger import Ledger
from protocols.record.origin import Origin, renamed
from protocols.record.resolution import Resolution
from protocols.secret import Secret
from protocols.version import LATEST


@dataclass(frozen=True)
class Draft:
    """``leavers`` go, ``rotated`` take another key, ``newcomers`` are so many that join. ``plan``:
    None where the roster keeps its size. ``budget``: None where the group keeps its own.
    """

    leavers: frozenset[int] = frozenset()
    rotated: frozenset[int] = frozenset()
    newcomers: int = 0
    plan: CommitteePlan | None = None
    budget: RoundBudget | None = None


@dataclass(frozen=True)
class Succession:
    """``places``: of each old index that stays the new one; ``newcomers``: their indices."""

    world: World
    places: Mapping[int, int]
    newcomers: frozenset[int]


def handover_of(old: World) -> CertifiedRound:
    """The certificate by which this group ended, at every honest peer that has it."""
    records = [r for node in honest(old) for r in node.completed.values()]
    ends = {certified_by(old, r).hash: certified_by(old, r) for r in records}
    handed = [end for end in ends.values() if end.close is Close.HANDED_OVER]
    demand(len(handed) == 1, "fork", f"{len(handed)} handovers")
    return handed[0]


def succeed(
    old: World, draft: Draft, *, rounds: int, lies: Mapping[int, Lie] | None = None
) -> Succession:
    """The world of so many more rounds, in the latest version. ``lies`` by new indices; the old
    world's stay there.
    """
    end, setting = handover_of(old), old.setting
    assert isinstance(end.end, Resolution)
    fresh, _ = swarm_secrets(setting.crypto, setting.peers + draft.newcomers, old.seed + 1)
    keys = {node.index: node.secret for node in old.nodes if node.index not in draft.leavers}
    keys |= {peer: fresh[peer] for peer in draft.rotated}
    joined = fresh[setting.peers :]

    def public(secret: Secret) -> bytes:
        return setting.crypto.signing_public(secret.reveal())

    secrets = sorted([*keys.values(), *joined], key=public)
    index = {public(secret): place for place, secret in enumerate(secrets)}
    places = {peer: index[public(secret)] for peer, secret in keys.items()}
    ledger = renamed(ledger_behind(old), places)
    new = replace(
        setting,
        group=digest("simulation/successor", setting.group),
        roster=tuple(map(public, secrets)),
        first_model=end.end.model,
        origin=Origin(end.round + 1, end.hash, ledger, charges_of(end.end.charges)),
        plan=draft.plan or setting.plan,
        budget=setting.budget if draft.budget is None else draft.budget,
        version=LATEST,
    )
    model = next(n.completed[end.round].model for n in honest(old) if end.round in n.completed)
    world = World(
        new,
        secrets,
        model,
        old.update,
        seed=old.seed,
        rounds=end.round + 1 + rounds,
        liars=dict(lies or {}),
    )
    return Succession(world, places, frozenset(index[public(secret)] for secret in joined))


def ledger_behind(old: World) -> Ledger:
    """Who is excluded once the old group's last round is over, by its certificates alone."""
    end = handover_of(old)
    node = next(n for n in honest(old) if end.round in n.completed)
    ledger = origin_of(old.setting).ledger
    for round_ in range(old.first, end.round + 1):
        ledger = certified_by(old, node.completed[round_]).ledger_after(ledger)
    return ledger
