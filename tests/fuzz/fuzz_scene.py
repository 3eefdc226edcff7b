"""A group of four to attack: its real frames, its real proofs, and one member that lies.

``HOSTILE`` is the attacker's seat in the roster. The harnesses know its keys, and no others: what
they sign, they sign as it, so that whoever else is found guilty has been framed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

from peerd.laboratory.adversaries.dealing import LyingDealer
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator, model_hash
from protocols.election.flip import Draw
from protocols.opening import (
    decode_words,
    polynomial_bytes,
    polynomial_path,
    word_path,
    word_root,
)
from protocols.plan import CommitteePlan
from protocols.record.asks import boxes_of, word_of
from protocols.record.certificate import Certificate
from protocols.record.deadlines import Deadlines
from protocols.record.elected import ElectionCertificate
from protocols.record.evidence import Evidence, Fault
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.wire.canonical import pack
from protocols.wire.frames import DealingFrame, SumFrame, decode_frame
from protocols.wire.payloads import (
    Commit,
    Complaint,
    Delivery,
    Disclosure,
    Header,
    Kind,
    Payload,
    Report,
    Result,
    Reveal,
    Sum,
)
from protocols.wire.statement import Slot, Statement, decode_statement, sign

PLAN = CommitteePlan(committee=4, threshold=1, packing=1, absent=0)
PEERS = 4
HOSTILE = 3
LIARS = 1
PARAMETERS = 7
SEED = 1
CRYPTO = Pretend()


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of an honest run, and when it was sent (virtual milliseconds)."""

    at: int
    sender: int
    to: int
    data: bytes = field(repr=False)


class Withholding(LyingDealer):
    """Keeps its shares from two members, so that the run has ASKs, relays and answers in it."""

    def deliver(self, seat: int, peer: int) -> None:
        if peer not in (0, 1):
            super().deliver(seat, peer)


def first_model() -> npt.NDArray[np.float32]:
    return np.random.default_rng(SEED).standard_normal(PARAMETERS).astype(np.float32)


@cache
def setting() -> Setting:
    _, roster = swarm_secrets(CRYPTO, PEERS, SEED)
    return Setting(
        b"g" * 32,
        roster,
        LIARS,
        Fraction(0),
        PLAN,
        aggregator("rsa", {}),
        PARAMETERS,
        model_hash(first_model()),
        Deadlines(),
        CRYPTO,
        clients=PEERS,  # a coin draws all of them: else nobody would reveal anything
    )


def world(rounds: int = 1, liars: dict[int, Lie] | None = None) -> World:
    secrets, _ = swarm_secrets(CRYPTO, PEERS, SEED)

    def update(peer: int, round_: int, model: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        step = np.random.default_rng([SEED, peer, round_]).standard_normal(model.shape)
        return (model + step).astype(np.float32)

    return World(
        setting(), secrets, first_model(), update, seed=SEED, rounds=rounds, liars=liars or {}
    )


def recorded(swarm: World) -> list[Frame]:
    """Runs it to the end; every frame that was sent."""
    frames: list[Frame] = []

    def note(sender: int, to: int, data: bytes) -> bool:
        frames.append(Frame(swarm.now, sender, to, data))
        return False

    swarm.drop = note
    swarm.run()
    return frames


@dataclass(frozen=True)
class Scene:
    """An honest round, one with a withholding dealer, and the hostile member's keys.

    The two are apart because honest peers say different things in them, under the same keys: mixed,
    they would prove honest peers guilty.
    """

    frames: tuple[Frame, ...]
    relayed: tuple[Frame, ...]
    certificate: bytes
    transcript: bytes
    polynomials: bytes
    identity: bytes = field(repr=False)
    round_key: bytes = field(repr=False)

    @property
    def election(self) -> ElectionCertificate:
        return Certificate.decode(self.certificate).election

    def statements(self, kind: Kind) -> list[Statement]:
        """Of this kind, in the frames of the honest round, without repetition."""
        found: dict[bytes, Statement] = {}
        for frame in self.frames:
            shown = decode_frame(frame.data)
            data = getattr(shown, "statement", None) or getattr(shown, "header", None)
            if data:
                statement = decode_statement(data, setting().group)
                if statement.kind is kind:
                    found.setdefault(statement.hash, statement)
        return list(found.values())

    def key_of(self, slot: Slot) -> bytes:
        return self.identity if slot.by_identity else self.round_key

    def sign(self, kind: Kind, payload: Payload, subject: int = 0) -> Statement:
        """As the hostile member, in round 0, attempt 0."""
        slot = Slot(0, 0, kind, subject, 0, HOSTILE)
        return sign(CRYPTO, self.key_of(slot), setting().group, slot, payload)

    def framed(self, kind: type, sender: int | None = None, to: int | None = None) -> list[Frame]:
        return [
            frame
            for frame in self.frames
            if isinstance(decode_frame(frame.data), kind)
            and sender in (None, frame.sender)
            and to in (None, frame.to)
        ]


@cache
def scene() -> Scene:
    honest = world()
    secret: list[bytes] = []  # the run erases it from the journal at its end

    def keep(node: object, effect: object) -> None:
        journal = honest.nodes[HOSTILE].journal.get(0, {})
        if not secret and "secret/0" in journal:
            secret.append(journal["secret/0"])

    honest.before = keep
    frames = recorded(honest)
    done = honest.nodes[0].completed[0]
    draw = Draw.of(Secret(secret[0]))
    return Scene(
        tuple(frames),
        tuple(recorded(world(liars={HOSTILE: Lie(Withholding)}))),
        done.certificate,
        done.transcript,
        done.polynomials,
        honest.nodes[HOSTILE].secret.reveal(),
        draw.round_secret.reveal(),
    )


# -- proofs against the hostile member, one of each kind ----------------------------------------


def equivocation() -> bytes:
    one = scene().sign(Kind.REPORT, Report(()))
    two = scene().sign(Kind.REPORT, _report(b"k" * 32))
    return Evidence(Fault.EQUIVOCATION, scene().election, (one, two)).encode()


def wrong_reveal() -> bytes:
    commit = scene().sign(Kind.COMMIT, Commit(b"c" * 32, b"k" * 32))
    reveal = scene().sign(Kind.REVEAL, Reveal(b"n" * 32))
    return Evidence(Fault.WRONG_REVEAL, None, (commit, reveal)).encode()


def malformed_proof() -> bytes:
    header = scene().sign(Kind.HEADER, Header(setting().first_model, b"r" * 32, b"\xff" * 9))
    return Evidence(Fault.MALFORMED_PROOF, scene().election, (header,)).encode()


def false_complaint() -> bytes:
    """About a share that is valid: the complainer is guilty."""
    dealing = decode_frame(scene().framed(DealingFrame, sender=0, to=HOSTILE)[0].data)
    assert isinstance(dealing, DealingFrame)
    complaint = scene().sign(Kind.COMPLAINT, Complaint(dealing.header, dealing.package), 0)
    return Evidence(Fault.COMPLAINT, scene().election, (complaint,)).encode()


def _report(key: bytes, dealer: int = HOSTILE) -> Report:
    return Report(((dealer, 3, key),))


def bad_delivery() -> bytes:
    """The hostile member asked itself, answered with rubbish, and opened that."""
    secret = b"s" * 32
    boxes = boxes_of(setting())
    key = boxes.public(secret)
    report = scene().sign(Kind.REPORT, _report(word_of(setting().version, key)))
    box = boxes.seal(key, b"rubbish")
    delivery = scene().sign(Kind.DELIVERY, Delivery(report.hash, box), 1)
    shown = Disclosure(report.hash, delivery.hash, secret)
    disclosure = scene().sign(Kind.DISCLOSURE, shown, 1)
    said = (report, delivery, disclosure)
    return Evidence(Fault.DISCLOSURE, scene().election, said).encode()


def wrong_sum() -> bytes:
    shape = setting().shape
    frame = decode_frame(scene().framed(SumFrame)[0].data)
    assert isinstance(frame, SumFrame)
    words = decode_words(shape, frame.words).copy()
    words[0] = (int(words[0]) + 1) % shape.field.p
    certificate = Certificate.decode(scene().certificate)
    result = decode_statement(certificate.results[0], setting().group).payload
    statement = scene().sign(Kind.SUM, Sum(result.cohort, word_root(shape, words)))
    coefficients = scene().polynomials[: polynomial_bytes(shape)]
    coordinate = (
        0,
        int(words[0]),
        word_path(shape, words, 0),
        coefficients,
        polynomial_path(shape, scene().polynomials, 0),
    )
    rest = scene().certificate, pack(list(coordinate))
    return Evidence(Fault.WRONG_SUM, scene().election, (statement,), rest).encode()


def wrong_result() -> bytes:
    certificate = Certificate.decode(scene().certificate)
    true = decode_statement(certificate.results[0], setting().group).payload
    lie = Result(true.election, true.previous, true.cohort, true.dealers, b"p" * 32, true.model)
    statement = scene().sign(Kind.RESULT, lie)
    rest = (scene().certificate,)
    return Evidence(Fault.WRONG_RESULT, scene().election, (statement,), rest).encode()


PROOFS: dict[str, Callable[[], bytes]] = {
    "equivocation": equivocation,
    "wrong-reveal": wrong_reveal,
    "malformed-proof": malformed_proof,
    "false-complaint": false_complaint,
    "bad-delivery": bad_delivery,
    "wrong-sum": wrong_sum,
    "wrong-result": wrong_result,
}


def distinct(frames: tuple[Frame, ...]) -> list[bytes]:
    """In the order in which they were sent."""
    return list(dict.fromkeys(frame.data for frame in frames))
