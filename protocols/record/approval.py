"""Operators' approvals of a resolution: what one must be, and when a quorum of them counts (§6)."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.errors import WireError
from protocols.record.door import is_signed
from protocols.record.resolution import Tip
from protocols.record.setting import Setting
from protocols.wire.payloads import Act, Kind
from protocols.wire.statement import Statement

MAX_WINDOW = 1 << 16
"""Rounds for which an approval may hold: nobody can take it back."""


def check_approval(setting: Setting, said: Statement) -> Statement:
    """The statement. WireError unless it is an approval that its signer, a member, has signed."""
    if said.kind is not Kind.APPROVE:
        raise WireError(f"an approval was expected, not {said.kind.name}")
    first, last = said.payload.first, said.payload.last
    if said.slot.round != first or said.slot.attempt or not first <= last < first + MAX_WINDOW:
        raise WireError(f"an approval of the rounds {first} to {last}")
    if said.signer >= setting.peers or not is_signed(setting, said, setting.roster[said.signer]):
        raise WireError(f"an approval that peer {said.signer} did not sign")
    return said


def approved(approvals: Iterable[Statement], tip: Tip, quorum: int) -> tuple[Statement, ...]:
    """A quorum of these that approve one thing of the coming round, by signer; empty if there is
    none. A handover goes ahead of a pause, and of two drafts the one that sorts first.
    """
    by_act: dict[tuple[int, bytes], dict[int, Statement]] = {}
    for said in approvals:
        if tip.agrees(said.payload):
            key = said.payload.act, said.payload.about
            by_act.setdefault(key, {}).setdefault(said.signer, said)
    for _, signers in sorted(by_act.items()):
        if len(signers) >= quorum:
            return tuple(signers[peer] for peer in sorted(signers)[:quorum])
    return ()


def hands_over(setting: Setting, approvals: Iterable[Statement], round_: int) -> bool:
    """Whether a quorum of the roster approves a handover, to one draft, in this round."""
    signers: dict[bytes, set[int]] = {}
    for said in approvals:
        about = said.payload
        if about.act == Act.HANDOVER and about.first <= round_ <= about.last:
            signers.setdefault(about.about, set()).add(said.signer)
    return any(len(each) >= setting.roster_quorum for each in signers.values())


def resumes(setting: Setting, approvals: Iterable[Statement], pause: bytes) -> bool:
    """Whether a quorum of the roster approves that the group goes on from this pause."""
    signers = {
        said.signer
        for said in approvals
        if said.payload.act == Act.RESUME and said.payload.about == pause
    }
    return len(signers) >= setting.roster_quorum
