"""The one oracle: what must hold in every run, whatever the adversary does (docs/protocol.md §0).

Agreement; no honest peer blamed; the result is the plain sum of the cohort's inputs, every honest
online dealer's among them; nothing signed twice differently; an end, with a reason of an
enumeration; and no honest frame refused by an honest peer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from peerd.simulation.world import Node, World
from protocols.opening import decode_polynomials, values_of
from protocols.round.audit import audit_round
from protocols.round.certificate import verify_certificate
from protocols.wire.frames import (
    DealingFrame,
    DecisionFrame,
    EvidenceFrame,
    HaveFrame,
    HelloFrame,
    decode_frame,
)
from protocols.wire.statement import Slot, decode_statement

ABORTS = frozenset({"flip", "cohort", "timeout"})
STOPS = frozenset({"quorum", "undecodable", "attempts"})


@dataclass
class Watch:
    """Everything that honest peers signed, by its slot, over all their lives."""

    world: World
    said: dict[Slot, bytes] = field(default_factory=dict)
    frames: int = 0

    def __post_init__(self) -> None:
        drop = self.world.drop

        def listening(sender: int, to: int, data: bytes) -> bool:
            if self.world.nodes[sender].honest:
                self._hear(sender, data)
            return drop(sender, to, data)

        self.world.drop = listening

    def _hear(self, sender: int, data: bytes) -> None:
        self.frames += 1
        frame = decode_frame(data)
        if isinstance(frame, HaveFrame | HelloFrame | DecisionFrame | EvidenceFrame):
            return
        signed = frame.header if isinstance(frame, DealingFrame) else None
        wire = signed if signed is not None else getattr(frame, "statement", None)
        if wire is None:
            return
        statement = decode_statement(wire, self.world.setting.group)
        if statement.signer == sender:
            before = self.said.setdefault(statement.slot, statement.body)
            assert before == statement.body, f"peer {sender} signed twice in {statement.slot}"


def honest(world: World) -> list[Node]:
    return [node for node in world.nodes if node.honest]


def check(
    world: World,
    *,
    guilty: Iterable[int] | None = None,
    away: Iterable[int] = (),
    unknown_inputs: Iterable[int] = (),
    completes: bool = True,
    audited: bool = True,
) -> None:
    """``guilty``: exactly these are blamed, by every honest peer that is up (None: any liars).
    ``away`` may miss a cohort (they crash, or are cut off); of ``unknown_inputs`` nobody knows
    what they dealt.
    """
    check_safety(world, away=away, unknown_inputs=unknown_inputs)
    if completes:
        for node in honest(world):
            if node.up:
                done = sorted(node.completed)
                assert done == list(range(world.rounds)), (node.index, done, node.aborted)
    if guilty is not None:
        for node in honest(world):
            named = {blame.peer for blame in node.blamed}
            if node.up and node.lives == 1:
                assert named == set(guilty), (node.index, named, node.blamed)
    if audited:
        check_audits(world)


def check_safety(
    world: World, *, away: Iterable[int] = (), unknown_inputs: Iterable[int] = ()
) -> None:
    liars = {node.index for node in world.nodes if not node.honest}
    for node in honest(world):
        framed = [blame for blame in node.blamed if blame.peer not in liars]
        assert not framed, f"peer {node.index} blames the honest: {framed}"
        assert {item.reason for item in node.aborted} <= ABORTS
        assert {item.reason for item in node.stopped} <= STOPS
        refused = [item for item in node.dropped if item.peer not in liars]
        assert not refused, f"peer {node.index} refused the honest: {refused[:3]}"
    for round_ in range(world.rounds):
        records = [n.completed[round_] for n in honest(world) if round_ in n.completed]
        assert len({record.model_hash for record in records}) <= 1, f"two models of {round_}"
        assert len({record.dealers for record in records}) <= 1, f"two cohorts of {round_}"
        if records:
            _check_result(world, round_, away, unknown_inputs)


def _check_result(
    world: World, round_: int, away: Iterable[int], unknown_inputs: Iterable[int]
) -> None:
    setting = world.setting
    record = next(n.completed[round_] for n in honest(world) if round_ in n.completed)
    certified = verify_certificate(setting, record.certificate)
    cohort = set(certified.cohort.peers)
    locked = {peer for flip in _void(world, round_) for peer in flip}
    expected = {n.index for n in honest(world)} - set(away) - locked
    expected &= set(certified.election.keys) | (expected - _locked_before(world, round_))
    assert expected <= cohort, f"honest dealers left out of {round_}: {expected - cohort}"
    if cohort & set(unknown_inputs):
        return
    shape = setting.shape
    opened = values_of(shape, decode_polynomials(shape, record.polynomials))
    total = np.sum([world.inputs[round_, peer].astype(np.int64) for peer in cohort], axis=0)
    assert np.array_equal(opened, total), f"round {round_} opened another sum than the inputs'"


def _void(world: World, round_: int) -> list[tuple[int, ...]]:
    """Whom the void flips of a round locked out, by its transcript."""
    for node in honest(world):
        if round_ in node.completed:
            return [audit_round(world.setting, node.completed[round_].transcript).voided_by]
    return []


def _locked_before(world: World, round_: int) -> set[int]:
    """Peers that the ledger before a round keeps from dealing."""
    from protocols.round.ledger import Ledger

    ledger = Ledger()
    for earlier in range(round_):
        record = next(n.completed[earlier] for n in honest(world) if earlier in n.completed)
        certified = verify_certificate(world.setting, record.certificate)
        ledger = ledger.after(earlier, certified.election)
    return set(range(world.setting.peers)) - ledger.eligible(world.setting.peers, round_)


def check_audits(world: World) -> None:
    """A third party accepts every transcript, and finds whom honest peers blamed in the end."""
    liars = {node.index for node in world.nodes if not node.honest}
    for node in honest(world):
        for record in node.completed.values():
            audit = audit_round(world.setting, record.transcript)
            assert {finding.culprit for finding in audit.findings} <= liars
            assert audit.certified.result.model == record.model_hash
