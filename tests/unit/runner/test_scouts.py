"""Members that were away, while all others took other keys: found over real connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from peerd.config import StorageConfig
from peerd.group import Genesis
from peerd.identity import Identity, next_key
from peerd.runner.library import Library
from peerd.runner.succession import scout as scouts
from peerd.runner.succession.handover import Handover
from peerd.runner.succession.inheritance import address_book, guests
from peerd.runner.succession.lineage import Epoch, keep_draft
from peerd.runner.succession.scout import scout
from peerd.runner.succession.search import Search
from peerd.storage import Store
from peerd.transport.transport import Transport
from protocols.record.position import first_position
from tests.patience import HANG
from tests.unit.group.successions import MEMBERS, MODEL, group, identities, successor
from tests.unit.runner.test_missed_handovers import history

ROTATES, LEAVES = MEMBERS[0], MEMBERS[4]
FRESH = identities(102, 106)
"""The keys that all others have from the handover on."""
ANYWHERE = "/ip4/127.0.0.1/tcp/0"


@dataclass
class There:
    """A member of the successor, which has all that led there."""

    store: Store
    epochs: list[Epoch]

    @property
    def draft(self) -> Genesis:
        return self.epochs[-1].genesis


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    old = Epoch(0, group())
    keys = {one.public: new.public for one, new in zip(MEMBERS[:4], FRESH, strict=True)}
    to = successor(old.genesis, keys=keys, leaving=frozenset({LEAVES.public}))
    with Store.open(tmp_path / "there") as store:
        new = history(store, old, to, first=0)
        keep_draft(store, to)
        yield There(store, [old, new])


async def found_by(who: Identity, waiting: Identity | None, there: There, here: Path) -> Handover:
    """What ``who`` finds, whose configuration says where an old key was."""
    old, new = there.epochs
    book = address_book(here, there.epochs)
    member = Transport(
        FRESH[0],
        new.genesis.group_id,
        new.genesis.roster,
        ANYWHERE,
        book,
        guests=guests(there.epochs),
    )
    Library(new.setting(), there.store, member, there.epochs)
    who._write(here / "peer.key")
    if waiting is not None:
        waiting._write(next_key(here / "peer.key"))
    here.joinpath("mine").mkdir()
    with Store.open(here / "data") as store:
        asks = Library(old.setting(), store, cast(Any, SimpleNamespace(handle_requests=bool)))
        search = Search(old, store, lambda: first_position(old.setting(), MODEL))
        with trio.fail_after(HANG):
            async with trio.open_nursery() as nursery:
                await nursery.start(member.run)
                (address, *_) = member.listen_addresses()
                where = address.partition("/p2p/")[0]
                config: Any = SimpleNamespace(
                    data=here / "mine",
                    key=here / "peer.key",
                    bootstrap=[f"{where}/p2p/{ROTATES.peer_id}"],
                    storage=StorageConfig(),
                )
                nursery.start_soon(
                    scout, there.draft, [old], who, config, asks, search, lambda: True
                )
                found = await search.found()
                nursery.cancel_scope.cancel()
    return found


@pytest.mark.trio
@pytest.mark.parametrize("rotates", [False, True], ids=["leaves", "rotates"])
async def test_one_is_told_by_those_that_have_other_keys(
    rotates: bool, there: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever leaves has no key in the successor: it asks as a guest of it, in the old group."""
    monkeypatch.setattr(scouts, "QUIET_SECONDS", 0.0)
    here = tmp_path / "here"
    here.mkdir()
    mine = (MEMBERS[1], FRESH[1]) if rotates else (LEAVES, None)
    found = await found_by(*mine, there, here)
    assert found.epoch == there.epochs[-1]
    assert len(found.rounds) == found.epoch.first, "with all that led there"
