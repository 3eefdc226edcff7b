"""init, group and doctor: what two hospitals type, and every slip on the way."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_cli_daemon import schema_errors

from peerd.cli import founding
from peerd.cli.main import main
from peerd.config import Config
from peerd.group import Genesis
from peerd.identity import with_checksum
from peerd.runner import rehearsal
from peerd.storage import Store

PEERS = 4


UPDATE_SECONDS, CHECK_SECONDS = 3.0, 0.5
REHEARSE = rehearsal.rehearse  # the real one


@pytest.fixture(autouse=True)
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first model and an update take seconds and torch; tests/swarm covers them."""

    async def measured(
        request: founding.Founding, draft: Genesis, say: object, *, rooted: bool
    ) -> tuple[Genesis, float | None]:
        seconds = UPDATE_SECONDS if request.training is None else None
        return replace(draft, parameters=10), seconds

    async def rehearsed(genesis: object, task: object, public: object) -> rehearsal.Rehearsal:
        return rehearsal.Rehearsal(UPDATE_SECONDS, CHECK_SECONDS)

    monkeypatch.setattr(founding, "_measured", measured)
    monkeypatch.setattr(rehearsal, "rehearse", rehearsed)


def succeed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code = main([*words, "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    document: dict[str, Any] = json.loads(printed.out)
    return document


def fail(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    assert main(list(words)) == code
    printed = capsys.readouterr().err
    assert printed.startswith("peerd: error: ")
    assert printed.count("\n") == 1
    return printed


@pytest.fixture
def members(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A file of peer ids; the peers' directories are beside it."""
    listen = "/ip4/127.0.0.1/tcp/{}"
    made = [
        succeed(capsys, "init", str(tmp_path / f"peer{i}"), "--listen", listen.format(4100 + i))
        for i in range(PEERS)
    ]
    assert all(schema_errors("init", each) == [] for each in made)
    path = tmp_path / "members.txt"
    path.write_text("# our group\n" + "".join(f"{each['peer']}  # a site\n" for each in made))
    return path


def new(members: Path, *more: str) -> list[str]:
    out = str(members.parent / "genesis.json")
    return [
        *("group", "new", "--name", "hospitals", "--task", "digits", "--members", str(members)),
        *("--adversary", "0.25", "--out", out, *more),
    ]


def test_from_nothing_to_a_group(members: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = members.parent
    genesis = str(folder / "genesis.json")
    made = succeed(capsys, *new(members, "--deadline", "commit=5000"))
    assert schema_errors("group", made) == []
    assert made["deadlines"]["commit"] == 5000
    assert made["adversary"] == "1/4"
    copies = []
    for index in range(PEERS):
        copies.append(str(folder / f"signed{index}.json"))
        key = str(folder / f"peer{index}" / "peer.key")
        succeed(capsys, "group", "sign", genesis, "--key", key, "--out", copies[-1])
    assert "1 of 4 have not signed" in _verify_after_merge(capsys, folder, copies[:-1], code=4)
    _verify_after_merge(capsys, folder, copies, code=0)
    shown = succeed(capsys, "group", "show", str(folder / "merged.json"))
    assert shown["group"] == made["group"]
    assert all(member["signed"] for member in shown["members"])
    assert main(["group", "show", genesis]) == 0
    read = capsys.readouterr().out
    assert all(
        f"member {with_checksum(member['peer'])} missing" in read for member in shown["members"]
    )
    assert "commit 5000" in read and "task option" not in read


def _verify_after_merge(
    capsys: pytest.CaptureFixture[str], folder: Path, copies: list[str], code: int
) -> str:
    merged = str(folder / "merged.json")
    succeed(capsys, "group", "merge", *copies, "--out", merged)
    assert main(["group", "verify", merged]) == code
    return capsys.readouterr().err


def test_deadlines_follow_from_what_is_said(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*new(members, "--delta", "250")]) == 0
    printed = capsys.readouterr()
    assert "training_seconds 12: 4 times the 3.0 s from a model to a dealing" in printed.err
    assert "delta_ms 250\nbandwidth_bytes_per_second 1000000\ntraining_seconds 12\n" in printed.out
    made = succeed(capsys, "group", "show", str(members.parent / "genesis.json"))
    assert made["delta_ms"] == 250 and made["training_seconds"] == 12
    assert 1000 <= made["deadlines"]["check"] < 1100
    assert 12500 <= made["deadlines"]["deal"] < 12600


def test_who_is_too_slow_signs_nothing(members: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = members.parent
    genesis, key = str(folder / "genesis.json"), str(folder / "peer0" / "peer.key")
    succeed(capsys, *new(members, "--training", "1"))
    sign = ("group", "sign", genesis, "--key", key)
    said = fail(capsys, 4, *sign)
    assert (
        "takes 3.0 s from a model to a dealing, and the genesis allows training_seconds 1" in said
    )
    assert "training_seconds 1;" in said and "a larger --training" in said
    Path(genesis).unlink()
    succeed(capsys, *new(members, "--delta", "250"))
    said = fail(capsys, 4, *sign)
    assert "takes 0.5 s to check everybody's dealings" in said and "smaller --bandwidth" in said
    assert not any(member["signed"] for member in _shown(capsys, genesis))
    assert "peerd.toml, which says what data" in fail(
        capsys, 2, *sign, "--config", str(folder / "peerd.toml")
    )
    succeed(capsys, *sign, "--unmeasured")
    assert sum(member["signed"] for member in _shown(capsys, genesis)) == 1


def _shown(capsys: pytest.CaptureFixture[str], genesis: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = succeed(capsys, "group", "show", genesis)["members"]
    return listed


def test_deadlines_that_are_too_short_are_read_and_not_signed(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 24 groups with such deadlines six left an honest dealer out of a round, though every
    message came within Δ (tests/simulation/test_within_delta.py)."""
    genesis = members.parent / "genesis.json"
    succeed(capsys, *new(members))
    document = json.loads(genesis.read_text())
    genesis.write_text(json.dumps(document | {"deadlines": {"check": 1000}}))
    for verb in (("sign", "--key", str(members.parent / "peer0" / "peer.key")), ("verify",)):
        said = fail(capsys, 4, "group", verb[0], str(genesis), *verb[1:])
        if verb == ("verify",):
            assert "have not signed" in said
        else:
            assert "genesis: deadline check is 1000 ms, and at least 40" in said
    assert main(["group", "show", str(genesis)]) == 0
    printed = capsys.readouterr()
    assert "deadlines none" in printed.out and "deadline check is 1000 ms" in printed.err


def test_init_keeps_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "peer"
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n1,2\n")
    more = ["--data", str(rows), "--local", "held_out=other"]
    succeed(capsys, "init", str(place), "--partition", "2/8", "--seed", "7", *more)
    key = (place / "peer.key").read_bytes()
    assert stat.S_IMODE((place / "peer.key").stat().st_mode) == 0o600
    config = Config.load(place / "peerd.toml")
    assert (config.task.partition, config.task.partitions, config.task.seed) == (2, 8, 7)
    assert config.task.local == {"data": str(rows), "held_out": "other"}
    assert "exists already" in fail(capsys, 2, "init", str(place))
    (place / "peerd.toml").unlink()
    assert "exists already" in fail(capsys, 3, "init", str(place))
    assert (place / "peer.key").read_bytes() == key
    assert not (place / "peerd.toml").exists()


@pytest.mark.parametrize("more", [("--listen", "nowhere"), ("--partition", "8/8")])
def test_a_failed_init_leaves_no_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, str]
) -> None:
    fail(capsys, 2, "init", str(tmp_path / "peer"), *more)
    assert not (tmp_path / "peer" / "peer.key").exists()
    assert not (tmp_path / "peer" / "peerd.toml").exists()


@pytest.mark.parametrize(
    ("more", "code", "what"),
    [
        (("--members", "nobody"), 2, "--members: "),
        (("--adversary", "much"), 2, "--adversary"),
        (("--adversary", "0.2", "--dropout", "0.5"), 2, "plan"),
        (("--task", "nothing"), 2, "no such task"),
        (("--task-option", "model"), 2, "NAME=VALUE"),
        (("--task-option", "schema=@/no/such/file"), 2, "can't read"),
        (("--data", "/no/such/file"), 2, "no such file"),
        (("--local", "images"), 2, "NAME=VALUE; for example images=train.gz"),
        (("--constant", "theta"), 2, "NAME=VALUE; for example theta=12"),
        (("--label", "x"), 2, "--label needs --data"),
        (("--task", "table"), 2, "schema is missing; --data FILE --label COLUMN takes it"),
        (("--deadline", "commit"), 2, "PHASE=MILLISECONDS"),
        (("--deadline", "lunch=5000"), 2, "deadlines.lunch is unknown"),
        (("--deadline", "check=3999"), 2, "deadline check is 3999 ms, and at least 40"),
        (("--delta", "4000", "--deadline", "commit=15000"), 2, "and at least 160"),
        (("--delta", "0"), 2, "delta_ms must be in 10…3600000, not 0"),
        (("--bandwidth", "5"), 2, "bandwidth_bytes_per_second must be in 1000…"),
        (("--training", "0"), 2, "training_seconds must be in 1…86400, not 0"),
        (("--aggregator", "mean"), 2, "--aggregator: there is no aggregator 'mean'"),
        (("--constant", "lambda=much"), 2, "constant lambda = 'much'"),
    ],
)
def test_a_group_that_can_not_be(
    members: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, what: str
) -> None:
    assert what in fail(capsys, code, *new(members, *more))
    assert not (members.parent / "genesis.json").exists()


def test_where_it_can_not_be_written_is_said_before_the_first_model_is_computed(
    members: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def measured(*given: object, rooted: bool) -> tuple[Genesis, float | None]:
        raise AssertionError("computed for nothing")

    monkeypatch.setattr(founding, "_measured", measured)
    gone = members.parent / "gone"
    said = fail(capsys, 2, *new(members, "--out", str(gone / "genesis.json")))
    assert f"--out {gone / 'genesis.json'}: there is no directory {gone}; make it" in said
    for verb in ("sign", "merge"):
        key = ["--key", str(gone)] if verb == "sign" else []
        said = fail(capsys, 2, "group", verb, "any.json", *key, "--out", str(members.parent))
        assert f"--out {members.parent}: this is a directory" in said


def test_a_stranger_can_not_sign(
    members: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    succeed(capsys, *new(members))
    succeed(capsys, "init", str(tmp_path / "stranger"))
    genesis, key = str(tmp_path / "genesis.json"), str(tmp_path / "stranger" / "peer.key")
    assert "not in the roster" in fail(capsys, 4, "group", "sign", genesis, "--key", key)
    assert "exists already" in fail(capsys, 2, *new(members))


def test_the_doctor(members: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = members.parent / "peer0"
    doctor = ["doctor", "--config", str(place / "peerd.toml")]
    succeed(capsys, *new(members, "--out", str(place / "genesis.json")))
    key = place / "peer.key"
    for index in range(PEERS):
        signer = str(members.parent / f"peer{index}" / "peer.key")
        succeed(capsys, "group", "sign", str(place / "genesis.json"), "--key", signer)
    found = succeed(capsys, *doctor)
    assert schema_errors("doctor", found) == []
    assert found["healthy"]
    os.chmod(key, 0o644)
    (place / "data").mkdir(mode=0o700)
    (place / "data" / "run").mkdir(mode=0o755)
    assert main([*doctor, "--json"]) == 1
    levels = {each["check"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert levels["key"]["level"] == "error"
    assert "chmod 600" in levels["key"]["message"]
    assert "chmod 700" in levels["status socket"]["message"]
    assert levels["python"]["level"] == "ok"


def test_a_data_directory_of_another_key_is_refused(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the daemon ahead of its first word, and by the doctor before it."""
    place = members.parent / "peer0"
    config = ("--config", str(place / "peerd.toml"))
    succeed(capsys, *new(members, "--out", str(place / "genesis.json")))
    for index in range(PEERS):
        signer = str(members.parent / f"peer{index}" / "peer.key")
        succeed(capsys, "group", "sign", str(place / "genesis.json"), "--key", signer)
    (place / "data").mkdir(mode=0o700)
    with Store.open(place / "data") as store:
        store.put_certificate(0, b"of a peerd that wrote down no owner")
        store.set_owner(b"another")
    assert main(["doctor", *config, "--json"]) == 1
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert "another group or another key" in found["data directory"]["message"]
    assert main(["run", *config]) == 5
    assert "another group or another key" in capsys.readouterr().err


def test_show_prints_all_that_goes_to_everybody(
    tmp_path: Path, members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    names = [f"column{i}" for i in range(40)]
    rows.write_text(",".join([*names, "outcome"]) + "\n")
    with rows.open("a") as file:
        file.writelines(",".join([f"{i}.5"] * 40 + [str(i % 2)]) + "\n" for i in range(40))
    table = ("--task", "table", "--data", str(rows), "--label", "outcome")
    succeed(capsys, *new(members, *table))
    genesis = str(tmp_path / "genesis.json")
    assert main(["group", "show", genesis]) == 0
    printed = capsys.readouterr().out
    assert all(f'{{"name": "{name}", "mean": "20.0"' in printed for name in names)
    assert 'task option schema.classes ["0", "1"]' in printed


def test_an_audit_names_the_genesis_that_it_went_by(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An auditor with another group's genesis in hand: the transcript need not be wrong."""
    genesis = str(members.parent / "genesis.json")
    succeed(capsys, *new(members))
    for index in range(PEERS):
        signer = str(members.parent / f"peer{index}" / "peer.key")
        succeed(capsys, "group", "sign", genesis, "--key", signer)
    transcript = members.parent / "round.bin"
    transcript.write_bytes(b"")
    said = fail(capsys, 9, "audit", str(transcript), "--genesis", genesis)
    assert f"does not prove what it claims to the group of {genesis}" in said


def test_the_doctor_reads_every_certificate(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = members.parent / "peer0"
    (place / "data").mkdir(mode=0o700)
    with Store.open(place / "data") as store:
        for round_ in range(3):
            store.put_certificate(round_, b"certificate")
    doctor = ["doctor", "--config", str(place / "peerd.toml"), "--json"]
    main(doctor)
    assert "last certified round 2" in _said(capsys, "data directory")
    with sqlite3.connect(place / "data" / "peerd.sqlite3") as database:
        database.execute("UPDATE certificate SET value = x'00' WHERE round = 1")
    database.close()
    assert main(doctor) == 1
    assert "of round 1 in" in (said := _said(capsys, "data directory"))
    assert "peerd run --restored" in said


def test_the_doctor_says_what_is_kept(members: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Within a budget, and where what is kept for good is more than it."""
    place = members.parent / "peer0"
    (place / "data").mkdir(mode=0o700)
    with Store.open(place / "data") as store:
        for round_ in range(4):
            store.put_transcript(round_, bytes([round_]) * 400_000)
    config = (place / "peerd.toml").read_text()
    doctor = ["doctor", "--config", str(place / "peerd.toml"), "--json"]
    main(doctor)
    assert "4 transcripts" in (said := _said(capsys, "what is kept")) and "no budget" in said
    budgeted = config.replace('# disk_budget = "10 GB"', 'disk_budget = "1 MB"')
    (place / "peerd.toml").write_text(budgeted)
    main(doctor)
    assert "a budget of 1.0 MB" in _said(capsys, "what is kept"), "it can be met"
    with Store.open(place / "data") as store:
        for round_ in range(4):
            store.put_blame(round_, 1, "lied", b"evidence")
    main(doctor)
    found = json.loads(capsys.readouterr().out)["checks"]
    (kept,) = [each for each in found if each["check"] == "what is kept"]
    assert kept["level"] == "warning"
    assert "more than disk_budget allows" in kept["message"]


def _said(capsys: pytest.CaptureFixture[str], check: str) -> str:
    found = json.loads(capsys.readouterr().out)["checks"]
    return next(each["message"] for each in found if each["check"] == check)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device")])
def test_a_full_disk_is_no_fault_of_peerd(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Path, "open", full)
    said = fail(capsys, 2, "init", str(tmp_path / "peer"))
    assert "can't write peerd.toml: No space left on device; name another place" in said
    assert not (tmp_path / "peer").exists()


def test_the_doctor_reads_the_data_and_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table without its label, and a database cut short: found before the daemon starts."""
    rows, place = tmp_path / "rows.csv", tmp_path / "peer"
    rows.write_text("age,outcome\n" + "".join(f"{20 + i},{i % 2}\n" for i in range(40)))
    listen = ("--listen", "/ip4/127.0.0.1/tcp/4120")
    ids = [succeed(capsys, "init", str(place), *listen, "--data", str(rows))["peer"]]
    keys = [place / "peer.key"]
    for index in range(3):
        other = tmp_path / f"other{index}"
        ids.append(succeed(capsys, "init", str(other), *listen)["peer"])
        keys.append(other / "peer.key")
    genesis = str(place / "genesis.json")
    table = ("--task", "table", "--data", str(rows), "--label", "outcome", "--adversary", "0.25")
    succeed(capsys, "group", "new", "--name", "t", "--members", *ids, *table, "--out", genesis)
    for key in keys:
        succeed(capsys, "group", "sign", genesis, "--key", str(key))
    doctor = ["doctor", "--config", str(place / "peerd.toml")]
    assert succeed(capsys, *doctor)["healthy"]
    assert not (place / "data").exists()

    monkeypatch.setattr(rehearsal, "rehearse", REHEARSE)
    rows.write_text("age\n20\n")
    (place / "data").mkdir(mode=0o700)
    (place / "data" / "peerd.sqlite3").write_bytes(b"")
    assert main([*doctor, "--json"]) == 1
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert "no label column 'outcome'" in found["task"]["message"]
    assert "peerd.sqlite3 is empty" in found["data directory"]["message"]


def test_the_doctor_without_a_peer_looks_at_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = succeed(capsys, "doctor", "--config", str(tmp_path / "peerd.toml"))
    assert [each["level"] for each in found["checks"]][-1] == "warning"


def test_version_and_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema_errors("version", succeed(capsys, "version")) == []
    rows = succeed(capsys, "plan", "--peers", "10", "--adversary", "0.1")
    assert schema_errors("plan", rows) == []


def ids_in(members: Path) -> list[str]:
    return [line.split()[0] for line in members.read_text().splitlines() if line[0] != "#"]


WEIGHTED = ("--aggregator", "weighted-mean", "--constant", "cap=500")


def test_weights_are_stated_shown_and_signed(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = ids_in(members)
    lines = [f"{peers[0]}=500", f"{peers[1]} = 40  # beds", *(f"{peer}=1" for peer in peers[2:])]
    members.write_text("\n".join(lines))
    made = succeed(capsys, *new(members, *WEIGHTED))
    weights = {each["peer"]: each["weight"] for each in made["members"]}
    assert [weights[peer] for peer in peers] == [500, 40, *[1] * (len(peers) - 2)]
    assert main(["group", "show", str(members.parent / "genesis.json")]) == 0
    shown = capsys.readouterr().out
    assert f"member {with_checksum(peers[0])} missing weight 500" in shown
    assert "weights all 1" not in shown


def test_a_weight_over_the_cap_is_refused_and_not_cut(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cutting it would change, unsaid, what a site agreed to. A swarm refuses in the same words."""
    peers = ids_in(members)
    members.write_text("\n".join([f"{peers[0]}=501", *(f"{peer}=1" for peer in peers[1:])]))
    said = fail(capsys, 2, *new(members, *WEIGHTED))
    assert f"--members: {peers[0]} weighs 501, and weighted-mean allows 500 at most" in said
    assert "--constant cap=501" in said
    assert not (members.parent / "genesis.json").exists()
    said = fail(capsys, 2, "swarm", "--peers", "4", "--weights", "1,1,501,1", *WEIGHTED)
    assert "--weights: peer 2 weighs 501, and weighted-mean allows 500 at most" in said


@pytest.mark.parametrize("stated", [0, 1])
def test_who_states_no_weight_is_named(
    members: Path, capsys: pytest.CaptureFixture[str], stated: int
) -> None:
    """Beside sites of thousands, a forgotten weight would count for nothing, and nobody saw it."""
    peers = ids_in(members)
    lines = [*(f"{peer}=7" for peer in peers[:stated]), *peers[stated:]]
    members.write_text("\n".join(lines))
    said = fail(capsys, 2, *new(members, *WEIGHTED))
    assert f"{peers[stated]} and {len(peers) - stated - 1} more has no weight" in said


def test_all_may_say_that_they_count_alike(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members.write_text("\n".join(f"{peer}=1" for peer in ids_in(members)))
    succeed(capsys, *new(members, *WEIGHTED))
    assert main(["group", "show", str(members.parent / "genesis.json")]) == 0
    assert "weights all 1\n" in capsys.readouterr().out


def test_a_swarm_of_a_rule_without_weights_refuses_them(capsys: pytest.CaptureFixture[str]) -> None:
    said = fail(capsys, 2, "swarm", "--peers", "4", "--weights", "1,1,2,1")
    assert "--weights: rsa gives every member the weight 1" in said


@pytest.mark.parametrize("weight", ["0", "-1", "many", "1.5", ""])
def test_a_weight_that_is_none_is_refused(
    members: Path, capsys: pytest.CaptureFixture[str], weight: str
) -> None:
    first, *others = ids_in(members)
    members.write_text("\n".join([f"{first}={weight}", *others]))
    said = fail(capsys, 2, *new(members, "--aggregator", "weighted-mean"))
    assert "positive whole number" in said


def test_a_rule_without_weights_refuses_them(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = ids_in(members)
    members.write_text("\n".join([f"{first}=7", *others]))
    assert "gives every member the weight 1" in fail(capsys, 2, *new(members))


def test_a_rule_and_its_constants_from_a_file(
    members: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = members.parent / "rule.toml"
    file.write_text('aggregator = "centered-clipping"\n[constants]\ntheta = 12\ntau = "1/7"\n')
    made = succeed(capsys, *new(members, "--aggregator", str(file), "--constant", "theta=9"))
    assert made["aggregator"] == "centered-clipping"
    assert made["constants"]["theta"] == 9
    assert made["constants"]["tau"] == "1/7"


@pytest.mark.parametrize(
    ("text", "code", "what"),
    [
        ("aggregator = ", 2, "is no TOML"),
        ("[constants]\n", 2, "must hold aggregator"),
        ('aggregator = "rsa"\nconstants = 3\n', 2, "must hold aggregator"),
        ('aggregator = "rsa"\nmore = 3\n', 2, "no more"),
        ('aggregator = "rsa"\n[constants]\neta = 0.5\n', 2, "write a fraction as text"),
        ('aggregator = "rsa"\n[constants]\ntau = "1"\n', 2, "no constant 'tau'"),
        ('aggregator = "nowhere:Rule"\n', 2, "no module 'nowhere'"),
    ],
)
def test_a_rule_file_that_makes_no_rule(
    members: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, what: str
) -> None:
    file = members.parent / "rule.toml"
    file.write_text(text)
    assert what in fail(capsys, code, *new(members, "--aggregator", str(file)))
    assert "can't read" in fail(capsys, 2, *new(members, "--aggregator", "missing.toml"))
