"""One file that convicts a peer, to anyone who has the group's genesis (``peerd blame export``).

Canonical msgpack ``["peerd evidence 1", evidence, transcript or nil]``. The evidence alone carries
all that its verdict rests on. The transcript of its round, where it is still kept, shows the round
that it belongs to; it must verify too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peerd.errors import VerificationError
from protocols.errors import WireError
from protocols.record.audit import audit_round
from protocols.record.evidence import evidence_hash, judge_bytes
from protocols.record.setting import Setting
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import MAX_EVIDENCE, Bytes

TAG = "peerd evidence 1"
_BEGIN = pack([TAG, b"", None])[: 2 + len(TAG)]
"""Of every such file: a list of three, and the tag in it."""
_TO_GROUP = (2, 0), (0,), (1,)
"""Evidence: its first item, a statement; that one's body; its group."""
MAX_FILE_BYTES = 1 << 30
_PARTS = Bytes(MAX_EVIDENCE), Bytes(MAX_FILE_BYTES)


@dataclass(frozen=True, slots=True)
class Proven:
    """``peer`` (roster index) broke the protocol in ``round``: ``reason``. ``evidence`` names the
    piece. ``transcript``: whether the file has the round's, which then holds.
    """

    peer: int
    round: int
    reason: str
    evidence: bytes
    transcript: bool


def evidence_file(evidence: bytes, transcript: bytes | None) -> bytes:
    """The file's bytes."""
    return pack([TAG, evidence, transcript])


def is_evidence_file(data: bytes) -> bool:
    """Whether it says that it is one. A transcript never does."""
    return data.startswith(_BEGIN)


def verify_evidence_file(
    setting: Setting, data: bytes, words: Callable[[Exception], str] = str
) -> Proven:
    """Who is guilty of what, by the group's genesis alone. Raises VerificationError, which says
    what does not hold: then the file proves nothing, of nobody. ``words``: what the core says, with
    the members' names.
    """
    try:
        evidence, transcript = _parts(data)
        _check_group(setting, evidence)
        finding = judge_bytes(setting, evidence)
        if transcript is not None:
            told = audit_round(setting, transcript).certified.round
            if told != finding.round:
                raise WireError(f"evidence of round {finding.round}, a transcript of round {told}")
    except WireError as error:
        raise VerificationError(
            f"the evidence does not hold: {words(error)}",
            "it convicts nobody; ask another member for it",
        ) from None
    name = evidence_hash(evidence)
    return Proven(finding.culprit, finding.round, finding.reason, name, transcript is not None)


def group_of(evidence: bytes) -> bytes:
    """The id of the group to which its first statement belongs. WireError."""
    value: Any = evidence
    try:
        for place in _TO_GROUP:
            value = unpack(value)
            for index in place:
                value = value[index]
    except (TypeError, IndexError, KeyError):
        value = None
    if not isinstance(value, bytes):
        raise WireError("these bytes are no evidence")
    return value


def _parts(data: bytes) -> tuple[bytes, bytes | None]:
    value = unpack(data)
    if not isinstance(value, list) or len(value) != 3 or value[0] != TAG:
        raise WireError("this is no file of 'peerd blame export'")
    evidence = _PARTS[0].check(value[1], "evidence")
    transcript = None if value[2] is None else _PARTS[1].check(value[2], "transcript")
    return evidence, transcript


def _check_group(setting: Setting, evidence: bytes) -> None:
    group = group_of(evidence)
    if group != setting.group:
        raise WireError(
            f"it is about the group {group.hex()}, and the genesis is of {setting.group.hex()}"
        )
