"""What a simulated group draws from its seed: its members' identities, their entropy, and what they
say beside their updates.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from protocols.aggregation.contract import Reference, Referenced
from protocols.aggregation.evaluation import Counts
from protocols.hashing import Xof
from protocols.record.setting import Setting
from protocols.secret import Secret


def swarm_secrets(crypto: Any, peers: int, seed: int) -> tuple[list[Secret], tuple[bytes, ...]]:
    """Identities and the roster, sorted by public key as in a genesis document."""
    stream = Xof("simulation/identities", str(seed).encode())
    secrets = [Secret(stream.read(32)) for _ in range(peers)]
    secrets.sort(key=lambda secret: crypto.signing_public(secret.reveal()))
    return secrets, tuple(crypto.signing_public(secret.reveal()) for secret in secrets)


class Entropy:
    """What peers draw at random."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn: Counter[tuple[int, int, str]] = Counter()

    def draw(self, peer: int, round_: int, key: str) -> bytes:
        """Another one each time, and whoever draws when: so seats are a function of the seed."""
        drawn = (peer, round_, key)
        self._drawn[drawn] += 1
        parts = (self._seed, *drawn, self._drawn[drawn])
        return Xof("simulation/entropy", *(str(part).encode() for part in parts)).read(32)


class Said:
    """What a group's peers say beside their updates, unless a test has them say something else."""

    def __init__(self, setting: Setting, seed: int) -> None:
        self._setting = setting
        self._seed = seed

    def counts(self, peer: int, round_: int) -> Counts | None:
        """What this peer counts of its held-out rows, should the group evaluate: now and then an
        evaluation fails.
        """
        evaluation = self._setting.evaluation
        rng = np.random.default_rng([self._seed, peer, round_, 1])
        if evaluation is None or not evaluation.rows[peer] or not rng.integers(8):
            return None
        rows = evaluation.rows[peer]
        of_class = [int(rng.integers(rows // max(1, evaluation.classes) + 1))] * evaluation.classes
        right = [int(rng.integers(each + 1)) for each in (rows, *of_class)]
        loss = evaluation.steps(float(rng.exponential(2)))
        return Counts(1, rows, right[0], tuple(of_class), tuple(right[1:]), loss)

    def noise(self, peer: int, round_: int) -> bytes:
        """What this peer's noise of the round is drawn from."""
        parts = (self._seed, peer, round_)
        return Xof("simulation/noise", *(str(part).encode() for part in parts)).read(32)

    def reference(self, peer: int, round_: int, model: npt.NDArray[np.float32]) -> Reference:
        """The reference of a round, the same at every peer."""
        step = np.random.default_rng([self._seed, round_]).standard_normal(model.size)
        return cast(Referenced, self._setting.aggregator).reference(step)
