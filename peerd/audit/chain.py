"""A group's history: certificates that name each other, from the genesis on (docs §6, §7).

A history is a list of epochs. An epoch is one group's certificates, from where it starts
(``Start``) on. ``Chain`` follows them, and ``Chain.end`` is where whatever comes next starts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.errors import WireError
from protocols.record.budget import charges_of
from protocols.record.certificate import (
    CertifiedRound,
    Close,
    ResolutionCertificate,
    decode_certificate,
    origin_of,
)
from protocols.record.ledger import Ledger
from protocols.record.resolution import Resolution
from protocols.record.setting import Setting
from protocols.record.spending import charges_by, is_spent, most_charged
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.schema import HASH, MAX_STATEMENT, Bytes, ListOf, Tuple

CHAIN = "peerd/certificates/1"
MAX_CERTIFICATES = 1 << 20
_CERTIFICATES = ListOf(Bytes(MAX_STATEMENT), MAX_CERTIFICATES)
_BODY_AND_SIGNATURE = Tuple((Bytes(MAX_STATEMENT), Bytes(MAX_STATEMENT)))


@dataclass(frozen=True, slots=True)
class Start:
    """What an epoch's first certificate leads on from: its round's number, the hash that it names
    as the previous one, and the model that it starts from (None: nobody says which).
    """

    round: int
    previous: bytes
    model: bytes | None
    ledger: Ledger = field(default_factory=Ledger)


def start_of(setting: Setting) -> Start:
    """Where a group starts: anew, or behind the handover of another."""
    origin = origin_of(setting)
    return Start(origin.round, origin.previous, setting.first_model, origin.ledger)


def torn_out(certified: CertifiedRound) -> Start:
    """Where a round by itself starts: what came before it is not shown, and not claimed."""
    return Start(certified.round, certified.end.previous, None)


class Chain:
    """One epoch's verified certificates, each leading on from the one before. ``setting``: the
    group's. Of a chain that is ``torn`` out nobody knows what was spent of its privacy budget.
    """

    def __init__(self, start: Start, setting: Setting) -> None:
        self.end = start
        self._setting = setting
        self._torn = start.model is None

    def follow(self, certified: CertifiedRound) -> None:
        """WireError unless it is the next one; ``end`` is behind it then."""
        before = self.end
        if before.ledger.handed_over:
            raise WireError(f"the group handed over in round {before.round - 1}")
        if certified.round != before.round:
            raise WireError(f"the next round is {before.round}, and this is {certified.round}")
        if certified.end.previous != before.previous:
            behind = f"round {before.round - 1}" if before.round else "the genesis"
            raise WireError(f"it does not lead on from {behind}: it names another certificate")
        self._check_budget(certified, before.ledger)
        opened = certified.close is Close.OPENED
        if not opened and before.model not in (None, certified.end.model):
            raise WireError("the round opened nothing, and its model is not the one before")
        back = before.ledger.guilty & set(certified.keys)
        if back:
            raise WireError(f"peer {min(back)} was convicted before, and took part")
        ledger = certified.ledger_after(before.ledger)
        forgotten = before.ledger.guilty - ledger.guilty
        if isinstance(certified.end, Resolution) and forgotten:
            raise WireError(f"it forgets that peer {min(forgotten)} was convicted before")
        self.end = Start(certified.round + 1, certified.hash, certified.end.model, ledger)

    def _check_budget(self, certified: CertifiedRound, ledger: Ledger) -> None:
        """WireError for a cohort beyond the privacy budget, and a handover that misstates what is
        spent of it.
        """
        setting, end = self._setting, certified.end
        if isinstance(end, Resolution):
            told = charges_of(end.charges)
            if end.hands_over and not self._torn and told != charges_by(setting, ledger.charged):
                raise WireError("it misstates what is spent of the privacy budget")
        elif is_spent(setting, ledger):
            raise WireError(
                f"the round is beyond the privacy budget, which allows {most_charged(setting)}"
            )


def place_of(certificate: bytes) -> tuple[bytes, int]:
    """(group, round) that a certificate says it is of; nothing is verified. WireError."""
    read = decode_certificate(certificate)
    if isinstance(read, ResolutionCertificate):
        signed, round_ = read.votes, read.round
    else:
        signed, round_ = read.results, read.election.round
    if not signed:
        raise WireError("a certificate that nobody signed")
    body, _ = _BODY_AND_SIGNATURE.check(unpack(signed[0]), "certificate.results")
    said = unpack(body)
    if not isinstance(said, list) or len(said) < 2:
        raise WireError("a certificate whose statements are none")
    group: bytes = HASH.check(said[1], "group")
    return group, round_


# -- as a file -------------------------------------------------------------------------------------


def encode_chain(certificates: list[bytes]) -> bytes:
    """Many certificates in one file: ``["peerd/certificates/1", [certificate, …]]``."""
    items: list[Value] = [*certificates]
    return pack([CHAIN, items])


def decode_chain(value: Value) -> tuple[bytes, ...]:
    """From what ``unpack`` made of it. WireError."""
    if not is_chain(value):
        raise WireError("a file of certificates is [name, certificates]")
    assert isinstance(value, list)
    found: tuple[bytes, ...] = _CERTIFICATES.check(value[1], "certificates")
    return found


def is_chain(value: Value) -> bool:
    return isinstance(value, list) and len(value) == 2 and value[0] == CHAIN
