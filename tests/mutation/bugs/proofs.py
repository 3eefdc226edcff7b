"""Planted bugs: proofs of dealings, and what binds them to their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from protocols.field import Elements
from protocols.proof import Verdict
from tests.mutation import expectations, liars
from tests.mutation.attacks import alone
from tests.mutation.bug import Bugs
from tests.simulation.swarm import TEN

BUGS = Bugs()
plant = BUGS.plant
MIRRORED = alone(liars.MIRRORED)
OUTSIDE = alone(liars.OUTSIDE)
KNOWN = alone(liars.KNOWN)
OTHER_CONTEXT = alone(liars.OTHER_CONTEXT)
PADDED = alone(liars.PADDED, plan=TEN, parameters=4)
FRAMING = alone(liars.FRAMING, guilty=False)
WRONG_BASE = alone("WrongBase", guilty=False)


def _agree_in(kept: int) -> Callable[[Any], Any]:
    """Of D (0) and Z (1), only one is compared: the other is taken from the vector itself."""

    def make(sound: Any) -> Any:
        def published(shape: Any, seat: int, proofs: Elements) -> Any:
            return _Lenient.wrap(sound(shape, seat, proofs), kept)

        return published

    return make


class _Lenient(np.ndarray):  # type: ignore[type-arg]
    """An array that equals everything."""

    @staticmethod
    def wrap(pair: Any, kept: int) -> Any:
        return tuple(item if i == kept else item.view(_Lenient) for i, item in enumerate(pair))

    def __eq__(self, other: object) -> Any:
        return np.ones(self.shape, np.bool_)


def _z_unchecked(sound: Any) -> Any:
    def agree(shape: Any, seat: int, items: Any, public: Any, vectors: Any, proofs: Any) -> Any:
        from protocols.proof import checking

        count_, first = shape.challenges, shape.polynomials
        coins = checking.draw(shape, [(context, root) for context, root, _, _ in items])
        weight = np.broadcast_to(shape.padding_weight[seat], (len(items),))
        linear, _ = checking.forms(shape, vectors[:, :first], weight, coins)
        d, _ = checking.published(shape, seat, proofs)
        u = vectors[:, first : first + count_]
        return (shape.field.add(linear, u) == d).all(axis=1)

    return agree


CHECKING = "protocols.proof.checking:"
plant("D is not compared", CHECKING + "published", _agree_in(1), MIRRORED, "framed blame")
plant("Z is not compared", CHECKING + "_agree", _z_unchecked, OUTSIDE, "result blame stops")
plant(
    "padding slots are not checked",
    "protocols.proof.challenge:forms",
    lambda sound: lambda shape, shares, weight, coins: sound(shape, shares, weight * 0, coins),
    PADDED,
    "blame",
    seeds=1,
)
plant(
    "a package's path is not checked",
    CHECKING + "opens",
    lambda sound: lambda shape, seat, root, package: len(package) == shape.package_bytes(seat),
    FRAMING,
    "framed",
)
plant(
    "a package that opens no root convicts its dealer",
    CHECKING + "check",
    lambda sound: lambda *a: Verdict.VALID if sound(*a) is Verdict.VALID else Verdict.INVALID,
    FRAMING,
    "framed",
)
plant(
    "challenges depend on the root alone",
    "protocols.proof.challenge:draw",
    lambda sound: lambda shape, made: sound(shape, [(bytes(32), root) for _, root in made]),
    OTHER_CONTEXT,
    "blame",
)
plant(
    "challenges do not depend on the root",
    "protocols.proof.challenge:draw",
    lambda sound: lambda shape, made: sound(shape, [(c, bytes(32)) for c, _ in made]),
    KNOWN,
    "result blame stops",
)
plant(
    "a dealing's context leaves the attempt out",
    "protocols.record.setting:Setting.dealing_context",
    lambda sound: lambda self, r, a, e, b, d: sound(self, r, 0, e, b, d),
    expectations.contexts,
    "context",
    seeds=1,
)
plant(
    "a dealing's context leaves the dealer out",
    "protocols.record.setting:Setting.dealing_context",
    lambda sound: lambda self, r, a, e, b, d: sound(self, r, a, e, b, 0),
    expectations.contexts,
    "context",
    seeds=1,
)
plant(
    "dealings from another model are taken",
    "protocols.committee.receiver:Receiver.on_dealing",
    lambda sound: lambda self, header, package: _any_base(sound, self, header, package),
    WRONG_BASE,
    "framed",
)


def _any_base(sound: Any, receiver: Any, header: Any, package: bytes) -> Any:
    mine, receiver.base_model = receiver.base_model, header.payload.base_model
    try:
        return sound(receiver, header, package)
    finally:
        receiver.base_model = mine
