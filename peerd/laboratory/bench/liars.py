"""What liars make others spend in a round: of each adversary of the catalogue, beside a round in
which nobody lies.

Real sessions and signatures, in virtual time. Nothing else goes wrong; all liars tell the same lie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from peerd.cli.rule_arguments import typed_rule
from peerd.errors import ConfigError, PeerdError
from peerd.laboratory.adversaries.names import SILENT
from peerd.laboratory.bench.model import planned
from peerd.laboratory.bench.spending import Books, mean
from peerd.laboratory.pool.work import Pool, Work
from peerd.laboratory.simulation.campaign import few_collections
from peerd.laboratory.simulation.operations import LIARS
from peerd.laboratory.simulation.scenario import evaluation_of
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import first_model, setting_of
from peerd.laboratory.simulation.world import World
from protocols.errors import ProtocolError
from protocols.plan import SMALLEST_GROUP, CommitteePlan
from protocols.record.setting import Setting

CATALOGUE = (*LIARS, SILENT)
HONEST = ""
"""In an adversary's place: nobody lies."""
HONEST_RUNS = 3
"""Their median is what all others are compared with."""
MAX_PEERS, MAX_PARAMETERS, MAX_ROUNDS = 100, 1_000_000, 50
LONGEST = 3_000_000
"""Virtual milliseconds of a run."""


class Unfinished(PeerdError):
    """The group did not complete its rounds, so that there is no round to tell of."""


@dataclass(frozen=True)
class Run:
    """One adversary, played by as many liars as the plan covers. ``rounds`` are played."""

    adversary: str
    aggregator: str
    constants: Mapping[str, int | str]
    peers: int
    liars: int
    params: int
    plan: CommitteePlan
    rounds: int
    seed: int = 1

    @classmethod
    def create(
        cls,
        aggregator: str,
        constants: Mapping[str, int | str],
        peers: int,
        params: int,
        beta: Fraction,
        rounds: int,
    ) -> Run:
        """One in which nobody lies. Raises ConfigError, which names the option, for what can't be
        simulated.
        """
        for option, value, least, most in (
            ("--peers", peers, SMALLEST_GROUP, MAX_PEERS),
            ("--params", params, 1, MAX_PARAMETERS),
            ("--rounds", rounds, 1, MAX_ROUNDS),
        ):
            if not least <= value <= most:
                raise ConfigError(f"{option} {value}: must be in {least}…{most} to be simulated")
        liars, plan = planned(peers, beta)
        run = cls(HONEST, aggregator, constants, peers, liars, params, plan, rounds)
        try:
            run.setting(Books())
        except ProtocolError as error:
            raise ConfigError(f"--aggregator, --params: {error}") from None
        return run

    @cached_property
    def lying(self) -> frozenset[int]:
        """Who lies: not neighbours, as tricks pick on those."""
        if self.adversary == HONEST:
            return frozenset()
        return frozenset(index * self.peers // self.liars for index in range(self.liars))

    def setting(self, books: Books) -> Setting:
        """The group counts its held-out rows, which some lie about."""
        setting = setting_of(
            self.plan,
            self.liars,
            peers=self.peers,
            seed=self.seed,
            parameters=self.params,
            rule=typed_rule(self.aggregator, self.constants),
            evaluation=evaluation_of(self.peers),
        )
        return replace(setting, crypto=books.crypto, memory=books)

    def world(self, books: Books) -> World:
        setting = self.setting(books)
        silent = self.adversary == SILENT
        lie = LIARS.get(self.adversary)
        world = World(
            setting,
            swarm_secrets(setting.crypto, self.peers, self.seed)[0],
            first_model(self.seed, self.params),
            self._update,
            seed=self.seed,
            rounds=self.rounds,
            liars={} if lie is None else dict.fromkeys(self.lying, lie),
            silent=self.lying if silent else frozenset(),
            traced=False,
        )
        world.around = books.around
        return world

    def _update(
        self, peer: int, round_: int, model: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        step = np.random.default_rng([self.seed, peer, round_]).standard_normal(model.shape)
        return (model + step).astype(np.float32)


def play(run: Run) -> list[dict[str, float]]:
    """Of each round what an honest peer spends in it, in the mean, and its ``attempts``. Raises
    Unfinished.
    """
    books = Books()
    world = run.world(books)
    with few_collections():
        world.run(until=LONGEST)
    honest = [node for node in world.nodes if node.honest]
    if not all(len(node.completed) == run.rounds for node in honest):
        raise Unfinished(f"{run.adversary or 'nobody lies'}: not all rounds were completed")
    failed = {(item.round, item.attempt) for node in honest for item in node.aborted}
    return [
        {
            "attempts": 1 + sum(at == round_ for at, _ in failed),
            **mean([books.spent[node.index, round_] for node in honest]),
        }
        for round_ in range(run.rounds)
    ]


def measure(
    run: Run, adversaries: Sequence[str], pool: Pool, told: Callable[[int, int, str], None]
) -> dict[str, Any]:
    """docs/schemas/bench-liars.json, the worst adversary first. ``run``: as nobody lies; ``told``
    hears how many are done, of how many, and who is now. Raises Unfinished, and what the pool does.
    """
    runs = [replace(run, adversary=name) for name in (*[HONEST] * HONEST_RUNS, *adversaries)]
    titles = [each.adversary or "nobody lies" for each in runs]
    played: dict[int, list[dict[str, float]]] = {}
    with closing(pool.run(Work(play, runs, titles, __name__))) as results:
        for index, rounds in results:
            played[index] = rounds
            told(len(played), len(runs), titles[index])
    honest = _middle([each for index in range(HONEST_RUNS) for each in played[index]])
    rows = [
        _row(runs[index].adversary, played[index], honest)
        for index in range(HONEST_RUNS, len(runs))
    ]
    return {
        "role": "liars",
        "aggregator": run.aggregator,
        "peers": run.peers,
        "params": run.params,
        "plan": {**asdict(run.plan), "degree": run.plan.degree},
        "liars": run.liars,
        "rounds": run.rounds,
        "honest": honest,
        "adversaries": sorted(rows, key=lambda row: -row["ratio"]),
    }


def _middle(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def _row(
    adversary: str, rounds: Sequence[Mapping[str, float]], honest: Mapping[str, float]
) -> dict[str, Any]:
    """Of the round that cost most."""
    worst = max(rounds, key=lambda spent: spent["cpu_seconds"])
    ratio = worst["cpu_seconds"] / honest["cpu_seconds"]
    return {
        "adversary": adversary,
        "ratio": round(ratio, 3),
        "ratio_attempt": round(ratio / worst["attempts"], 3),
        **worst,
    }
