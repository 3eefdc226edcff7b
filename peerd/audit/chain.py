"""A group's history: certificates that name each other, from the genesis on (docs §6, §7).

A history is a list of epochs. An epoch is one group's certificates, from where it starts
(``Start``) on. ``Chain`` follows them, and ``Chain.end`` is where whatever comes next starts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.errors import WireError
from protocols.record.certificate import Certificate, CertifiedRound, genesis_hash
from protocols.record.ledger import Ledger
from protocols.record.setting import Setting
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


def founded(setting: Setting) -> Start:
    """Where a group starts that no other one led to."""
    return Start(0, genesis_hash(setting), setting.first_model)


def torn_out(certified: CertifiedRound) -> Start:
    """Where a round by itself starts: what came before it is not shown, and not claimed."""
    return Start(certified.round, certified.end.previous, None)


class Chain:
    """One epoch's verified certificates, each leading on from the one before."""

    def __init__(self, start: Start) -> None:
        self.end = start

    def follow(self, certified: CertifiedRound) -> None:
        """WireError unless it is the next one; ``end`` is behind it then."""
        before = self.end
        if certified.round != before.round:
            raise WireError(f"the next round is {before.round}, and this is {certified.round}")
        if certified.end.previous != before.previous:
            behind = f"round {before.round - 1}" if before.round else "the genesis"
            raise WireError(f"it does not lead on from {behind}: it names another certificate")
        if certified.abandoned and before.model not in (None, certified.end.model):
            raise WireError("the round was given up, and its model is not the one before")
        back = before.ledger.guilty & set(certified.election.keys)
        if back:
            raise WireError(f"peer {min(back)} was convicted before, and took part")
        self.end = Start(
            certified.round + 1,
            certified.hash,
            certified.end.model,
            before.ledger.after(certified.round, certified.election),
        )


def place_of(certificate: bytes) -> tuple[bytes, int]:
    """(group, round) that a certificate says it is of; nothing is verified. WireError."""
    read = Certificate.decode(certificate)
    if not read.results:
        raise WireError("a certificate that nobody signed")
    body, _ = _BODY_AND_SIGNATURE.check(unpack(read.results[0]), "certificate.results")
    said = unpack(body)
    if not isinstance(said, list) or len(said) < 2:
        raise WireError("a certificate whose statements are none")
    group: bytes = HASH.check(said[1], "group")
    return group, read.election.round


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
