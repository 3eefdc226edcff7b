"""A whole history verified: epoch after epoch, round after round, up to the first lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from peerd.audit.chain import Chain, place_of, torn_out
from peerd.audit.epoch import Claimed, Epoch, Verified, epoch_of
from peerd.audit.material import Broken, Gone, Lie, Material, NamedModel, Piece
from peerd.audit.models import check_exports, check_kept_models
from peerd.errors import ConfigError, GroupError, VerificationError
from peerd.group import Genesis, merge
from peerd.runner.evidence.evidence_file import Proven, verify_evidence_file
from peerd.runner.succession.lineage import handed_over
from protocols.errors import ProtocolError, WireError
from protocols.record.audit import Audit, audit_round
from protocols.record.certificate import CertifiedRound, Close, verify_certificate
from protocols.record.evidence import Finding, judge_bytes
from protocols.record.resolution import Resolution
from protocols.record.transcript import Transcript
from protocols.wire.schema import MAX_ROUND


@dataclass(slots=True)
class History:
    """``epochs``: one a group, in the order in which each leads on to the next. ``model``: the last
    one that was there to compare. ``lies``: all that was found; what leads on from one is not
    verified. ``whole``: from the genesis on; ``late``: from a handover on, where it is not whole.
    ``genesis_given``: by the auditor, and not only found.
    ``in_chain``: so many of the lies broke the chain; others may only follow from that.
    """

    epochs: list[Epoch]
    whole: bool
    lies: list[Lie] = field(default_factory=list)
    model: NamedModel | None = None
    skipped: list[str] = field(default_factory=list)
    proofs: list[tuple[Epoch, Proven]] = field(default_factory=list)
    genesis_given: bool = True
    in_chain: int = 0
    late: bool = False

    @property
    def first_lie(self) -> Lie | None:
        """The one of the earliest round. What belongs to no round comes first; but last where the
        chain is broken: nothing leads to groups behind that, and to what is of them.
        """

        def place(number: int) -> int:
            of_none = MAX_ROUND + 1 if 0 < self.in_chain <= number else -1
            of = self.lies[number].round
            return of_none if of is None else of

        first = min(range(len(self.lies)), key=place, default=None)
        return None if first is None else self.lies[first]

    @property
    def rounds(self) -> list[tuple[Epoch, Verified]]:
        """All that hold."""
        return [(epoch, found) for epoch in self.epochs for found in epoch.rounds.values()]


def verify(material: Material, first: Genesis) -> History:
    """What holds of what is claimed, from the group ``first`` on. ConfigError where there is
    nothing to verify; GroupError where a genesis can't be run.
    """
    lies = [*material.lies]
    claims = _claims(material, lies)
    rounds = sum(len(each) for each in claims.values())
    if not (rounds or material.whole or material.judged or material.exports or lies):
        raise ConfigError(
            "there is nothing to verify among these files",
            "name a peer's directory, a status socket, transcripts or certificates",
        )
    epoch = epoch_of(first)
    late = material.late and not material.whole
    whole = material.whole or (rounds > 1 and not late)
    history = History([epoch], whole, lies, skipped=material.skipped, late=late)
    while True:
        _follow(epoch, claims.pop(epoch.genesis.group_id, {}), history)
        successor = _successor(epoch, material, claims, history.lies)
        if successor is None:
            break
        history.epochs.append(epoch := successor)
    history.in_chain = len(history.lies)
    _check_strangers(claims, material, history)
    _judge(material.evidence, history)
    _prove(material.proofs, history)
    check_kept_models(material.kept_models, history)
    check_exports(material.exports, history)
    if history.whole and not history.lies and not history.rounds:
        history.lies.append(Lie("the history", "there is no certified round in it"))
    return history


def _successor(epoch: Epoch, material: Material, claims: Claims, lies: list[Lie]) -> Epoch | None:
    """The group that a handover leads on to, from where ``epoch`` ends; None at the end."""
    last = next(reversed(epoch.rounds.values()), None)
    if last is None or last.certified.close is not Close.HANDED_OVER:
        return None
    certified = last.certified
    assert isinstance(certified.end, Resolution)
    named = certified.end.draft
    found = [(file, each) for file, each in material.geneses if each.group_id == named]
    if not found:
        if named in claims:
            reason = f"it hands over to {named.hex()[:16]}…, whose genesis is not among the files"
            lies.append(Lie("the history", reason, certified.round))
        return None
    file, draft = found[0]
    try:
        draft = merge(draft, [each for _, each in found[1:]])
        draft.verify()
        successor = handed_over(epoch.genesis, certified.certificate.encode(), draft)
        return epoch_of(draft, successor.setting())
    except GroupError as error:
        lies.append(Lie(file, error.message, certified.round))
        return None


# -- what is claimed -------------------------------------------------------------------------------

Claims = dict[bytes, dict[int, Claimed]]
"""Group → round → its pieces."""


def _claims(material: Material, lies: list[Lie]) -> Claims:
    """By what the pieces say they are of. What can't be read goes to the lies."""
    found: Claims = defaultdict(lambda: defaultdict(Claimed))
    for piece in material.certificates:
        if (place := _place(piece, lies, lambda data: data)) is not None:
            found[place[0]][place[1]].certificates.append(piece)
    for piece in material.transcripts:
        if (place := _place(piece, lies, _certificate_in)) is not None:
            found[place[0]][place[1]].transcripts.append(piece)
    return found


def _certificate_in(transcript: bytes) -> bytes:
    return Transcript.decode(transcript).certificate


def _place(
    piece: Piece, lies: list[Lie], certificate_in: Callable[[bytes], bytes]
) -> tuple[bytes, int] | None:
    try:
        group, round_ = place_of(certificate_in(piece.read()))
    except Gone:
        return None
    except (Broken, WireError) as error:
        lies.append(Lie(piece.file, str(error), piece.round))
        return None
    if piece.round not in (None, round_):
        reason = f"it is kept as round {piece.round}'s, and is of round {round_}"
        lies.append(Lie(piece.file, reason, piece.round))
        return None
    return group, round_


# -- an epoch --------------------------------------------------------------------------------------


def _follow(epoch: Epoch, claims: dict[int, Claimed], history: History) -> None:
    """Round after round, from where the epoch starts to the last that is claimed, or to a lie."""
    if not claims:
        return
    torn = not history.whole and epoch is history.epochs[0]
    first, last = min(claims) if torn else epoch.start.round, max(claims)
    chain: Chain | None = None
    for round_ in range(first, last + 1):
        if any(lie.round == round_ for lie in history.lies):
            return
        try:
            found = _round(epoch, round_, claims.get(round_, Claimed()), last)
            if torn and history.late and found.certified.close is not Close.HANDED_OVER:
                start = epoch.start.round
                raise _Lied(
                    "the history", f"it begins in round {round_}, in midst of a group", start
                )
            if chain is None:
                begins = torn_out(found.certified) if torn else epoch.start
                chain = Chain(begins, epoch.setting)
            chain.follow(found.certified)
        except _Lied as lied:
            history.lies.append(lied.lie)
            return
        except WireError as error:
            history.lies.append(Lie(claims[round_].pieces[0].file, epoch.told(error), round_))
            return
        epoch.certify(found)


class _Lied(Exception):
    def __init__(self, file: str, reason: str, round_: int) -> None:
        super().__init__(reason)
        self.lie = Lie(file, reason, round_)


def _round(epoch: Epoch, round_: int, claimed: Claimed, last: int) -> Verified:
    """What all pieces of a round say alike. _Lied for the first that does not hold, or differs."""
    found: tuple[str, CertifiedRound] | None = None
    audit: Audit | None = None
    for piece in claimed.pieces:
        try:
            told = _verified(epoch, piece, is_transcript=piece in claimed.transcripts)
        except Gone:
            continue
        except (Broken, ProtocolError) as error:
            raise _Lied(piece.file, epoch.told(error), round_) from None
        certified = told.certified
        if found is not None and certified.hash != found[1].hash:
            reason = f"the chain forks: round {round_} has two certificates, another in {found[0]}"
            raise _Lied(piece.file, reason, round_)
        found, audit = found or (piece.file, certified), audit or told.audit
    if found is None:
        reason = f"round {round_} is missing, and round {last} is there"
        raise _Lied("the history", reason, round_)
    return Verified(found[1], audit)


def _verified(epoch: Epoch, piece: Piece, *, is_transcript: bool) -> Verified:
    data = piece.read()
    if not is_transcript:
        return Verified(verify_certificate(epoch.setting, data), None)
    audit = audit_round(epoch.setting, data)
    for finding in audit.findings:
        epoch.find(finding)
    return Verified(audit.certified, audit)


# -- what stands beside the chain ------------------------------------------------------------------


def _check_strangers(claims: Claims, material: Material, history: History) -> None:
    """What is of a group to which nothing leads."""
    known = {epoch.genesis.group_id for epoch in history.epochs}
    for group, rounds in claims.items():
        for round_, claimed in rounds.items():
            said = f"it is of another group, {group.hex()[:16]}…, and no handover leads to that"
            history.lies.append(Lie(claimed.pieces[0].file, said, round_))
    for file, genesis in material.geneses:
        if genesis.group_id not in known:
            said = f"the genesis of another group, {genesis.group_id.hex()[:16]}…"
            history.lies.append(Lie(file, f"{said}, and no handover leads to that"))


def _judge(pieces: list[Piece], history: History) -> None:
    """Evidence is judged under the genesis of its own group."""
    for piece in pieces:
        refused = []
        for epoch in history.epochs:
            try:
                epoch.find(judge_bytes(epoch.setting, piece.read()))
                break
            except Gone:
                break
            except (Broken, ProtocolError) as error:
                refused.append(epoch.told(error))
        else:
            history.lies.append(Lie(piece.file, f"it proves nothing: {refused[-1]}", piece.round))


def _prove(proofs: list[Piece], history: History) -> None:
    """Files of ``peerd blame export``: the evidence, and the transcript that may be in it."""
    for piece in proofs:
        try:
            data = piece.read()
            epoch, proven = _proven(data, history)
        except (Broken, VerificationError) as error:
            history.lies.append(Lie(piece.file, history.epochs[-1].told(error)))
        else:
            epoch.find(Finding(proven.peer, proven.reason, proven.round))
            history.proofs.append((epoch, proven))


def _proven(data: bytes, history: History) -> tuple[Epoch, Proven]:
    """Under the genesis of its own group. VerificationError where no epoch is of that."""
    for epoch in history.epochs[:-1]:
        try:
            return epoch, verify_evidence_file(epoch.setting, data)
        except VerificationError:
            continue
    return history.epochs[-1], verify_evidence_file(history.epochs[-1].setting, data)
