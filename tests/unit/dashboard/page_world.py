"""A page without a daemon: group, rounds, evidence and certificates are real, in a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from peerd.dashboard.sources import Sources
from peerd.identity import peer_id_of
from peerd.runner.evidence.blame import blamed, evidence
from peerd.runner.members import Members
from peerd.runner.records import Records
from peerd.runner.succession.lineage import Epoch
from peerd.status import StatusBoard, Views
from peerd.storage import Store
from tests.unit.audit.histories import Group, group, lay_out

VERSION = "9.8.7"
HOSTILE = "<script>alert(1)</script>\"'&</td>\x1b[31m\n"


@dataclass
class World:
    """``peers`` and ``rounds``: as the daemon's views give them; a test may change them."""

    board: StatusBoard
    peers: list[dict[str, Any]]
    rounds: list[dict[str, Any]]
    certificates: list[bytes]
    sources: Sources = field(init=False)


def cost() -> dict[str, Any]:
    phase = {"wall_seconds": 0.5, "cpu_seconds": 0.1, "bytes_in": 10, "bytes_out": 20}
    phases = {"agreeing on the cohort": phase, "collecting commitments": phase, "start": phase}
    return {"seconds": 1.5, "bytes": 30, "bytes_in": 10, "bytes_out": 20, "phases": phases}


@contextmanager
def world(directory: Path, of: Group | None = None) -> Iterator[World]:
    """Five rounds, in the first of which the last member dealt wrong shares."""
    of = of or group()
    lay_out(directory, of)
    with Store.open(directory / "data") as store:
        genesis = of.genesis
        records = Records(store, genesis.roster, genesis.names)
        for done in of.completed:
            measured = {"rows": 90, "sites": 3, "accuracy": 0.5, "within": 0.25, "loss": 1.5}
            store.put_round(done.round, records.summary(done, cost()) | {"group": measured})
        board = StatusBoard()
        board.update(
            state="running",
            group=genesis.group_id.hex(),
            peer=peer_id_of(genesis.roster[0]),
            name=genesis.name_of(0),
            round=5,
            attempt=0,
            phase="collecting reports",
            head=4,
            warnings=[],
            waiting=[],
        )
        epochs = [Epoch(0, genesis)]
        members = Members(genesis.roster, genesis.names)
        found = World(
            board,
            [_peer(of, index) for index in range(len(genesis.roster))],
            members.all_shown(store.rounds()),
            store.certificates(0, 100),
        )
        views = Views(
            peers=lambda: found.peers,
            rounds=lambda limit: found.rounds[-limit:],
            round=lambda n: next((each for each in found.rounds if each["round"] == n), None),
            counted=lambda: len(found.rounds),
            blame=lambda: blamed(store, epochs, ()),
            evidence=partial(evidence, store),
        )
        found.sources = Sources(
            board,
            views,
            lambda: epochs,
            lambda first, limit: found.certificates[first : first + limit],
        )
        yield found


def _peer(of: Group, index: int) -> dict[str, Any]:
    return {
        "peer": peer_id_of(of.genesis.roster[index]),
        "name": of.genesis.name_of(index),
        "self": index == 0,
        "connected": index != 2,
        "away": False,
        "address": "",
        "bytes_in": 1000 * index,
        "bytes_out": 2000,
        "rtt": None if index == 0 else 0.012 * index,
        "last_seen": None,
        "version": VERSION if index in (0, 1) else None,
    }


class Page(HTMLParser):
    """A page as a browser takes it: its tags and its text. AssertionError for one left open."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> Sequence[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]
