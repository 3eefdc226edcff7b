"""Names of members on the command line: as people write them, and wherever a member is shown."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from test_cli_daemon import schema_errors
from test_cli_group import PEERS, _no_training, fail, succeed

from peerd.cli import peers as peers_command
from peerd.cli import rounds
from peerd.cli.main import main
from peerd.cli.members import line_of, listed, members, names_of
from peerd.errors import ConfigError
from peerd.identity import Identity, with_checksum
from peerd.labels import label

__all__ = ["_no_training"]  # no worker here either

IDENTITIES = [Identity(bytes([index]) * 32) for index in range(PEERS)]
PEER = with_checksum(IDENTITIES[0].peer_id)
NAMES = ["St. Mary's", "Universitätsklinik Köln", "Ward #3", "国立病院"]


# -- as people write them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behind", "number", "name"),
    [
        ("", None, None),
        (" ", None, None),
        ("=120", 120, None),
        (" = 120", 120, None),
        ("  St. Mary's Hospital", None, "St. Mary's Hospital"),
        ("\tSt. Mary's", None, "St. Mary's"),
        ("=120  St. Mary's Hospital  # comment", 120, "St. Mary's Hospital"),
        (" = 120 St. Mary's", 120, "St. Mary's"),
        ("=120 7", 120, "7"),
        (" 7", None, "7"),
        ("#comment", None, None),
        ("=120#comment", 120, None),
        ("  #comment", None, None),
        ("  # comment", None, None),
        ("  Mary #", None, "Mary"),
        ("  Mary ## of the north", None, "Mary"),
        ("  C#-Clinic # comment", None, "C#-Clinic"),
        ('  "Ward #3"', None, "Ward #3"),
        ('=5 "Ward # 3"  # comment', 5, "Ward # 3"),
        ('  "Mary ""North"" #3"', None, 'Mary "North" #3'),
        ('  Clinic "North"', None, 'Clinic "North"'),
        ("  " + unicodedata.normalize("NFD", "Köln"), None, "Köln"),
        ("  a=b", None, "a=b"),
    ],
)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_line_has_peer_number_and_name(
    behind: str, number: int | None, name: str | None, in_file: bool, tmp_path: Path
) -> None:
    path = tmp_path / "members.txt"
    path.write_text(f"# our group\n\n\ufeff{PEER}{behind}\r\n")
    (found,) = listed([str(path) if in_file else PEER + behind])
    assert (found.public, found.number, found.name) == (IDENTITIES[0].public, number, name)
    assert members([PEER + behind]) == {IDENTITIES[0].public: number}


SPECIAL = ['"Mary"', 'a "b" #c', "#1", "C#", "x # y", "At /ip4/10.0.0.1/tcp/1", "/dns/x"]


@pytest.mark.parametrize("address", [None, "/ip4/10.0.0.1/tcp/4001", "/dns4/a.example/tcp/1"])
@pytest.mark.parametrize("name", [None, *NAMES, *SPECIAL])
def test_a_card_is_read_back(name: str | None, address: str | None) -> None:
    (found,) = listed([line_of(PEER, name, address)])
    assert (found.name, found.address) == (name, address)


@pytest.mark.parametrize(
    ("behind", "name", "address"),
    [
        ("  /ip4/10.0.0.1/tcp/4001", None, "/ip4/10.0.0.1/tcp/4001"),
        ("=7 Mary  /dns/m.example/tcp/1  # north", "Mary", "/dns/m.example/tcp/1"),
        ("  Mary  # was at /ip4/10.0.0.1/tcp/4001", "Mary", None),
        ('  "Mary # 2"  /ip6/2001:db8::1/tcp/1 #x', "Mary # 2", "/ip6/2001:db8::1/tcp/1"),
        ("  Mary /north", "Mary /north", None),
    ],
)
def test_an_address_stands_behind_the_name(
    behind: str, name: str | None, address: str | None
) -> None:
    (found,) = listed([PEER + behind])
    assert (found.name, found.address) == (name, address)


@pytest.mark.parametrize(
    "behind",
    ["  Mary /ip4/10.0.0.1/tcp/0", "  /ip4/10.0.0.1", "  Mary /dns4/", '  "Mary" /north'],
)
def test_what_is_nearly_an_address_is_refused(behind: str) -> None:
    with pytest.raises(ConfigError, match="must look like /ip4/"):
        listed([PEER + behind])


@pytest.mark.parametrize(
    ("behind", "why"),
    [
        ("  Ward #3", "is #3 a comment, or of the name"),
        ('  "Ward #3', "a quoted name ends in a quote"),
        ('  "Ward" x', "a quoted name ends in a quote"),
        ("  St.  Mary", "no two in a row"),
        ("  Mary\u202e", "U.202E RIGHT-TO-LEFT OVERRIDE"),
        ('  ""', "1…64 characters"),
        ("  " + "x" * 65, "1…64 characters"),
        ("  " + PEER, "looks like a peer id"),
        ("= St. Mary's", "what is behind = must be a positive whole number"),
        ("=0 Mary", "what is behind = must be a positive whole number"),
    ],
)
def test_an_error_names_file_and_line(behind: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "members.txt"
    path.write_text(f"# ours\n{PEER}{behind}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"members.txt line 2: .*{why}") as refused:
        listed([str(path)])
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match=rf"^--members: .*{why}"):
        listed([PEER + behind])


def test_two_names_that_read_alike_and_a_missing_one_are_named_with_their_lines(
    tmp_path: Path,
) -> None:
    path = tmp_path / "members.txt"
    ids = [each.peer_id for each in IDENTITIES]
    path.write_text(f"{ids[0]} St. Mary's\n{ids[1]} Charité\n{ids[2]} ST. MARY'S\n{ids[3]} x\n")
    with pytest.raises(ConfigError, match=r"line 3: the name ST. MARY'S .*, also in .* line 1"):
        names_of(listed([str(path)]))
    path.write_text(f"{ids[0]} St. Mary's\n{ids[1]}\n")
    with pytest.raises(ConfigError, match=r"line 2: a member without a name, and 1 of 2 have one"):
        names_of(listed([str(path)]))
    path.write_text(f"{ids[0]} St. Mary's\n{ids[1]} b\n{ids[0]} c\n")
    with pytest.raises(ConfigError, match=r"line 3: somebody is named twice, also in .* line 1"):
        listed([str(path)])
    assert names_of(listed(ids)) == {}


# -- a group of named members ------------------------------------------------------------------


def test_a_group_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, keys = [], []
    for index, name in enumerate(NAMES):
        place = tmp_path / f"peer{index}"
        assert main(["init", str(place), "--name", name]) == 0
        printed = capsys.readouterr().out
        lines.append(printed.splitlines()[0])
        assert "give the first line to" in printed
        assert name not in (place / "peerd.toml").read_text()
        keys.append(str(place / "peer.key"))
    path, genesis = tmp_path / "members.txt", str(tmp_path / "genesis.json")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    new = ["group", "new", "--name", "g", "--task", "digits", "--members", str(path)]
    made = succeed(capsys, *new, "--adversary", "0.25", "--out", genesis)
    assert schema_errors("group", made) == []
    assert {each["name"] for each in made["members"]} == set(NAMES)
    called = {each["peer"]: each["name"] for each in made["members"]}
    mine = Identity.load(Path(keys[0]))
    assert called[mine.peer_id] == NAMES[0]
    assert main(["group", "sign", genesis, "--key", keys[0], "--unmeasured"]) == 0
    said = capsys.readouterr().out
    assert f"signed {genesis} as {label(NAMES[0], mine.peer_id)}\n" in said
    assert f"member {with_checksum(mine.peer_id)} signed: {NAMES[0]}\n" in said
    for verb in (("show", genesis), ("merge", genesis, "--out", str(tmp_path / "merged.json"))):
        assert main(["group", *verb]) == 0
        shown = capsys.readouterr().out
        for peer, name in called.items():
            (line,) = (each for each in shown.splitlines() if with_checksum(peer) in each)
            assert line.endswith(f": {name}")
    other = next(peer for peer in called if peer != mine.peer_id)
    assert f"{called[other]} ({other})" in fail(capsys, 4, "group", "verify", genesis)


def test_init_refuses_a_name_before_it_makes_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "peer"
    assert "--name: the name has a control character" in fail(
        capsys, 2, "init", str(place), "--name", "a\tb"
    )
    assert not place.exists()
    found = succeed(capsys, "init", str(place), "--name", "Ward #3")
    assert found["name"] == "Ward #3" and schema_errors("init", found) == []


def test_the_file_of_weights_and_names_serves_the_held_out_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "members.txt"
    path.write_text(
        "".join(f"{i.peer_id}=70 {n}\n" for i, n in zip(IDENTITIES, "abcd", strict=True))
    )
    new = ["group", "new", "--name", "g", "--task", "digits", "--members", str(path)]
    new += ["--aggregator", "weighted-mean", "--adversary", "0.25"]
    made = succeed(
        capsys, *new, "--held-out-rows", str(path), "--out", str(tmp_path / "genesis.json")
    )
    assert [each["weight"] for each in made["members"]] == [70] * PEERS
    path.write_text("".join(f"{each.peer_id} {each.peer_id[-3:]}\n" for each in IDENTITIES))
    said = fail(capsys, 2, *new, "--out", str(tmp_path / "other.json"))
    assert f"({'…' + IDENTITIES[0].peer_id[-8:]}) and 3 more has no weight" in said


# -- what a daemon tells -----------------------------------------------------------------------


RECORD: dict[str, Any] = {
    "round": 3,
    "outcome": "completed",
    "reason": None,
    "model_hash": "ab" * 32,
    "blamed": [
        {"peer": IDENTITIES[1].peer_id, "name": NAMES[1], "reason": "share", "evidence": "ab"}
    ],
    "absent": [IDENTITIES[2].peer_id, IDENTITIES[3].peer_id],
    "aborted": [
        {"attempt": 0, "reason": "cohort", "meaning": "too few", "advice": "no dealings in time"}
    ],
}


def test_rounds_show_name_and_id() -> None:
    called = {each.peer_id: name for each, name in zip(IDENTITIES, NAMES, strict=True)}
    called[IDENTITIES[3].peer_id] = "\x1b[2Jhostile"
    row = rounds.row(RECORD, called)
    end = IDENTITIES[1].peer_id[-8:]
    assert f"{NAMES[1]} (…{end}) (share)" in row
    assert any(str(each).startswith("Ward #3 (…") for each in row)
    shown = "\n".join(rounds.lines(RECORD, called))
    assert f"Ward #3 ({IDENTITIES[2].peer_id})" in shown
    assert "\x1b" not in shown + "".join(map(str, row[1:2] and row[5:7]))
    assert rounds.warnings([RECORD]) == [
        "round 3: attempt 0 aborted (cohort): too few; no dealings in time"
    ]


def test_rounds_of_a_group_without_names_show_the_short_id() -> None:
    row = rounds.row(RECORD)
    assert f"…{IDENTITIES[2].peer_id[-8:]}, …{IDENTITIES[3].peer_id[-8:]}" in row


@pytest.mark.parametrize("named", [True, False])
def test_the_table_of_peers_has_a_column_of_names_where_there_are_any(
    named: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = [
        {"peer": each.peer_id, "name": name if named else None, "connected": True}
        for each, name in zip(IDENTITIES, NAMES, strict=True)
    ]
    monkeypatch.setattr(peers_command, "ask", lambda *_: {"peers": listing})
    assert schema_errors("peers", {"peers": listing}) == []
    assert main(["peers"]) == 0
    printed = capsys.readouterr().out
    assert printed.split()[:2] == (["PEER", "NAME"] if named else ["PEER", "CONNECTED"])
    assert (NAMES[1] in printed) == named
    assert main(["peers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["peers"] == listing


# -- the configuration that init writes --------------------------------------------------------


@pytest.mark.parametrize("option", ["--data", "--local"])
def test_init_says_the_data_in_one_place(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, place = tmp_path / "rows.csv", tmp_path / "peer"
    rows.write_text("a,b\n1,2\n")
    word = str(rows) if option == "--data" else f"data={rows}"
    succeed(capsys, "init", str(place), option, word)
    task = (place / "peerd.toml").read_text().partition("[task]")[2]
    assert [line for line in task.splitlines() if "data" in line.partition("=")[0]] == [
        f'data = "{rows}"  # this peer\'s training data'
    ]
    both = ["--data", str(rows), "--local", f"data={rows}"]
    assert "say the same" in fail(capsys, 2, "init", str(tmp_path / "other"), *both)
