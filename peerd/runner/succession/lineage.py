"""The groups that this peer has been in, one after another, and what each began with (docs §6).

A handover's certificate is the last of its group; the successor's rounds go on from it. The data
directory holds the genesis of each, beside the certificates of all their rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from peerd.errors import CorruptError, GroupError, StorageError
from peerd.group.drafting import check_successor
from peerd.group.genesis import MAX_GENESIS_BYTES, Genesis
from peerd.group.members import names_by_peer, told
from peerd.group.succession import LEAVES
from peerd.runner.resume import setting_of
from peerd.storage import Store
from peerd.storage.durable import START_EMPTY
from protocols.errors import WireError
from protocols.record.budget import charges_of
from protocols.record.certificate import (
    CertifiedRound,
    ResolutionCertificate,
    decode_certificate,
    verify_certificate,
)
from protocols.record.ledger import Ledger
from protocols.record.origin import Origin, renamed
from protocols.record.resolution import Resolution
from protocols.record.setting import Setting
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.schema import MAX_ROUND, Bytes, Integer, ListOf, Tuple

LINEAGE = "lineage"
"""The store's key of all groups that its peer was in."""
_EPOCHS = ListOf(Tuple((Integer(MAX_ROUND), Bytes(MAX_GENESIS_BYTES))), 1 << 16)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a successor goes on from: where its rounds begin, and the model (its hash)."""

    origin: Origin
    model: bytes


@dataclass(frozen=True, slots=True)
class Epoch:
    """One group of the lineage. ``first``: its first round; of the group that a newcomer did not
    know, the one in which it handed over. ``beginning`` is None where it founded
    itself, and where a newcomer does not know yet when it begins.
    """

    first: int
    genesis: Genesis
    beginning: Beginning | None = field(default=None, repr=False)

    def setting(self) -> Setting:
        """The group as the core needs it. GroupError when the genesis can't be run."""
        setting = setting_of(self.genesis)
        if self.beginning is None:
            return setting
        return replace(setting, origin=self.beginning.origin, first_model=self.beginning.model)

    @property
    def awaits_handover(self) -> bool:
        """Whether this is a newcomer's: the group that it follows has not handed over to it yet."""
        return self.genesis.follows is not None and self.beginning is None


def handed_over(old: Genesis, certificate: bytes, draft: Genesis) -> Epoch:
    """The epoch that this certificate of ``old`` begins. GroupError where it begins none."""
    check_successor(draft, old)
    try:
        certified = verify_certificate(setting_of(old), certificate)
    except WireError as error:
        raise GroupError(f"this is no handover of {old.name!r}: {told(old, error)}") from None
    if not names(certified, draft):
        raise GroupError(f"this certificate hands {old.name!r} over to another group")
    assert isinstance(certified.end, Resolution) and draft.follows is not None
    if not draft.follows.first <= certified.round <= draft.follows.last:
        raise GroupError("this handover is outside of the rounds that the draft names")
    ledger = certified.ledger_after(Ledger())
    places = draft.follows.places(draft.roster)
    charges = charges_of(certified.end.charges)
    origin = Origin(certified.round + 1, certified.hash, renamed(ledger, places), charges)
    return Epoch(origin.round, draft, Beginning(origin, certified.end.model))


def names(certified: CertifiedRound, draft: Genesis) -> bool:
    """Whether this round handed over to ``draft``."""
    end = certified.end
    return isinstance(end, Resolution) and end.hands_over and end.draft == draft.group_id


def lineage(store: Store, configured: Genesis) -> list[Epoch]:
    """Oldest first; the last one is current. ``configured``: what the operator's file says, which
    may be any of them, or the draft of the next.

    StorageError where the directory is another group's; CorruptError for one that lacks the
    handover between two of them.
    """
    stored = _stored(store)
    if not stored:
        return [Epoch(0, configured)]
    groups = [genesis.group_id for _, genesis in stored]
    if configured.group_id not in groups and not _follows(configured, groups[-1]):
        raise _foreign(store, configured, groups)
    epochs = [Epoch(*stored[0])]
    for first, genesis in stored[1:]:
        certificate = store.certificate(first - 1)
        if certificate is None:
            raise CorruptError(f"the handover of round {first - 1} is missing", START_EMPTY)
        epochs.append(handed_over(epochs[-1].genesis, certificate, genesis))
    return epochs


def _follows(draft: Genesis, group: bytes) -> bool:
    return draft.follows is not None and draft.follows.group == group


def _foreign(store: Store, configured: Genesis, groups: Sequence[bytes]) -> StorageError:
    follows, place = configured.follows, f"the data directory {store.directory}"
    if follows is None:
        return StorageError(
            f"{place} is of another group or another key",
            "name the one that belongs to 'key' and 'genesis' as 'data', or a new one",
        )
    if follows.group in groups:
        return StorageError(
            f"{place} is of a group that went on as {groups[-1].hex()[:16]}…, and not as"
            f" {configured.group_id.hex()[:16]}…, which 'genesis' names",
            "name the genesis that this peer had before, or the one that follows its group now",
        )
    return StorageError(
        f"{place} is of another group than {follows.group.hex()[:16]}…, which the one that"
        " 'genesis' names goes on from",
        "name a new directory as 'data': this peer then starts as whoever joins does",
    )


def advanced(store: Store, epochs: Sequence[Epoch]) -> list[Epoch]:
    """With the successor, where the store has the handover to it and its genesis: as a crash
    between the two leaves it.
    """
    certificate = store.certificate(store.head())
    draft = None if certificate is None else kept_draft(store, handed_to(certificate))
    if certificate is None or draft is None or not _follows(draft, epochs[-1].genesis.group_id):
        return list(epochs)
    return [*epochs, handed_over(epochs[-1].genesis, certificate, draft)]


def handed_to(certificate: bytes) -> bytes:
    """The id of the draft that a certificate of the store hands over to; empty for none."""
    try:
        found = decode_certificate(certificate)
        if not isinstance(found, ResolutionCertificate):
            return b""
        end = Resolution.decode(found.outcome)
    except WireError:  # whoever reads the chain says what is damaged
        return b""
    return end.draft if end.hands_over else b""


def epoch_of(epochs: Sequence[Epoch], round_: int) -> Epoch:
    """The one whose roster a round's indices count in."""
    return next((each for each in reversed(epochs) if each.first <= round_), epochs[0])


def heir(epochs: Sequence[Epoch], public: bytes) -> bytes:
    """The key that has the place of ``public`` in the current group: itself, another, or LEAVES.
    A stranger's is its own.
    """
    follows = [epoch.genesis.follows for epoch in epochs]
    member = [number for number, each in enumerate(follows) if each and public in dict(each.keys)]
    for each in follows[member[-1] :] if member else ():
        assert each is not None
        public = dict(each.keys)[public]
        if public == LEAVES:
            break
    return public


def named(epochs: Sequence[Epoch]) -> dict[str, str]:
    """What members of any of these groups are called, by peer id; as the last one that has them
    says.
    """
    return {peer: name for each in epochs for peer, name in names_by_peer(each.genesis).items()}


def remember(store: Store, epochs: Sequence[Epoch]) -> None:
    """Durable on return."""
    told: list[Value] = [[epoch.first, epoch.genesis.encode()] for epoch in epochs]
    store.set_meta(LINEAGE, pack(told))


def _stored(store: Store) -> list[tuple[int, Genesis]]:
    data = store.meta(LINEAGE)
    return [] if data is None else read_lineage(data)


def read_lineage(data: bytes) -> list[tuple[int, Genesis]]:
    """What ``remember`` stored: the first round that is there of each, and its genesis. WireError,
    GroupError.
    """
    return [(first, Genesis.decode(told)) for first, told in _EPOCHS.check(unpack(data), LINEAGE)]


# -- drafts that this peer holds, and what it gives to those that ask --------------------------


def keep_draft(store: Store, draft: Genesis) -> None:
    store.set_meta(_draft_key(draft.group_id), draft.encode())


def kept_draft(store: Store, name: bytes) -> Genesis | None:
    """The draft of this id, signed by all of its members; None where it is not here."""
    data = store.meta(_draft_key(name))
    return None if data is None else Genesis.decode(data)


def read_draft(data: bytes, name: bytes) -> Genesis | None:
    """What somebody gives as the draft of this id; None where it is another, or not signed."""
    try:
        draft = Genesis.decode(data)
        if draft.group_id != name:  # ahead of a stranger's thousand signatures, and its plan
            return None
        draft.verify()
    except GroupError:
        return None
    return draft


def _draft_key(name: bytes) -> str:
    return f"draft/{name.hex()}"


def told_beginning(store: Store, epochs: Sequence[Epoch]) -> bytes:
    """What a newcomer needs to know of the handover to the last of these; empty for none."""
    if len(epochs) < 2:
        return b""
    certificate = store.certificate(epochs[-1].first - 1)
    return b"" if certificate is None else pack([epochs[-2].genesis.encode(), certificate])


def read_beginning(data: bytes, draft: Genesis) -> tuple[Epoch, Epoch, bytes] | None:
    """The old epoch, the one of ``draft``, and the certificate; None for anything else."""
    shape = Tuple((Bytes(MAX_GENESIS_BYTES), Bytes(MAX_GENESIS_BYTES)))
    try:
        told, certificate = shape.check(unpack(data), "beginning")
        old = Genesis.decode(told)
        check_successor(draft, old)  # ahead of a stranger's thousand signatures, and its plan
        old.verify()
        epoch = handed_over(old, certificate, draft)
        return Epoch(epoch.first - 1, old), epoch, certificate
    except (WireError, GroupError):
        return None
