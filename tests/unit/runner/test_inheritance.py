"""Where members of a successor are looked for, and who may ask them."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog.testing

from peerd.discovery.records import sign_record
from peerd.identity import Identity, next_key
from peerd.runner.operators.approvals import keep_approval
from peerd.runner.succession.inheritance import address_book, bootstraps, guests
from peerd.runner.succession.lineage import Epoch, keep_draft
from peerd.runner.succession.scout import _book, drafts, identity_in
from peerd.storage import Store
from protocols.wire.payloads import Act
from tests.unit.group.successions import MEMBERS, NEW, OTHER_NEW, group, identities, successor
from tests.unit.runner.test_kept_approvals import said
from tests.unit.runner.test_lineage import follow

FIRST, SECOND, THIRD, _, FIFTH = MEMBERS
WHERE = "/ip4/192.0.2.1/tcp/4001"


@pytest.fixture
def epochs() -> list[Epoch]:
    old = Epoch(0, group())
    to = successor(
        old.genesis,
        keys={FIRST.public: NEW.public},
        leaving=frozenset({FIFTH.public}),
        joining={OTHER_NEW.public: None},
    )
    return [old, follow(old, to)]


def at(identity: Identity) -> str:
    return f"{WHERE}/p2p/{identity.peer_id}"


@pytest.mark.parametrize(
    ("configured", "now"),
    [
        (SECOND, [SECOND]),
        (FIRST, [NEW]),
        (NEW, [NEW]),
        (OTHER_NEW, [OTHER_NEW]),
        (FIFTH, []),
        (identities(118, 119)[0], identities(118, 119)),
    ],
    ids=["stayed", "rotated", "rotated, and edited", "joined", "left", "nobody's"],
)
def test_a_bootstrap_is_whoever_it_is_now(
    epochs: list[Epoch], configured: Identity, now: list[Identity]
) -> None:
    """What is nobody's goes on to whoever says so."""
    with structlog.testing.capture_logs() as logged:
        assert bootstraps([at(configured)], epochs) == [at(one) for one in now]
    told = [each["event"] for each in logged]
    assert told == ([] if now else ["a bootstrap or relay has left the group"])


def test_a_bootstrap_of_the_successor_is_known_before_the_handover(epochs: list[Epoch]) -> None:
    to = epochs[1].genesis
    assert bootstraps([at(NEW), at(SECOND)], epochs[:1], to) == [at(FIRST), at(SECOND)]
    assert bootstraps([at(NEW)], epochs, to) == [at(NEW)]
    assert bootstraps([at(NEW)], epochs[:1], epochs[0].genesis) == [at(NEW)]


def test_a_newcomer_may_be_told_an_old_key(epochs: list[Epoch]) -> None:
    waiting = [Epoch(0, epochs[1].genesis)]
    assert bootstraps([at(FIRST), at(SECOND)], waiting) == [at(NEW), at(SECOND)]


def test_no_peer_id_is_left_for_whoever_reads_it(epochs: list[Epoch]) -> None:
    for bad in (f"{WHERE}/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",):
        assert bootstraps([bad], epochs) == [bad]


def test_members_are_looked_for_where_they_were(tmp_path: Path, epochs: list[Epoch]) -> None:
    book = address_book(tmp_path, epochs[:1])
    for one in MEMBERS:
        record = sign_record(one, epochs[0].genesis.group_id, (WHERE,), 1, time.time())
        assert book.add(record.raw).name == "NEW", record
    book.save()
    later = address_book(tmp_path, epochs)
    assert later.addresses(NEW.public) == later.addresses(SECOND.public) == (WHERE,)
    assert later.addresses(OTHER_NEW.public) == ()
    later.save()
    assert {path.name for path in tmp_path.iterdir()} >= {
        "addresses.json",
        f"addresses-{epochs[1].genesis.group_id.hex()[:16]}.json",
    }
    assert address_book(tmp_path, epochs[:1]).addresses(FIRST.public) == (WHERE,)


def test_members_of_all_groups_before_are_guests(epochs: list[Epoch]) -> None:
    assert guests(epochs[:1]) == frozenset()
    assert guests(epochs) == frozenset(epochs[0].genesis.roster)
    third = follow(epochs[1], successor(epochs[1].genesis, 8, 12), 9)
    assert guests([*epochs, third]) == {*epochs[0].genesis.roster, *epochs[1].genesis.roster}


def test_a_key_that_is_lost_is_nobody_s(epochs: list[Epoch]) -> None:
    """Who has stolen it is given nothing, also not what the group before has left."""
    old = epochs[0]
    keys, lost = {FIRST.public: NEW.public}, frozenset({FIRST.public})
    to = follow(old, successor(old.genesis, keys=keys, lost=lost))
    kept = set(old.genesis.roster) - lost
    later = follow(to, successor(to.genesis, 8, 12), 9)
    assert guests([old, to]) == guests([Epoch(0, to.genesis)]) == kept
    assert guests([old, to, later]) == kept | {NEW.public}


def test_a_newcomer_lets_them_in_before_it_knows_of_the_handover(epochs: list[Epoch]) -> None:
    assert guests([Epoch(0, epochs[1].genesis)]) == frozenset(epochs[0].genesis.roster)


# -- a scout -----------------------------------------------------------------------------------


def test_a_scout_knows_the_drafts_that_lead_on(tmp_path: Path, epochs: list[Epoch]) -> None:
    old, to = (each.genesis for each in epochs)
    other = successor(old, leaving=frozenset({THIRD.public}))
    with Store.open(tmp_path) as store:
        assert list(drafts(store, old, old.group_id)) == []
        assert list(drafts(store, to, old.group_id)) == [to]
        keep_draft(store, other)
        assert list(drafts(store, to, old.group_id)) == [to], "nobody approved it"
        for approved, signer in ((other, 1), (other, 2), (to, 3)):
            about = said(Act.HANDOVER, approved.group_id, 3, 9, signer)
            keep_approval(store, old.group_id, about, 0)
        keep_approval(store, old.group_id, said(Act.PAUSE, bytes(32), 0, 9), 0)
        assert list(drafts(store, to, old.group_id)) == [to, other]
        assert list(drafts(store, old, old.group_id)) == [other], "the other one is not here"


def test_a_scout_goes_by_the_key_that_waits(tmp_path: Path, epochs: list[Epoch]) -> None:
    to, key = epochs[1].genesis, tmp_path / "peer.key"
    FIRST._write(key)
    assert identity_in(to, FIRST, key) is None
    found = identity_in(to, SECOND, key)
    assert found is not None and found.public == SECOND.public
    NEW._write(next_key(key))
    found = identity_in(to, FIRST, key)
    assert found is not None and found.public == NEW.public
    assert identity_in(to, FIFTH, tmp_path / "another.key") is None


def test_a_scout_calls_new_keys_at_old_addresses(tmp_path: Path, epochs: list[Epoch]) -> None:
    config: Any = SimpleNamespace(data=tmp_path, bootstrap=[at(FIRST), at(FIFTH), at(OTHER_NEW)])
    book = _book(cast(Any, config), [epochs[0], Epoch(0, epochs[1].genesis)])
    assert book.addresses(NEW.public) == book.addresses(OTHER_NEW.public) == (WHERE,)
    assert book.addresses(FIFTH.public) == ()
