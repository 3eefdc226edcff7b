"""A daemon that lies: ``python -m peerd.laboratory.adversaries.daemon --attack NAME``.

An honest daemon with another trainer or another session in it; ``peerd run`` knows nothing of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from peerd.cli.daemon import add_config_argument, load_config
from peerd.cli.failure import explain
from peerd.laboratory.adversaries.keys import Keys
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.lies import LIES, NOISE_LIES
from peerd.laboratory.adversaries.names import NAMES, SILENT, check_name
from peerd.laboratory.adversaries.silent import SilentPeer
from peerd.laboratory.experiments.attacks import forge, forge_sum
from peerd.learning import Trainer
from peerd.learning.settings import Training
from peerd.runner.crew import Crew, Sessions
from peerd.runner.daemon import run
from protocols.aggregation.contract import Model, RowRule, Update
from protocols.record.position import Position
from protocols.session.events import Peer
from protocols.session.local import LocalPeer
from protocols.session.session import Session


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit codes of ``peerd run``."""
    parser = argparse.ArgumentParser(description="Run a daemon that lies, in a swarm that tests.")
    add_config_argument(parser)
    parser.add_argument("--attack", required=True, metavar="NAME", help=", ".join(NAMES))
    args = parser.parse_args(arguments)
    try:
        crew = crew_of(args.attack)
        return run(load_config(args), crew=crew, file=args.config)
    except (Exception, BaseExceptionGroup) as error:
        line, code = explain(error)
        print(f"peerd: error: {line}", file=sys.stderr)
        return code


def crew_of(attack: str) -> Crew:
    """Who plays this attack. Raises ConfigError for a name that none has."""
    check_name(attack)
    if attack == SILENT:
        return Crew(session=SilentPeer)
    if (lie := {**LIES, **NOISE_LIES}.get(attack)) is not None:
        return Crew(session=lying(lie))
    return Crew(trainer=forging(attack))


def forging(attack: str) -> Callable[[Training], Trainer]:
    """Trains as an honest peer, and gives out what the attack makes of it."""

    class ForgingTrainer(Trainer):
        async def update(self, round: int, model: Model) -> Update:
            learnt, seed = await super().update(round, model), self.training.seed
            rule = self._rule.local_rule(round)
            if not isinstance(rule, RowRule):
                return forge(attack, model, learnt.astype(np.float32), seed=seed, round=round)
            parameters = len(learnt) - (rule.count is not None)
            gradients, count = np.split(learnt.astype(np.int64), [parameters])
            longest = rule.rows * rule.steps if rule.longest is None else rule.longest
            forged = forge_sum(attack, gradients, longest, seed=seed, round=round)
            return np.concatenate([forged, count])

    return ForgingTrainer


def lying(lie: Lie) -> Sessions:
    """An honest session with this lie around it."""

    def session(
        peer: LocalPeer,
        position: Position,
        journal: Mapping[str, bytes] | None = None,
        *,
        rounds: int | None,
        restored: bool | None,
        approvals: Iterable[bytes],
    ) -> Peer:
        keys = Keys(peer)
        honest = Session(
            keys.peer, position, journal, rounds=rounds, restored=restored, approvals=approvals
        )
        return lie.told_by(honest, keys)

    return session


if __name__ == "__main__":
    sys.exit(main())
