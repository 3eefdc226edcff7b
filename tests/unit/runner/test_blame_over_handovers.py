"""Blame of a round is of the roster of that round, whoever has that place in the group now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerd.group import Genesis
from peerd.group.drafting import draft
from peerd.identity import peer_id_of
from peerd.metrics.tally import Tally
from peerd.runner.evidence.blame import blamed, blamed_members
from peerd.runner.succession.lineage import Epoch
from peerd.storage import Store
from peerd.storage.store import BLAMES_PER_PEER
from tests.unit.group.successions import MEMBERS, NAMES, NEW, OTHER_NEW, changes, named_group

FIRST, SECOND = MEMBERS[:2]


def lineage(**what: Any) -> list[Epoch]:
    old = named_group()
    return [Epoch(0, old), Epoch(5, draft(old, changes(**what)))]


def index(genesis: Genesis, public: bytes) -> int:
    return genesis.roster.index(public)


def test_who_was_blamed_before_others_came_and_went_is_named_still(tmp_path: Path) -> None:
    """Every place of the roster means another member behind the handover."""
    epochs = lineage(leaving=frozenset({FIRST.public}), joining={NEW.public: "Sixth House"})
    old, new = (epoch.genesis for epoch in epochs)
    with Store.open(tmp_path / "data") as store:
        for place in range(len(old.roster)):
            store.put_blame(1, place, "lied", bytes([place + 1]))
        shown = blamed(store, epochs, ())
        expected = {(peer_id_of(each), old.name_of(index(old, each))) for each in old.roster}
        assert {(each["peer"], each["name"]) for each in shown} == expected
        stayed = {index(new, each) for each in old.roster if each != FIRST.public}
        assert set(blamed_members(store, epochs)) == stayed
        assert Tally(blamed_members(store, epochs), store.round).guilty == stayed


def test_a_member_with_another_key_is_not_missing(tmp_path: Path) -> None:
    epochs = lineage(keys={SECOND.public: OTHER_NEW.public})
    old = epochs[0].genesis
    with Store.open(tmp_path / "data") as store:
        assert [each["name"] for each in blamed(store, epochs, {SECOND.public})] == [NAMES[1]]
        (one,) = blamed(store, epochs, {SECOND.public, OTHER_NEW.public})
        assert (one["peer"], one["evidence"]) == (peer_id_of(OTHER_NEW.public), None)
        store.put_blame(1, index(old, SECOND.public), "lied", b"evidence")
        (one,) = blamed(store, epochs, {OTHER_NEW.public})
        assert (one["peer"], one["round"]) == (peer_id_of(SECOND.public), 1)


def test_evidence_of_who_had_the_place_before_takes_nobodys_room(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        for number in range(BLAMES_PER_PEER + 1):
            store.put_blame(number, 2, "lied", b"x")
        assert len(store.blames()) == BLAMES_PER_PEER
        store.put_blame(50, 2, "lied", b"y", since=40)
        assert len(store.blames()) == BLAMES_PER_PEER + 1
