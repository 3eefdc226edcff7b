"""Over to a successor: what is needed of it, from whoever has it. Its hash proves it (docs §6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from peerd.group import Genesis
from peerd.runner.library import Library
from peerd.runner.records import Records
from peerd.runner.succession.lineage import (
    Epoch,
    handed_over,
    keep_draft,
    kept_draft,
    read_beginning,
    read_draft,
)
from peerd.storage import Store
from protocols.aggregation.contract import Model
from protocols.record.certificate import CertifiedRound, verify_certificate
from protocols.record.effects import Record
from protocols.record.resolution import Resolution
from protocols.session.follow import read_model

log = structlog.get_logger(__name__)

ASK_AGAIN = 2.0
"""Seconds until the others are asked once more for what none of them gave."""

Connected = Callable[[], frozenset[bytes]]


@dataclass(frozen=True, slots=True)
class Handover:
    """``rounds``: certified ones that lead to it, the handover last; none where the store has them.
    ``model``: what the successor goes on from.
    """

    epoch: Epoch
    rounds: tuple[CertifiedRound, ...] = ()
    model: Model | None = None

    def store(self, store: Store, old: Epoch) -> None:
        """Durable on return, but for the lineage itself."""
        records = _records(store, old)
        keep_draft(store, self.epoch.genesis)
        if self.model is not None:
            records.adopted(old.setting(), self.rounds, self.model)
        records.fill(old.setting())  # a crash may have left out the summary of the last round


def fill_old(store: Store, epochs: Sequence[Epoch]) -> None:
    """Summaries of the rounds before, where a crash came between the handover's certificate and
    them: the next life is in the successor at once, whose rounds are others.
    """
    if len(epochs) > 1 and store.head() < epochs[-1].first:
        _records(store, epochs[-2]).fill(epochs[-2].setting())


def _records(store: Store, old: Epoch) -> Records:
    return Records(store, old.genesis.roster, old.genesis.names, first=old.first)


async def successor(
    epoch: Epoch, store: Store, library: Library, connected: Connected, round_: int
) -> Epoch:
    """The epoch that begins behind ``round_``, in which the group handed over. Its genesis is here
    if this peer's operator approved it; else whoever has it gives it, and its hash proves it.
    """
    certificate = store.certificate(round_)
    assert certificate is not None
    end = verify_certificate(epoch.setting(), certificate).end
    assert isinstance(end, Resolution)
    draft = kept_draft(store, end.draft)
    while draft is None:
        for peer in sorted(connected()):
            draft = read_draft(await library.ask(peer, Record.SUCCESSOR, round_), end.draft)
            if draft is not None:
                keep_draft(store, draft)
                break
        else:
            await trio.sleep(ASK_AGAIN)
    return handed_over(epoch.genesis, certificate, draft)


async def beginning(
    draft: Genesis, store: Store, library: Library, connected: Connected
) -> Sequence[Epoch]:
    """What a newcomer starts from, taken from whoever has it; the handover and the model are in
    the store then. Nothing is believed: the old members' signatures prove the handover, and that
    names the model.
    """
    while True:
        for peer in sorted(connected()):
            found = read_beginning(await library.ask(peer, Record.BEGINNING, 0), draft)
            if found is not None and await _take(found, store, library, peer):
                return found[:2]
        await trio.sleep(ASK_AGAIN)


async def _take(
    found: tuple[Epoch, Epoch, bytes], store: Store, library: Library, peer: bytes
) -> bool:
    old, epoch, certificate = found
    assert epoch.beginning is not None
    last = epoch.first - 1
    data = await library.ask(peer, Record.MODEL, last)
    model = read_model(epoch.setting(), data, epoch.beginning.model)
    if model is None:
        return False
    certified = verify_certificate(old.setting(), certificate)
    Handover(epoch, (certified,), model).store(store, old)
    return True
