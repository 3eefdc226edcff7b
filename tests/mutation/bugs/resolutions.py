"""Planted bugs: pauses and handovers, and who approved them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocols.record.resolution import Resolution, is_resolution
from protocols.wire.payloads import Act
from tests.mutation import operators
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant

APPROVAL = "protocols.record.approval:"
TIP = "protocols.record.resolution:Tip."
APPROVALS = "protocols.session.approvals:Approvals."

plant(
    "b + 1 approvals make a resolution",
    APPROVAL + "approved",
    lambda sound: lambda approvals, tip, quorum: sound(approvals, tip, 2),
    operators.approving("FewApprover", Act.PAUSE, willing=1),
    "approved",
    seeds=4,
)


@bug(
    "whatever is shown makes a resolution",
    "protocols.election.heard:Union._approved",
    operators.approving("FewApprover", Act.PAUSE, willing=0),
    "approved",
    seeds=4,
)
def _as_shown(sound: Any) -> Any:
    return lambda self, approvals: tuple(approvals)


plant(
    "an approval's signature is not looked at",
    APPROVAL + "is_signed",
    always(True),
    operators.approving("Usurper", Act.HANDOVER, willing=0),
    "approved",
    seeds=4,
)
plant(
    "an approval holds in any round",
    TIP + "agrees",
    lambda sound: lambda self, said: said.act == Act.HANDOVER or sound(self, said),
    operators.approving(None, Act.HANDOVER, willing=4, first=7, last=9),
    "approved",
)
plant(
    "an approval holds behind the pause that it led to",
    TIP + "agrees",
    lambda sound: (
        lambda self, said: said.act == Act.PAUSE and said.first <= self.round <= said.last
    ),
    operators.resting(None),
    "approved termination",
    also=((APPROVALS + "forget_over", always(None)),),
)


def _without(**changes: Any) -> Any:
    def make(sound: Any) -> Any:
        def resolution(self: Any, said: Any, guilty: Any, silent: Any) -> bytes:
            found = Resolution.decode(sound(self, said, guilty, silent))
            return replace(found, **changes).encode()

        return resolution

    return make


plant(
    "a pause acquits the guilty",
    TIP + "resolution",
    _without(guilty=(), named=()),
    operators.resting("DoubleVoter", begin=6000),
    "guilty",
)
plant(
    "a pause ends lock-outs",
    TIP + "resolution",
    _without(lockouts=()),
    operators.approving("SilentRevealer", Act.PAUSE, willing=3, first=3),
    "lock-out",
    seeds=4,
)


def _whatever_was_charged(sound: Any) -> Any:
    """The union's check: what a handover says of charges is overwritten by the voter's own."""

    def follows(self: Any, outcome: bytes, found: Any, proofs: Any) -> bool:
        charges = tuple(each.told() for each in self._heard.tip.charges)
        if is_resolution(outcome) and (said := Resolution.decode(outcome)).hands_over:
            outcome = replace(said, charges=charges).encode()
        return bool(sound(self, outcome, found, proofs))

    return follows


plant(
    "what a handover says of charges is not compared",
    "protocols.election.heard:Union._follows",
    _whatever_was_charged,
    operators.spent("Miscounter"),
    "budget",
    seeds=4,
)
plant(
    "one operator wakes the group",
    APPROVAL + "resumes",
    lambda sound: (
        lambda setting, approvals, pause: any(said.payload.act == Act.RESUME for said in approvals)
    ),
    operators.woken_by_one,
    "approved",
)
