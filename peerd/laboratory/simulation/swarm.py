"""Swarms to attack: settings, seeded updates, and a log of everything that was said."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from peerd.crypto import Sodium
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.world import World
from peerd.memory import Remembering
from protocols.aggregation import Aggregator, aggregator, model_hash
from protocols.aggregation.contract import Model, RowRule, Update
from protocols.aggregation.evaluation import Evaluation
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.record.budget import RoundBudget
from protocols.record.deadlines import Deadlines
from protocols.record.setting import Setting
from protocols.version import LATEST

FOUR = CommitteePlan(committee=4, threshold=1, packing=1, absent=0)
EIGHT = CommitteePlan(committee=8, threshold=2, packing=1, absent=0)
NINE = CommitteePlan(committee=9, threshold=2, packing=1, absent=1)
TEN = CommitteePlan(committee=10, threshold=1, packing=3, absent=1)
SEATED = CommitteePlan(committee=10, threshold=1, packing=4, absent=0)
"""A committee that is smaller than its roster of 24."""

Lies = Mapping[int, Lie]


def setting_of(
    plan: CommitteePlan,
    liars: int,
    *,
    peers: int | None = None,
    seed: int = 1,
    parameters: int = 7,
    real: bool = False,
    rule: Aggregator | None = None,
    weights: tuple[int, ...] = (),
    clients: int | None = None,
    deadlines: Deadlines = Deadlines(),
    evaluation: Evaluation | None = None,
    version: int = LATEST,
    budget: RoundBudget | None = None,
) -> Setting:
    """A group whose plan is given; ``real`` signatures are libsodium's; RSA unless it is said."""
    crypto = Sodium() if real else Pretend()
    _, roster = swarm_secrets(crypto, peers or plan.committee, seed)
    return Setting(
        group_id(seed),
        roster,
        liars,
        Fraction(0),
        plan,
        rule or aggregator("rsa", {}),
        parameters,
        model_hash(first_model(seed, parameters)),
        deadlines,
        crypto,
        weights,
        clients,
        evaluation,
        memory=Remembering(),
        version=version,
        budget=budget,
    )


def group_id(seed: int = 1) -> bytes:
    """One for each seed, as it orders the seats where nothing is drawn."""
    return digest("simulation/group", seed.to_bytes(8, "little"))


def first_model(seed: int, parameters: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(parameters).astype(np.float32)


def _sum_of_rows(rows: RowRule, step: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Half as long as such a sum can be, along ``step``; and its count of clipped rows."""
    longest = (rows.rows * rows.steps if rows.longest is None else rows.longest) / 2
    found: npt.NDArray[np.int64] = np.rint(step * longest / np.linalg.norm(step)).astype(np.int64)
    if rows.count is not None:
        found[-1] = np.clip(found[-1], rows.count.least, rows.count.most)
    return found


def swarm(
    plan: CommitteePlan,
    liars: int,
    *,
    lies: Lies | None = None,
    silent: frozenset[int] = frozenset(),
    peers: int | None = None,
    seed: int = 1,
    rounds: int = 1,
    parameters: int = 7,
    real: bool = False,
    slowest: int = 200,
    traced: bool = True,
    rule: Aggregator | None = None,
    weights: tuple[int, ...] = (),
    clients: int | None = None,
    deadlines: Deadlines = Deadlines(),
    evaluation: Evaluation | None = None,
    version: int = LATEST,
    budget: RoundBudget | None = None,
) -> World:
    setting = setting_of(
        plan,
        liars,
        peers=peers,
        seed=seed,
        parameters=parameters,
        real=real,
        rule=rule,
        weights=weights,
        clients=clients,
        deadlines=deadlines,
        evaluation=evaluation,
        version=version,
        budget=budget,
    )
    secrets, _ = swarm_secrets(setting.crypto, setting.peers, seed)

    def update(peer: int, round_: int, model: Model) -> Update:
        rng = np.random.default_rng([seed, peer, round_])
        rows = setting.aggregator.local_rule(round_)
        if isinstance(rows, RowRule):
            return _sum_of_rows(rows, rng.standard_normal(setting.opened_update))
        return (model + rng.standard_normal(model.shape)).astype(np.float32)

    return World(
        setting,
        secrets,
        first_model(seed, parameters),
        update,
        seed=seed,
        rounds=rounds,
        slowest=slowest,
        liars=dict(lies or {}),
        silent=silent,
        traced=traced,
    )
