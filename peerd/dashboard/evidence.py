"""What evidence holds, in words, and whether it convicts whom it is kept against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peerd.dashboard.sources import Document, Sources
from peerd.errors import VerificationError
from peerd.identity import peer_id_of
from peerd.runner.evidence.evidence_file import evidence_file, verify_evidence_file
from peerd.runner.succession.lineage import epoch_of
from protocols.errors import WireError
from protocols.record.evidence import Fault
from protocols.record.setting import Setting
from protocols.wire.canonical import unpack

MAX_REMEMBERED = 256
WORDS = {
    Fault.EQUIVOCATION: "two statements with its signature under both, for one and the same place,"
    " that contradict each other: an honest daemon signs one",
    Fault.WRONG_REVEAL: "its signed commitment to a random number, and its signed reveal of a"
    " number that this is no commitment to",
    Fault.MALFORMED_PROOF: "the header of its update with its signature: the proof in it has not"
    " the form that every honest one has",
    Fault.COMPLAINT: "a member's signed complaint with the share in question and the dealer's"
    " signed header: whoever recomputes the proof sees which of the two is wrong",
    Fault.DISCLOSURE: "an ask for a share, the answer to it, and the key that opens that: whoever"
    " recomputes the proof sees whether the answer or the disclosure is wrong",
    Fault.WRONG_SUM: "one number of the sum that it signed, and the certified polynomial on which"
    " that number does not lie",
    Fault.WRONG_RESULT: "the result that it signed, and the certificate of another one",
}
"""What a piece of each kind holds: all that its verdict rests on, the genesis aside."""


@dataclass(frozen=True, slots=True)
class Proof:
    """``listed``: as ``/v1/blame`` tells it. ``holds``: None where the evidence is not here."""

    listed: Document
    words: str | None
    bytes: int
    holds: bool | None


class Proofs:
    """Called in worker threads."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._settings: dict[bytes, Setting] = {}
        self._known: dict[object, Proof] = {}

    def judged(self, blames: Sequence[Document]) -> list[Proof]:
        """Each with its evidence, judged under the genesis of its own group."""
        return [self._judged(each) for each in blames]

    def _judged(self, listed: Document) -> Proof:
        name = listed["evidence"]
        data = None if name is None else self._sources.views.evidence(name)
        if data is None:
            return Proof(listed, None, 0, None)
        known = self._known.get(name)
        if known is None or known.listed["peer"] != listed["peer"]:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            known = Proof(listed, _words(data), len(data), self._holds(listed, data))
            self._known[name] = known
        return Proof(listed, known.words, known.bytes, known.holds)

    def _holds(self, listed: Document, data: bytes) -> bool:
        epoch = epoch_of(self._sources.epochs(), listed["round"])
        group = epoch.genesis.group_id
        setting = self._settings.setdefault(group, epoch.setting())
        try:
            proven = verify_evidence_file(setting, evidence_file(data, None))
        except VerificationError:
            return False
        culprit = peer_id_of(epoch.genesis.roster[proven.peer])
        return (proven.round, culprit) == (listed["round"], listed["peer"])


def _words(data: bytes) -> str | None:
    try:
        value = unpack(data)
        return WORDS[Fault(value[0])] if isinstance(value, list) and value else None
    except (WireError, ValueError):
        return None
