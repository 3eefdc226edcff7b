"""The text that Prometheus reads: what it says, in names that its conventions ask for."""

from __future__ import annotations

import re

import pytest
from prometheus_client import REGISTRY

from peerd.identity import Identity
from peerd.metrics.exposition import SHORTEST, member_labels
from peerd.metrics.tally import Tally
from protocols.record.effects import Blame, Dropped
from tests.unit.metrics.metrics_world import (
    ME,
    MEMBERS,
    NAMES,
    STATUS,
    exposition,
    genesis,
    names_in,
    parsed,
)
from tests.unit.metrics.promtool import needed, promtool


def value(text: bytes, metric: str, /, **labels: str) -> float | None:
    return parsed(text).get((metric, tuple(sorted(labels.items()))))


def test_what_the_status_knows() -> None:
    text = exposition().text()
    assert value(text, "peerd_state", state="running") == 1
    assert value(text, "peerd_state", state="stopped") == 0
    assert value(text, "peerd_phase", phase="waiting for dealings") == 1
    assert (value(text, "peerd_round"), value(text, "peerd_attempt")) == (7, 1)
    assert value(text, "peerd_head_round") == 6
    assert value(text, "peerd_warnings") == 2
    assert value(text, "peerd_waiting_peers") == 1
    assert value(text, "peerd_delta_seconds") == 1.5
    assert value(text, "peerd_group_accuracy_ratio") == 0.75
    assert value(text, "peerd_local_accuracy") == 0.5  # of the last round that was evaluated
    assert value(text, "peerd_connected_peers") == 2
    assert value(text, "peerd_roster_peers") == 4


def test_what_is_not_known_has_no_sample() -> None:
    text = exposition(status={"state": "starting", "round": None, "phase": None}, rounds=[]).text()
    for name in ("peerd_round", "peerd_group_loss", "peerd_local_accuracy", "peerd_waiting_peers"):
        assert value(text, name) is None
    assert value(text, "peerd_state", state="starting") == 1


def test_a_state_that_is_new_is_told() -> None:
    text = exposition(status=STATUS | {"state": "paused"}).text()
    assert value(text, "peerd_state", state="paused") == 1
    assert value(text, "peerd_state", state="running") == 0


def test_members_are_told_apart_by_the_end_of_their_peer_ids_and_by_name() -> None:
    text = exposition(names=NAMES).text()
    found = {dict(labels)["name"] for name, labels in parsed(text) if name == "peerd_peer_guilty"}
    assert found == set(NAMES)
    mine = MEMBERS[1].peer_id[-SHORTEST:]
    assert value(text, "peerd_peer_guilty", peer=mine, name=NAMES[1]) == 0
    assert value(text, "peerd_peer_connected", peer=mine, name=NAMES[1]) is None


def test_ids_that_end_alike_are_shown_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {peer.public: f"12D3KooW{index}{'x' * 20}" for index, peer in enumerate(MEMBERS)}
    monkeypatch.setattr("peerd.metrics.exposition.peer_id_of", lambda public: ids[public])
    labels = [peer for peer, _ in member_labels(genesis())]
    assert len(set(labels)) == 4 and all(len(each) == 21 for each in labels)


def test_counters_count() -> None:
    tally = Tally([0], lambda number: None)
    tally.saw(Blame(0, 2, "equivocation", b"evidence"))
    tally.saw(Dropped(2, "12 bytes trail the message"))
    text = exposition(tally).text()
    assert value(text, "peerd_blames_total") == 1
    assert value(text, "peerd_guilty_members") == 2
    assert value(text, "peerd_dropped_frames_total", reason="… bytes trail the message") == 1
    assert value(text, "peerd_rounds_total", outcome="completed") == 0


def test_nothing_of_other_libraries_is_in_it_and_nothing_of_ours_elsewhere() -> None:
    names = names_in(exposition().text())
    assert all(re.match(r"(peerd_|process_)", name) for name in names), names
    assert not any(each.name.startswith("peerd") for each in REGISTRY.collect())


def test_no_label_but_these_and_no_key_in_full() -> None:
    text = exposition(names=NAMES).text()
    known = {"version", "group", "peer", "name", "state", "phase", "outcome", "reason"}
    assert {label for _, labels in parsed(text) for label, _ in labels} == known
    for peer in MEMBERS:
        assert peer.peer_id.encode() not in text and peer.public.hex().encode() not in text
    assert genesis(NAMES).group_id.hex().encode() not in text


def test_the_names_follow_the_conventions() -> None:
    text = exposition().text().decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    assert set(kinds.values()) == {"counter", "gauge"}
    for name, kind in kinds.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|milliseconds|kb|mb|percent|count)(_|$)", name), name


@needed
@pytest.mark.parametrize("names", [(), NAMES])
def test_promtool_takes_it(names: tuple[str, ...]) -> None:
    promtool("check", "metrics", text=exposition(names=names).text())


def test_it_is_of_this_peer() -> None:
    assert Identity(bytes([0]) * 32).public in {peer.public for peer in MEMBERS}
    (labels,) = (dict(found) for name, found in parsed(exposition().text()) if name == "peerd_info")
    assert labels["peer"] == next(p.peer_id for p in MEMBERS if p.public == ME)[-SHORTEST:]
    assert labels["group"] == genesis().group_id.hex()[:16]
