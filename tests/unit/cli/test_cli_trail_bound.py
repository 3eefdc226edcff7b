"""A trail beside what the others' certificates hold of it: who writes it anew is found out."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import json_schema
import pytest

from peerd.audit.chain import encode_chain
from peerd.cli.main import main
from peerd.config import render_config
from peerd.group import save
from peerd.identity import Identity
from peerd.laboratory.simulation.node import Node
from peerd.storage import Store
from peerd.trail import Actor, Factor, Trail
from peerd.trail.record import Head, head_of, line_of
from protocols.record.effects import Completed
from protocols.record.setting import NO_HEAD
from tests.unit.audit.histories import LIAR, NAMES, Group, group, lay_out, members, simulated

SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "trail-verify.json"
ANNA = Actor(Factor.SOCKET, 1001, "anna", "operator")
ROUNDS = 5
ME = 0


@pytest.fixture
def place() -> Iterator[Path]:
    """``me``: the directory of a peer whose operator does something in every round; ``other``: what
    another member has.
    """
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        directory = Path(name)
        played(directory)
        yield directory


def played(directory: Path, *, peer: int = ME, start: str | None = None) -> tuple[Completed, ...]:
    """Record 0 begins the trail, 1 says who it is, and round r binds record r + 2."""
    genesis, me = group().genesis, directory / "me"
    me.mkdir()
    (me / "peerd.toml").write_text(render_config())
    save(genesis, me / "genesis.json")
    members(4)[peer]._write(me / "peer.key")
    with Store.open(me / "data") as store, closing(Trail(store)) as trail:
        trail.note("start", ANNA, peer=start or members(4)[peer].peer_id)

        def head(node: Node) -> bytes:
            if node.index != peer:
                return NO_HEAD
            trail.note("export model", ANNA)
            return trail.last_hash()

        done = simulated(genesis, seed=1, rounds=ROUNDS, head=head)
    lay_out(directory / "other", Group(genesis, members(4), done, ()))
    return done


def called(place: Path, *words: object) -> int:
    config = ("--config", str(place / "me" / "peerd.toml"))
    return main(["trail", "verify", *map(str, words), *config])


def against(
    place: Path, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, dict[str, Any], str]:
    """Exit code, document and error, held against the other's directory."""
    capsys.readouterr()
    code = called(place, *words, "--against", place / "other", "--json")
    said = capsys.readouterr()
    found: dict[str, Any] = json.loads(said.out) if said.out else {}
    if found:
        assert json_schema.errors(json.loads(SCHEMA.read_text()), found) == []
    return code, found, said.err


def trail_of(place: Path) -> Path:
    return place / "me" / "data" / "trail"


def remember(place: Path, head: Head) -> None:
    """Root writes the store's memory of the trail as well."""
    with Store.open(place / "me" / "data") as store:
        store.set_meta("trail", json.dumps([head.number, head.hash]).encode())


def rewritten(place: Path, change: Callable[[dict[str, Any]], None], first: int) -> None:
    """From record ``first`` on, with right hashes, as the store says too."""
    lines = trail_of(place).read_bytes().splitlines(keepends=True)
    before = head_of(lines[first - 1])
    kept = lines[:first]
    for line in lines[first:]:
        told = json.loads(line[65:])
        change(told)
        kept.append(line_of(before, ANNA, told["act"], told["arguments"], 1.8e9))
        before = head_of(kept[-1])
    trail_of(place).write_bytes(b"".join(kept))
    remember(place, before)


def test_one_that_nobody_changed_is_what_the_others_hold(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, _ = against(place, capsys)
    assert code == 0 and found["verified"]
    assert found["bound"] == {
        "peer": members(4)[ME].peer_id,
        "rounds": ROUNDS,
        "held": ROUNDS,
        "before": 0,
        "coins": 0,
        "newest_round": ROUNDS - 1,
        "newest_record": ROUNDS + 1,
        "loose": found["records"] - ROUNDS - 2,
        "wrong_round": None,
    }
    assert called(place, "--against", place / "other") == 0
    out = capsys.readouterr().out
    assert f"{ROUNDS} rounds of 'sepsis' bind a head of St. Mary's" in out
    assert f"up to round {ROUNDS - 1}, which binds record {ROUNDS + 1}, they are here" in out


def test_a_rewritten_record_is_found_with_round_and_record(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewritten(place, lambda told: told.update(act="pause"), 4)
    assert called(place) == 0  # by itself all is well, and to the store too
    capsys.readouterr()
    code, found, error = against(place, capsys)
    assert code == 9 and not found["verified"] and found["bad_record"] == 4
    assert found["bound"]["wrong_round"] == 2 and found["bound"]["held"] == 2
    assert (
        "record 4: round 2 of the group binds one behind record 3, which round 1 binds, and it is"
        " not here: records 4 to" in error
    )


def test_a_cut_end_is_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = trail_of(place).read_bytes().splitlines(keepends=True)[:5]
    trail_of(place).write_bytes(b"".join(lines))
    remember(place, head_of(lines[-1]))
    assert called(place) == 0
    code, found, error = against(place, capsys)
    assert code == 9 and found["bad_record"] == 5 and found["bound"]["wrong_round"] == 3
    assert "the end was cut off" in error


@pytest.mark.parametrize("count", [0, 20])
def test_another_trail_in_its_place_is_found(
    place: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    shutil.rmtree(place / "me" / "data")
    with Store.open(place / "me" / "data") as store, closing(Trail(store)) as trail:
        for _ in range(count):
            trail.note("export model", ANNA)
    assert called(place) == 0
    code, found, error = against(place, capsys)
    assert code == 9 and found["bad_record"] == 0 and found["bound"]["wrong_round"] == 0
    assert "another trail, or this one was written anew" in error


def test_what_no_round_binds_yet_may_be_rewritten(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit, and it is said how many these are."""
    with Store.open(place / "me" / "data") as store, closing(Trail(store)) as trail:
        number = trail.note("pause", ANNA).number
    rewritten(place, lambda told: told.update(act="resume"), number)
    code, found, _ = against(place, capsys)
    assert code == 0 and found["bound"]["loose"] >= 1
    assert called(place, "--against", place / "other") == 0
    assert "note: nothing binds the last" in capsys.readouterr().out


def test_where_the_others_keep_it_anybody_verifies_a_copy(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files alone: certificates, a genesis, a copy that says whose it is."""
    copy, chain = place / "copy", place / "chain"
    shutil.copy(trail_of(place), copy)
    genesis = place / "other" / "genesis.json"
    with Store.open(place / "other" / "data") as store:
        chain.write_bytes(encode_chain([store.certificate(n) or b"" for n in range(ROUNDS)]))
    words = [copy, "--against", chain, "--genesis", genesis]
    assert called(place, *words) == 0
    assert called(place, *words, "--peer", NAMES[ME]) == 0
    assert called(place, *words, "--against", copy) == 0  # both kinds at once
    assert called(place, *words, "--peer", NAMES[LIAR]) == 9
    assert called(place, *words, "--peer", "nobody") == 2
    assert "is no member of" in capsys.readouterr().err


def test_a_copy_that_does_not_say_whose_it_is_is_asked_about(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = place / "copy"
    lines = trail_of(place).read_bytes().splitlines(keepends=True)
    copy.write_bytes(lines[0])
    assert called(place, copy, "--against", place / "other") == 2
    assert "does not say whose it is; say so: --peer" in capsys.readouterr().err


def test_certificates_that_lie_convict_nobody_else(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = place / "chain"
    with Store.open(place / "other" / "data") as store:
        records = [store.certificate(n) or b"" for n in range(ROUNDS)]
    records[2] = records[2].replace(records[2][200:204], b"lies", 1)
    chain.write_bytes(encode_chain(records))
    assert called(place, "--against", chain) == 9
    assert "of what it is held against: " in capsys.readouterr().err


def test_a_trail_that_goes_on_from_another_file_is_judged_from_there(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = trail_of(place).read_bytes().splitlines(keepends=True)
    rest, begun = place / "rest", head_of(lines[3])
    kept = [line_of(begun, ANNA, "begin", {"lost": begun.hash}, 1e9)]
    rest.write_bytes(b"".join(kept))
    code, found, _ = against(place, capsys, rest, "--peer", NAMES[ME])
    assert code == 9 and found["bound"]["before"] == 1 and found["bound"]["held"] == 1
    assert found["bound"]["wrong_round"] == 2  # round 1 binds what it begins behind
    whole = place / "whole"
    whole.write_bytes(b"".join(lines[:4] + kept))
    code, found, _ = against(place, capsys, whole, "--peer", NAMES[ME])
    assert found["bound"]["held"] == 2 and found["bound"]["before"] == 0


def test_where_nothing_is_bound_it_is_not_called_verified(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "me" / "peer.key").unlink()
    Identity(bytes([9]) * 32)._write(place / "me" / "peer.key")
    assert called(place, "--against", place / "other") == 2
    assert "is of no member of" in capsys.readouterr().err


def test_a_daemon_that_binds_no_trail_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played(tmp_path, peer=ME)
    copy = tmp_path / "copy"
    shutil.copy(trail_of(tmp_path), copy)
    code, found, error = against(tmp_path, capsys, copy, "--peer", NAMES[1])
    assert code == 9 and found["bound"]["wrong_round"] == 0
    assert "binds that there was no trail" in error
