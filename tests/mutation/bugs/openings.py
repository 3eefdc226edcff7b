"""Planted bugs: openings, and what a certificate certifies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from protocols.errors import WireError
from protocols.opening.polynomials import leaf_polynomials
from protocols.record.certificate import verify_certificate
from protocols.record.elected import elected
from tests.mutation import expectations
from tests.mutation.attacks import alone
from tests.mutation.bug import Bugs

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant
WRONG_OPENING = alone("wrong-opening")
WRONG_RESULT = alone("WrongResult", rounds=2)


OPENING = "protocols.opening.opening:"
CERTIFICATE = "protocols.record.certificate:"


def _agreeing(sound: Any) -> Any:
    def require(shape: Any, agreeing: int) -> None:
        sound(shape, agreeing + 1)

    return require


@bug(
    "no word is erased",
    OPENING + "_locate",
    WRONG_OPENING,
    "agreement result framed blame termination stops",
    seeds=3,
)
def _erases_none(sound: Any) -> Any:
    from protocols.field.polynomial import interpolation

    def locate(shape: Any, seats: Any, projected: Any) -> Any:
        points = shape.sharing.seats[seats][: shape.sharing.degree + 1]
        return np.arange(len(seats)), interpolation(shape.field, points)

    return locate


plant(
    "one word fewer needs to agree",
    OPENING + "_require_agreement",
    _agreeing,
    expectations.openings,
    "opening",
    seeds=1,
)
plant(
    "t signatures certify",
    CERTIFICATE + "signatures_needed",
    lambda sound: lambda setting: setting.plan.threshold,
    WRONG_RESULT,
    "agreement refused stops blame framed",
)


@bug(
    "certificates count signatures, not signers",
    CERTIFICATE + "_common_result",
    expectations.certificates,
    "accepted",
    seeds=1,
)
def _counts_signatures(sound: Any) -> Any:
    def common(setting: Any, flip: Any, statements: Any) -> Any:
        from protocols.record import certificate as module

        unique = list({s.signer: s for s in statements}.values())
        if len(statements) < module.signatures_needed(setting):
            raise WireError("planted")
        return unique[0].payload

    return common


@bug(
    "what was opened is let go before all results are judged",
    "protocols.committee.opening:Opening._let_go",
    alone("LateResult", rounds=3),
    "blame",
)
def _lets_go(sound: Any) -> Any:
    def let_go(opening: Any) -> None:
        sound(opening)
        opening._opened = None

    return let_go


@bug(
    "whoever has a round key signs results",
    CERTIFICATE + "_common_result",
    expectations.seats,
    "accepted",
    seeds=1,
)
def _anyone_signs(sound: Any) -> Any:
    def common(setting: Any, flip: Any, statements: Any) -> Any:
        return sound(setting, replace(flip, seats=tuple(flip.keys)), statements)

    return common


plant(
    "an election needs no quorum",
    "protocols.record.elected:_verified",
    lambda sound: elected,
    expectations.certificates,
    "accepted",
    seeds=1,
)
plant(
    "the previous certificate is not compared",
    "protocols.session.follow:Follow._read",
    lambda sound: lambda follow, data: _whatever_its_previous(follow, data),
    expectations.chains,
    "accepted",
    seeds=1,
)
plant(
    "the model is not compared with its certificate",
    "protocols.session.follow:read_model",
    lambda sound: lambda setting, data, name: np.frombuffer(data, "<f4").astype(np.float32),
    expectations.chains,
    "accepted",
    seeds=1,
)


def _whatever_its_previous(follow: Any, data: bytes) -> Any:
    try:
        certified = verify_certificate(follow._setting, data)
    except WireError:
        return None
    return certified if certified.round == follow._position.round + len(follow._chain) else None


@bug(
    "a polynomial's place under its leaf is ignored",
    "protocols.opening.polynomials:verify_polynomial",
    expectations.leaves,
    "framed",
    seeds=1,
)
def _anywhere(sound: Any) -> Any:
    def verify(shape: Any, root: bytes, index: int, coefficients: bytes, path: bytes) -> bool:
        together = leaf_polynomials(shape)
        first = index - index % together
        places = range(first, first + together)
        return any(sound(shape, root, place, coefficients, path) for place in places)

    return verify
