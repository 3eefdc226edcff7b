"""From one group to the next: the successor's genesis is found, and a newcomer's beginning (§6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
import trio

from peerd.group import Genesis
from peerd.runner.library import Library
from peerd.runner.lineage import (
    Epoch,
    handed_over,
    keep_draft,
    kept_draft,
    read_beginning,
    read_draft,
)
from peerd.storage import Store
from protocols.record.certificate import verify_certificate
from protocols.record.effects import Record
from protocols.record.resolution import Resolution
from protocols.session.follow import read_model

log = structlog.get_logger(__name__)

ASK_AGAIN = 2.0
"""Seconds until the others are asked once more for what none of them gave."""

Connected = Callable[[], frozenset[bytes]]


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
    _, epoch, certificate = found
    assert epoch.beginning is not None
    last = epoch.first - 1
    data = await library.ask(peer, Record.MODEL, last)
    model = read_model(epoch.setting(), data, epoch.beginning.model)
    if model is None:
        return False
    store.put_model(last, model, hands_over=True)
    store.put_certificates({last: certificate})
    return True
