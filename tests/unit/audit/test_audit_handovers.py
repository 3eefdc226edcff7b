"""Histories of groups that follow each other: what of them an audit takes for true."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.audit.chain import encode_chain
from peerd.audit.places import read_places
from peerd.cli.main import main
from peerd.errors import PeerdError, StorageError
from peerd.group import save
from peerd.group.document import render
from peerd.runner.succession.lineage import Epoch, handed_over, remember
from peerd.status import StatusBoard, Views, serve_status
from peerd.status.client import StatusAnswerError
from peerd.status.routes import AuditViews
from peerd.storage import Store
from protocols.record.certificate import origin_of
from tests.unit.group.successions import MEMBERS, MODEL, NEW, group, handover, successor
from tests.unit.runner.test_missed_handovers import rests

HANDOVER = 3
ROUNDS = 7


@dataclass
class Line:
    """Two groups: rounds 0 to HANDOVER, and on to ROUNDS."""

    old: Epoch
    new: Epoch
    certificates: list[bytes]


def line(**handing: Any) -> Line:
    old, previous, certificates = Epoch(0, group()), None, []
    for round_ in range(HANDOVER):
        record, previous = rests(old, round_, previous)
        certificates.append(record)
    to = successor(old.genesis, joining={NEW.public: None})
    told = handover(old, to, HANDOVER, previous=previous)
    new = handed_over(old.genesis, told, to)
    certificates.append(handover(old, to, HANDOVER, previous=previous, **handing))
    previous = origin_of(new.setting()).previous
    for round_ in range(HANDOVER + 1, ROUNDS):
        record, previous = rests(new, round_, previous)
        certificates.append(record)
    return Line(old, new, certificates)


@pytest.fixture
def history() -> Line:
    return line()


def peer(place: Path, of: Line, first: int = 0, *, joined: bool = False) -> Path:
    """A directory with the rounds from ``first`` on."""
    start = Epoch(HANDOVER, of.old.genesis) if joined else of.old
    place.mkdir()
    with Store.open(place / "data") as store:
        for round_, certificate in enumerate(of.certificates):
            if round_ >= first:
                store.put_model(round_, MODEL)
                store.put_certificate(round_, certificate)
        remember(store, [start, of.new])
    return place


def folder(place: Path, of: Line, certificates: list[bytes], *, both: bool = True) -> Path:
    place.mkdir()
    save(of.old.genesis, place / "old.json")
    if both:
        save(of.new.genesis, place / "new.json")
    (place / "chain").write_bytes(encode_chain(certificates))
    return place


def audit(capsys: pytest.CaptureFixture[str], *places: Path) -> tuple[int, dict[str, Any]]:
    code = main(["audit", *map(str, places), "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def test_a_member_has_both_groups(
    tmp_path: Path, history: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (
        peer(tmp_path / "peer", history),
        folder(tmp_path / "folder", history, history.certificates),
    ):
        code, found = audit(capsys, place)
        assert (code, found["rounds"], found["handovers"]) == (0, ROUNDS, 1)
        assert found["from_genesis"]


def test_who_joined_has_what_came_since(
    tmp_path: Path, history: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no liar because it was not there before; what it lacks is said."""
    joined = peer(tmp_path / "joined", history, HANDOVER, joined=True)
    late = folder(tmp_path / "late", history, history.certificates[HANDOVER:])
    for place in (joined, late):
        code, found = audit(capsys, place)
        assert (code, found["rounds"], found["handovers"]) == (0, ROUNDS - HANDOVER, 1)
        assert not found["from_genesis"]
        assert main(["audit", str(place)]) == 0
        said = capsys.readouterr().out
        assert "by itself" in said and "this history begins with a handover" in said
    code, found = audit(capsys, joined, peer(tmp_path / "member", history))
    assert (code, found["rounds"], found["from_genesis"]) == (0, ROUNDS, True)


@pytest.mark.trio
@pytest.mark.parametrize("joined", [False, True])
async def test_so_does_its_daemon(history: Line, joined: bool) -> None:
    first = HANDOVER if joined else 0
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:  # a socket's path is short
        place = peer(Path(name) / "p", history, first, joined=joined)
        with Store.open(place / "data") as store:
            groups = [
                {"first_round": first, "genesis": json.loads(render(history.old.genesis))},
                {"first_round": HANDOVER + 1, "genesis": json.loads(render(history.new.genesis))},
            ]
            found = await _asked(Path(name) / "s", store, groups)
    assert (found.whole, found.late) == (not joined, joined)
    assert len(found.certificates) == ROUNDS - first and len(found.geneses) == 2


@pytest.mark.trio
@pytest.mark.parametrize("groups", [[5], ["x"], [{}], [{"genesis": 1}]])
async def test_what_a_daemon_answers_may_be_anything(history: Line, groups: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        place = peer(Path(name) / "p", history)
        with Store.open(place / "data") as store:
            found = await _asked(Path(name) / "s", store, groups)
    assert found.lies or not found.geneses


@pytest.mark.trio
async def test_a_daemon_that_never_ends_is_left(history: Line) -> None:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        place = peer(Path(name) / "p", history)
        with Store.open(place / "data") as store:
            pages = store.certificates(0, 2)
            found = await _asked(Path(name) / "s", store, [], lambda first, limit: pages)
    assert isinstance(found, StatusAnswerError) and "again" in found.message


async def _asked(
    socket: Path, store: Store, groups: Any, pages: Callable[[int, int], Any] | None = None
) -> Any:
    told = AuditViews(
        lambda: b"{}", lambda: groups, pages or store.certificates, lambda: {**store.kept()}
    )
    views = Views(list, store.rounds, store.round, store.transcript, store.model, audit=told)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, StatusBoard(), socket, views))
        read = partial(read_places, [socket], genesis_given=True)
        try:
            found: object = await trio.to_thread.run_sync(read)
        except PeerdError as error:
            found = error
        nursery.cancel_scope.cancel()
    return found


# -- lies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("joined", [False, True])
def test_a_history_begins_nowhere_else(
    joined: bool, tmp_path: Path, history: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever cuts its first rounds off, and says that it joined, shows no handover."""
    first = HANDOVER - 1 if joined else HANDOVER
    code, found = audit(capsys, peer(tmp_path / "peer", history, first, joined=joined))
    assert code == 9 and found["rounds"] == 0
    code, found = audit(
        capsys, folder(tmp_path / "folder", history, history.certificates[first - joined :])
    )
    assert code == (9 if joined else 0)


def test_what_leads_from_one_group_to_the_next_is_proven(
    tmp_path: Path, history: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    certificates = history.certificates
    few = line(voters=MEMBERS[:3]).certificates
    places = {
        "no handover": (certificates[:HANDOVER] + certificates[HANDOVER + 1 :], True),
        "no quorum": (few, True),
        "no genesis": (certificates, False),
        "no middle": (certificates[:-2] + certificates[-1:], True),
        "no rounds": ([], True),
    }
    for number, (what, (kept, both)) in enumerate(places.items()):
        code, found = audit(capsys, folder(tmp_path / str(number), history, kept, both=both))
        assert code == 9, what
        assert found["rounds"] <= len(kept)


# -- places that are no files ----------------------------------------------------------------------


def _blob(place: Path) -> Path:
    return next(each for each in (place / "data" / "blobs").rglob("*") if each.is_file())


def test_a_pipe_or_a_hole_of_any_size_is_a_lie_and_read_by_nobody(
    tmp_path: Path, history: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, spoil in (
        ("pipe", lambda path: (path.unlink(), os.mkfifo(path))),
        ("hole", lambda path: os.truncate(path, 1 << 40)),
    ):
        place = peer(tmp_path / name, history)
        spoil(_blob(place))
        code, found = audit(capsys, place)
        assert code == 9 and "can't be read" in found["first_failure"]["reason"]
    sent = folder(tmp_path / "folder", history, history.certificates)
    os.truncate(sent / "chain", 1 << 40)
    code, found = audit(capsys, sent)
    assert code == 9 and "more than" in found["first_failure"]["reason"]


def test_a_pipe_in_the_place_of_a_lock_or_a_database_holds_nobody_up(
    tmp_path: Path, history: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    place = peer(tmp_path / "lock", history)
    (place / "data" / "lock").unlink()
    os.mkfifo(place / "data" / "lock")
    assert audit(capsys, place)[0] == 0
    database = place / "data" / "peerd.sqlite3"
    database.unlink()
    os.mkfifo(database)
    with pytest.raises(StorageError, match="named pipe"):
        read_places([place], genesis_given=True)
