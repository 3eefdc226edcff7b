"""A whole history is verified from its genesis on, and every kind of lie in one is found."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import histories
import jsonschema
import pytest
import trio
from histories import LIAR, NAMES, Group, group, lay_out, transcripts

from peerd.audit.chain import encode_chain
from peerd.audit.epoch import epoch_of
from peerd.audit.words import facts
from peerd.cli.main import main
from peerd.group import save
from peerd.group.document import render
from peerd.identity import peer_id_of
from peerd.laboratory.simulation.swarm import first_model
from peerd.runner.evidence.evidence_file import evidence_file
from peerd.status import StatusBoard, Views, serve_status
from peerd.status.routes import AuditViews
from peerd.storage import Store
from peerd.storage.seal import seal
from protocols.errors import WireError

ROUNDS = 5
SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "audit.json"


def audit(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    """Exit code and document, which has the form that is written down."""
    code = main(["audit", *map(str, words), "--json"])
    said = capsys.readouterr()
    document: dict[str, Any] = json.loads(said.out)
    assert (code == 0) is (document["verdict"] == "verified") is (document["first_failure"] is None)
    assert (code == 0) is (said.err == ""), said.err
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    return code, document


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "peer")


def genesis_file(folder: Path, of: Group | None = None) -> Path:
    path = folder / "first.json"
    save((of or group()).genesis, path)
    return path


# -- what holds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "data"])
def test_a_directory_is_a_whole_history(
    peer: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = audit(capsys, peer / place)
    assert code == 0
    assert (found["rounds"], found["rounds_with_transcript"], found["handovers"]) == (5, 5, 0)
    assert found["model"]["round"] == ROUNDS - 1 and not found["genesis_given"]
    assert found["model"]["hash"] == group().completed[-1].model_hash.hex()
    (blame,) = found["blamed"]
    liar = group().genesis.roster[LIAR]
    assert blame["peer"] == peer_id_of(liar) and blame["name"] == group().genesis.name_of(LIAR)
    assert blame["round"] == 0 and "fail" in blame["reason"]
    assert set(blame) == {"peer", "name", "round", "reason"}


def test_nothing_in_the_directory_is_changed(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in peer.rglob("*") if path.is_file()}

    before = contents()
    audit(capsys, peer)
    assert contents() == before


def test_rounds_without_their_transcript_are_verified_by_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = audit(capsys, lay_out(tmp_path / "peer", pruned=3))
    assert code == 0
    assert (found["rounds"], found["rounds_with_transcript"]) == (5, 2)
    assert [each["transcript"] for each in found["history"]] == [False] * 3 + [True] * 2
    assert [each["round"] for each in found["blamed"]] == [0], "evidence is kept beside"


def test_a_folder_of_files_and_the_hash_of_the_genesis_are_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    transcripts(folder)
    save(group().genesis, folder / "group.json")
    (folder / "README.txt").write_text("from St. Mary's")
    (folder / "status.json").write_text("{}")
    code, found = audit(capsys, folder, "--genesis", group().genesis.group_id.hex())
    assert code == 0 and found["rounds"] == 5 and len(found["skipped"]) == 2
    code, found = audit(capsys, folder, "--genesis", "ab" * 32)
    reason = found["first_failure"]["reason"]
    assert code == 9 and "ab" * 32 in reason and "group.json" in reason, (
        "it may be what was changed"
    )


def test_a_chain_of_certificates_evidence_and_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain, evidence = tmp_path / "chain", tmp_path / "evidence"
    chain.write_bytes(encode_chain([done.certificate for done in group().completed]))
    evidence.write_bytes(group().blamed[0].evidence)
    code, found = audit(capsys, chain, evidence, "--genesis", genesis_file(tmp_path))
    assert code == 0 and found["rounds"] == 5 and found["rounds_with_transcript"] == 0
    assert len(found["blamed"]) == 1 and found["model"] is None
    code, found = audit(capsys, evidence, "--genesis", genesis_file(tmp_path))
    assert code == 0 and found["rounds"] == 0 and len(found["blamed"]) == 1


@pytest.mark.parametrize("transcript", [True, False])
def test_a_proof_of_blame_is_verified_alone_and_beside_a_history(
    peer: Path, transcript: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = peer.parent / "proof.bin"
    done = group().completed[0].transcript if transcript else None
    proof.write_bytes(evidence_file(group().blamed[0].evidence, done))
    code, found = audit(capsys, proof, "--genesis", genesis_file(peer.parent))
    assert code == 0 and found["transcript"] is transcript and found["rounds"] == 0
    assert [(each["name"], each["round"]) for each in found["blamed"]] == [
        (group().genesis.name_of(LIAR), 0)
    ]
    code, found = audit(capsys, peer, proof)
    assert code == 0 and len(found["blamed"]) == 1 and found["rounds"] == ROUNDS
    data = bytearray(proof.read_bytes())
    data[-40] ^= 1
    proof.write_bytes(data)
    code, found = audit(capsys, peer, proof)
    assert code == 9 and found["first_failure"]["file"] == str(proof)
    others = genesis_file(peer.parent, group("others", 3, None))
    assert audit(capsys, proof, "--genesis", others)[0] == 9


def test_a_single_transcript_keeps_its_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = transcripts(tmp_path / "folder")[3]
    code, found = audit(capsys, path, "--genesis", genesis_file(tmp_path))
    assert code == 0 and found["rounds"] == 1 and not found["from_genesis"]
    assert found["round"] == 3 and found["attempt"] == 0
    assert found["model_hash"] == group().completed[3].model_hash.hex()
    assert {
        *("group", "committee", "cohort", "absent", "abandoned_by", "words", "flips_voided_by"),
        *("previous", "certificate", "cohort_follows_from_evidence", "blamed"),
    } <= found.keys()


def test_who_took_part_and_who_sat_is_told_of_each_round(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = audit(capsys, peer)
    ids = [peer_id_of(public) for public in group().genesis.roster]
    for each in found["history"]:
        assert sorted(each["committee"]) == sorted(ids)
        assert each["took_part"] == [ids[i] for i in range(4) if i != LIAR]
        assert each["guilty"] == [ids[LIAR]] and each["away"] == []
        assert len(bytes.fromhex(each["seed"])) == 32
        assert each["opened"]["updates"] == 3 and each["opened"]["integers"] == histories.SIZE


def test_a_silent_member_is_away_and_not_blamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = group("silent", 2, "silent")
    _, found = audit(capsys, lay_out(tmp_path / "peer", of))
    assert found["blamed"] == []
    silent = found["groups"][0]["members"][LIAR]
    assert silent["away"] == 2 and silent["name"] == of.genesis.name_of(LIAR)


@pytest.mark.trio
@pytest.mark.parametrize("held", [False, True])
async def test_a_running_daemon_is_asked(tmp_path: Path, held: bool) -> None:
    """At its socket, and where its directory is named too: that is locked."""
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:  # a socket's path is short
        peer = lay_out(Path(name), pruned=1)
        socket = peer / "data" / "run" / "status.sock"
        with Store.open(peer / "data") as store:
            views = Views(
                list,
                store.rounds,
                store.round,
                store.transcript,
                store.model,
                audit=AuditViews(
                    lambda: render(group().genesis).encode(),
                    lambda: [{"first_round": 0, "genesis": json.loads(render(group().genesis))}],
                    lambda first, limit: store.certificates(first, 2),
                    lambda: {**store.kept()},
                ),
            )
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(serve_status, StatusBoard(), socket, views))
                peerd = [sys.executable, "-m", "peerd"]
                chain = str(tmp_path / "chain")
                get = [*peerd, "rounds", "--certificates", chain, "--socket", str(socket)]
                await trio.run_process(get, capture_stdout=True)
                asked = str(peer if held else socket)
                done = await trio.run_process(
                    [*peerd, "audit", asked, chain, "--json"],
                    capture_stdout=True,
                    capture_stderr=True,
                    check=False,
                )
                nursery.cancel_scope.cancel()
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["rounds"], found["rounds_with_transcript"]) == (5, 4)
    assert found["model"]["round"] == ROUNDS - 1


def test_a_locked_directory_without_a_socket_is_left_alone(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(peer / "data"):
        assert main(["audit", str(peer)]) == 5
    assert "status socket" in capsys.readouterr().err


# -- lies ------------------------------------------------------------------------------------------


def execute(peer: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(peer / "data" / "peerd.sqlite3")
    connection.execute(sql, values)
    connection.commit()
    connection.close()


def remove(peer: Path) -> str:
    execute(peer, "DELETE FROM certificate WHERE round = 2")
    return "round 2 is missing"


def remove_all_of_it(peer: Path) -> str:
    for table in ("certificate", "transcript", "model"):
        execute(peer, f"DELETE FROM {table} WHERE round = 2")
    return "round 2 is missing"


def remove_the_first(peer: Path) -> str:
    for table in ("certificate", "transcript", "model"):
        execute(peer, f"DELETE FROM {table} WHERE round = 0")
    return "round 0 is missing"


def replace_certificate(peer: Path, round_: int, value: bytes) -> None:
    """With the seal that goes with it: whoever can write the file can make one."""
    record = (value, seal("certificate", round_, "", value), round_)
    execute(peer, "UPDATE certificate SET value = ?, seal = ? WHERE round = ?", *record)


def flip_in_certificate(peer: Path) -> str:
    data = bytearray(group().completed[2].certificate)
    data[-10] ^= 1
    replace_certificate(peer, 2, bytes(data))
    return "did not sign"


def break_seal(peer: Path) -> str:
    execute(peer, "UPDATE certificate SET value = zeroblob(20) WHERE round = 2")
    return "seal"


def another_groups(peer: Path) -> str:
    replace_certificate(peer, 2, group("others", 3, None).completed[2].certificate)
    return "another group"


def another_rounds(peer: Path) -> str:
    replace_certificate(peer, 2, group().completed[1].certificate)
    return "is of round 1"


def flip_in_transcript(peer: Path) -> str:
    name = sqlite_value(peer, "SELECT hash FROM transcript WHERE round = 2")
    blob = peer / "data" / "blobs" / name.hex()[:2] / name.hex()
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    return "not those of its name"


def lose_transcript(peer: Path) -> str:
    name = sqlite_value(peer, "SELECT hash FROM transcript WHERE round = 2")
    (peer / "data" / "blobs" / name.hex()[:2] / name.hex()).unlink()
    return "can't be read"


def another_model(peer: Path) -> str:
    with Store.open(peer / "data") as store:
        store.put_model(2, first_model(7, histories.SIZE))
    return "not the model that round 2 certified"


def sqlite_value(peer: Path, sql: str) -> bytes:
    connection = sqlite3.connect(peer / "data" / "peerd.sqlite3")
    ((value,),) = connection.execute(sql).fetchall()
    connection.close()
    return bytes(value)


LIES: list[Callable[[Path], str]] = [
    remove,
    remove_all_of_it,
    flip_in_certificate,
    break_seal,
    another_groups,
    another_rounds,
    flip_in_transcript,
    lose_transcript,
    another_model,
]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_in_a_directory_is_found_where_it_is(
    peer: Path, lie: Callable[[Path], str], capsys: pytest.CaptureFixture[str]
) -> None:
    what = lie(peer)
    code, found = audit(capsys, peer)
    assert code == 9
    failure = found["first_failure"]
    assert (failure["round"] == 2 and str(peer) in failure["file"]) or "missing" in what
    assert what in failure["reason"] or "missing" in failure["reason"]
    assert found["rounds"] >= 2 and len(found["blamed"]) == 1


def test_a_history_without_its_beginning_is_none(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remove_the_first(peer)
    code, found = audit(capsys, peer)
    assert code == 9 and found["first_failure"]["round"] == 0 and found["rounds"] == 0


def test_a_damaged_database_is_a_lie_too(peer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = peer / "data" / "peerd.sqlite3"
    path.write_bytes(path.read_bytes()[:5000])
    code, found = audit(capsys, peer)
    assert code == 9 and "damaged" in found["first_failure"]["reason"]
    path.unlink()
    code, found = audit(capsys, peer)
    assert code == 9 and "missing" in found["first_failure"]["reason"]


def test_another_evidence_proves_nothing(peer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(group().blamed[0].evidence)
    data[-1] ^= 1
    path = peer.parent / "evidence"
    path.write_bytes(data)
    code, found = audit(capsys, peer, path)
    assert code == 9 and found["first_failure"]["file"] == str(path)


def test_gaps_between_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths, first = transcripts(tmp_path / "folder"), genesis_file(tmp_path)
    code, found = audit(capsys, *paths[:2], *paths[3:], "--genesis", first)
    assert code == 9 and found["first_failure"]["round"] == 2 and found["rounds"] == 2
    code, found = audit(capsys, *paths[3:], "--genesis", first)
    assert code == 9 and found["first_failure"]["round"] == 0


def test_a_fork_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same members under the same genesis certify a round 1 twice: too many lie."""
    other = replace(group(), completed=forked())
    paths = transcripts(tmp_path / "folder")
    fork = transcripts(tmp_path / "other", other)[1]
    code, found = audit(capsys, *paths, fork, "--genesis", genesis_file(tmp_path))
    assert code == 9 and found["first_failure"]["round"] == 1
    assert "two certificates" in found["first_failure"]["reason"]
    longer = [paths[0], fork, *paths[2:]]
    code, found = audit(capsys, *longer, "--genesis", genesis_file(tmp_path))
    assert code == 9 and found["first_failure"]["round"] == 1
    assert "does not lead on" in found["first_failure"]["reason"]


def forked() -> tuple[Any, ...]:
    return histories.simulated(group().genesis, seed=2, rounds=2)


def test_a_genesis_that_not_all_have_signed(peer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = json.loads((peer / "genesis.json").read_text())
    text["signatures"].popitem()
    (peer / "genesis.json").write_text(json.dumps(text))
    code, found = audit(capsys, peer)
    assert code == 9 and "have not signed" in found["first_failure"]["reason"]
    text["delta_ms"] += 1
    (peer / "genesis.json").write_text(json.dumps(text))
    assert audit(capsys, peer)[0] == 9


def test_every_flipped_byte_of_a_file_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths, first = transcripts(tmp_path / "folder"), genesis_file(tmp_path)
    original = paths[1].read_bytes()
    for place in range(0, len(original), len(original) // 25):
        data = bytearray(original)
        data[place] ^= 4
        paths[1].write_bytes(data)
        code, _ = audit(capsys, tmp_path / "folder", "--genesis", first)
        assert code == 9, place


def test_what_breaks_the_chain_is_named_ahead_of_what_it_led_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing leads to a later group's genesis then: that is no lie of its own."""
    (folder := tmp_path / "folder").mkdir()
    certificates = [done.certificate for done in group().completed]
    damaged = bytearray(certificates[3])
    damaged[-10] ^= 1
    (folder / "all.bin").write_bytes(encode_chain([*certificates[:3], bytes(damaged)]))
    save(group("others", 3, None).genesis, folder / "later.json")
    code, found = audit(capsys, folder, "--genesis", genesis_file(tmp_path))
    assert code == 9 and found["rounds"] == 3
    assert (found["first_failure"]["round"], found["first_failure"]["file"]) == (
        3,
        f"{folder}/all.bin, certificate 3",
    )


def test_a_second_group_among_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transcripts(tmp_path / "folder")
    others = group("others", 3, None)
    save(others.genesis, tmp_path / "folder" / "others.json")
    code, found = audit(capsys, tmp_path / "folder", "--genesis", genesis_file(tmp_path))
    assert code == 9 and "another group" in found["first_failure"]["reason"]


def test_what_can_not_be_audited_is_a_slip_of_the_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def code(*words: object) -> tuple[int, str]:
        return main(["audit", *map(str, words)]), capsys.readouterr().err

    empty = tmp_path / "empty"
    empty.mkdir()
    first = genesis_file(tmp_path)
    assert code(empty, "--genesis", first)[0] == 2
    assert code(first)[0] == 2
    done, said = code(transcripts(tmp_path / "folder")[0])
    assert done == 2 and "--genesis" in said
    assert code(tmp_path / "nothing", "--genesis", first)[0] == 2
    assert code(first, "--report", tmp_path / "report.doc")[0] == 2
    assert code(first, "--report", tmp_path / "none" / "report.txt")[0] == 2


# -- reports ---------------------------------------------------------------------------------------


def test_the_page_stands_alone_and_escapes_names(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, text = peer / "report.html", peer / "report.txt"
    assert main(["audit", str(peer), "--report", str(page), "--report", str(text)]) == 0
    html = page.read_text()
    assert "VERIFIED" in html and "Charité &lt;b&gt;" in html and "<b>Charit" not in html
    for foreign in ("http:", "https:", "src=", "url(", "@import", "<script", "<link"):
        assert foreign not in html.replace("style-src", "")
    plain = text.read_text()
    assert all(name in plain for name in NAMES) and "Round 4, attempt 0" in plain
    assert "VERIFIED" in capsys.readouterr().out


def test_a_report_of_a_lie_names_it(peer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_in_certificate(peer)
    reports = [peer / f"report.{form}" for form in ("html", "txt", "json")]
    words = [word for path in reports for word in ("--report", str(path))]
    assert main(["audit", str(peer), *words]) == 9
    said = capsys.readouterr()
    assert said.err.startswith("peerd: error: ") and said.err.count("\n") == 1
    for text in (said.out, *(path.read_text() for path in reports)):
        assert "did not sign" in text and "VERIFIED" not in text


def test_a_lie_names_members_as_everybody_calls_them(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The core has places in a roster alone, and nobody counts them."""
    flip_in_certificate(peer)
    _, found = audit(capsys, peer)
    reason = found["first_failure"]["reason"]
    ends = {
        peer_id_of(key)[-8:]: name for key, name in zip(group().genesis.roster, NAMES, strict=True)
    }
    (end,) = [end for end in ends if f"(…{end})" in reason]
    assert reason == f"a result that {ends[end]} (…{end}) did not sign"


def test_a_place_that_no_member_has_is_left_as_it_is() -> None:
    epoch = epoch_of(group().genesis)
    assert epoch.told(WireError("peer 4 has no seat, or signed twice")).startswith("peer 4 has")


def test_a_picture_that_is_cut_says_so(
    peer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = peer / "report.html"
    for shown in (ROUNDS, 2):
        monkeypatch.setattr("peerd.audit.page.GRID", shown)
        page.unlink(missing_ok=True)
        assert main(["audit", str(peer), "--report", str(page)]) == 0
        assert ("The last 2 of 5 rounds" in page.read_text()) is (shown < ROUNDS)


def test_what_is_not_read_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lay_out(tmp_path / "folder" / "peer")
    for number in range(7):
        (tmp_path / "folder" / f"note-{number}.txt").write_text("hello")
    assert main(["audit", str(tmp_path / "folder")]) == 0
    said = capsys.readouterr().out
    assert "note-4.txt and 2 more" in said and "note-5" not in said


def test_a_model_that_is_a_lie_was_given_all_the_same() -> None:
    said: dict[str, Any] = {"rounds": 0, "groups": [], "history": [], "skipped": [], "model": None}
    said |= {"from_genesis": True, "genesis_given": True}
    lie = {"round": None, "file": "model.npz", "reason": "the model is not the one"}
    assert dict(facts({**said, "first_failure": None}))["model"] == "none was given to compare"
    assert dict(facts({**said, "first_failure": lie}))["model"] == "none is verified"
