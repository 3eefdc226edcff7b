"""group successor, rotate, show --diff, approve, pause and resume, as they are typed."""

from __future__ import annotations

import re
from argparse import Namespace
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from test_cli_daemon import schema_errors
from test_cli_group import fail, succeed

from peerd.cli import group_acts
from peerd.cli.confirm import asked
from peerd.cli.main import main
from peerd.cli.members import listed
from peerd.cli.successor import _newcomer, _window
from peerd.cli.who import who
from peerd.errors import ConfigError
from peerd.group import Genesis, load, save
from peerd.group.differences import differences
from peerd.group.document import parse
from peerd.group.drafting import draft as drafting
from peerd.identity import Identity, next_key, with_checksum
from tests.unit.group.successions import (
    MEMBERS,
    NAMES,
    NEW,
    OTHER_NEW,
    changes,
    group,
    named_group,
    successor,
)

FIRST, SECOND, THIRD, FOURTH, FIFTH = MEMBERS
JOINS = f"{with_checksum(OTHER_NEW.peer_id)}  Sixth House"
ROTATES = f"{FIRST.peer_id}={with_checksum(NEW.peer_id)}"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "genesis.json"
    save(named_group(), path)
    return path


def drafted(old: Path, *words: str) -> Genesis:
    out = old.with_name("draft.json")
    line = ["group", "successor", "--genesis", str(old), "--rounds", "3:9", "--out", str(out)]
    assert main([*line, *words]) == 0
    return load(out)


def refused(
    capsys: pytest.CaptureFixture[str], old: Path, *words: str, code: int = 2, rounds: str = "3:9"
) -> str:
    out = old.with_name("draft.json")
    line = ["group", "successor", "--genesis", str(old), "--rounds", rounds, "--out", str(out)]
    said = fail(capsys, code, *line, *words)
    assert not out.exists()
    return said


# -- the draft ---------------------------------------------------------------------------------


def test_members_join_leave_rotate_and_are_renamed(old: Path) -> None:
    found = drafted(
        old,
        *("--join", JOINS, "--rotate", ROTATES, "--leave", "charité"),
        *("--rename", f"{NAMES[3]}=Ward = 4", "--name", "sepsis 2"),
    )
    assert found.follows is not None
    assert (found.follows.first, found.follows.last) == (3, 9)
    assert found.follows.leaving == (SECOND.public,)
    assert found.follows.rotated == (FIRST.public,)
    assert found.follows.joining(found.roster) == (OTHER_NEW.public,)
    assert found.name_of(found.index(OTHER_NEW.public)) == "Sixth House"
    assert found.name_of(found.index(NEW.public)) == NAMES[0]
    assert found.name_of(found.index(FOURTH.public)) == "Ward = 4"
    assert found.name == "sepsis 2"
    assert not found.signatures


def test_terms_change_and_the_others_stay(old: Path) -> None:
    before = load(old)
    found = drafted(
        old,
        *("--adversary", "0.2", "--dropout", "1/100", "--delta", "900", "--training", "77"),
        *("--bandwidth", "2000000", "--absent", "0", "--constant", "lambda=1/50"),
        *("--deadline", "open=90000", "--task-option", "rate=0.5"),
    )
    assert (found.adversary, found.dropout) == (Fraction(1, 5), Fraction(1, 100))
    assert (found.delta_ms, found.training_seconds) == (900, 77)
    assert (found.bandwidth_bytes_per_second, found.absent) == (2_000_000, 0)
    assert found.constants["lambda"] == "1/50"
    assert found.deadlines == {"open": 90000}
    assert found.task_options == {**before.task_options, "rate": {"$decimal": "0.5"}}
    assert (found.roster, found.names, found.aggregator) == (
        before.roster,
        before.names,
        before.aggregator,
    )


def test_a_group_goes_over_to_a_later_version_of_the_protocol(old: Path) -> None:
    """Unless it is said, it stays with its own: not all members may have upgraded."""
    save(replace(load(old), version=2, signatures={}), old)
    assert drafted(old).version == 2
    old.with_name("draft.json").unlink()
    found = drafted(old, "--protocol", "3")
    assert found.version == 3
    assert "the protocol's version: 3 instead of 2" in differences(load(old), found)


def test_another_rule_has_its_own_constants(old: Path) -> None:
    found = drafted(old, "--aggregator", "weighted-mean", "--weight", f"{NAMES[2]}=12")
    assert found.aggregator == "weighted-mean" and "lambda" not in found.constants
    assert found.weight_of(found.index(THIRD.public)) == 12


def test_a_lost_key_is_taken_out_by_name(old: Path) -> None:
    found = drafted(old, "--rotate", f"{NAMES[0]}={NEW.peer_id}", "--lost", "st. mary's")
    assert found.follows is not None and found.follows.lost == (FIRST.public,)


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "a version to come": (
        ("--protocol", "4"),
        "version is 4, and this peerd reads versions 2 to 3",
    ),
    "nobody": (("--leave", "Clinic 9"), "--leave Clinic 9: is no member of 'spring'; its members"),
    "a stranger": (("--leave", OTHER_NEW.peer_id), "is no member"),
    "too short an end": (("--leave", FIRST.peer_id[-5:]), "is no member"),
    "a mistyped peer id": (("--join", JOINS.replace("12D3KooW", "12D3KoW")), "--join"),
    "a wrong checksum": (("--join", f"{OTHER_NEW.peer_id}-0000 Six"), "--join"),
    "twice": (("--join", JOINS, "--join", JOINS), "somebody is named twice"),
    "a member": (("--join", f"{FIRST.peer_id} Again"), "somebody who joins has the key"),
    "without a name": (("--join", OTHER_NEW.peer_id), "others none; name all that join"),
    "a name like another": (("--join", f"{OTHER_NEW.peer_id} CHARITÉ"), "read alike"),
    "nothing behind =": (("--rotate", f"{NAMES[0]}="), "--rotate .*before = and behind it"),
    "nothing before =": (("--rename", "=x"), "--rename =x: must have something before ="),
    "no =": (("--held-out-rows", NAMES[0]), "--held-out-rows .*before = and behind it"),
    "no key": (("--rotate", f"{NAMES[0]}=key"), "--rotate"),
    "rows": (("--held-out-rows", f"{NAMES[0]}=many"), "--held-out-rows: 'many' is no whole"),
    "weight": (("--weight", f"{NAMES[0]}=-1"), "--weight: '-1' is no whole number"),
    "a bad name": (("--rename", f"{NAMES[0]}=\u202eabc"), "--rename: the name has a format"),
    "beta": (("--adversary", "most"), "--adversary, --dropout"),
    "a plan": (("--leave", NAMES[0], "--leave", NAMES[1], "--leave", NAMES[2]), "roster must name"),
    "a rule": (("--aggregator", "magic"), "--aggregator"),
    "a constant": (("--constant", "magic=1"), "--aggregator.*magic"),
    "a deadline": (("--deadline", "open"), "--deadline open: not PHASE=MILLISECONDS"),
    "too short a deadline": (("--deadline", "open=1"), "open"),
    "lost, and not rotated": (("--lost", NAMES[0]), "follows.lost"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_draft_is_one_line(
    case: str, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, said = BAD[case]
    printed = refused(capsys, old, *words)
    assert re.search(said, printed), printed


@pytest.mark.parametrize("word", ["sixth house", OTHER_NEW.peer_id, JOINS.split()[0]])
def test_who_joins_is_known_by_name_too(word: str) -> None:
    """Whose weight, and whose rows."""
    joining = listed([JOINS])
    assert _newcomer(word, joining) == OTHER_NEW.public
    assert _newcomer("Nobody", joining) is _newcomer(FIRST.peer_id, joining) is None


@pytest.mark.parametrize(
    ("rounds", "said"), [("9:3", "first is behind the last"), ("3:9", "over.*has made round 9")]
)
def test_a_window_that_can_t_be_is_one_line(rounds: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _window(rounds, 9)


def test_what_changes_nothing_says_so(old: Path) -> None:
    before = load(old)
    assert differences(before, drafted(old))[0] == "members and terms stay as they are"


@pytest.mark.parametrize("rounds", ["3", "a:b", "9:3", ":4", "3:", "0:99999999"])
def test_no_window_is_one_line(rounds: str, old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search("rounds|follows", refused(capsys, old, rounds=rounds))


def test_without_a_daemon_the_window_must_be_said(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["group", "successor", "--genesis", str(old), "--out", str(old.with_name("d.json"))]
    assert "--rounds FIRST:LAST is missing" in fail(capsys, 2, *line)


def test_a_draft_is_never_overwritten(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drafted(old)
    line = ["group", "successor", "--genesis", str(old), "--rounds", "3:9"]
    assert "exists already" in fail(capsys, 2, *line, "--out", str(old.with_name("draft.json")))


# -- how a draft is shown and signed -----------------------------------------------------------


def test_show_and_diff_say_it_in_words_and_as_documents(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drafted(old, "--join", JOINS, "--rotate", ROTATES, "--leave", NAMES[1])
    capsys.readouterr()
    draft = str(old.with_name("draft.json"))
    assert main(["group", "show", draft, "--diff", str(old)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "the group hands over in one of the rounds 3 to 9"
    assert any(line.startswith("Charité (…") and line.endswith("leaves") for line in lines)
    document = succeed(capsys, "group", "show", draft, "--diff", str(old))
    assert document["changes"] == lines and schema_errors("difference", document) == []
    shown = succeed(capsys, "group", "show", draft)
    assert schema_errors("group", shown) == []
    becomes = {each["peer"]: each["becomes"] for each in shown["follows"]["members"]}
    assert becomes[FIRST.peer_id] == NEW.peer_id and becomes[SECOND.peer_id] is None
    assert succeed(capsys, "group", "show", str(old))["follows"] is None
    assert main(["group", "show", draft]) == 0
    printed = capsys.readouterr().out
    assert f"old key {with_checksum(FIRST.peer_id)} becomes" in printed and "leaves" in printed


def test_a_draft_of_another_group_has_no_difference(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    save(successor(group(name="autumn")), other)
    assert "follows the group" in fail(capsys, 4, "group", "show", str(other), "--diff", str(old))
    assert "no draft" in fail(capsys, 4, "group", "show", str(old), "--diff", str(old))


def test_the_old_key_and_the_new_one_sign(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = old.with_name("peer.key")
    FIRST._write(key)
    assert main(["group", "rotate", "--key", str(key)]) == 0
    (line, _) = capsys.readouterr().out.splitlines()
    new = Identity.load(next_key(key))
    assert line == f"{with_checksum(FIRST.peer_id)}={with_checksum(new.peer_id)}"
    assert new.secret.reveal().hex() not in line
    assert main(["group", "rotate", "--key", str(key)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == line, "the same key, said once more"
    drafted(old, "--rotate", line)
    capsys.readouterr()
    draft = str(old.with_name("draft.json"))
    for path, said in ((key, "as the key before that of St. Mary's"), (next_key(key), "as St. M")):
        assert main(["group", "sign", draft, "--key", str(path), "--unmeasured"]) == 0
        assert said in capsys.readouterr().out
    assert set(load(Path(draft)).signatures) == {FIRST.public, new.public}
    assert "have not signed" in fail(capsys, 4, "group", "verify", draft)


# -- who ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        "Charité",
        "charite\u0301",
        " CHARITÉ ",
        SECOND.peer_id,
        with_checksum(SECOND.peer_id),
        SECOND.peer_id[-8:],
        f"…{SECOND.peer_id[-8:]}",
        f"...{SECOND.peer_id[-8:]}",
    ],
)
def test_a_member_is_known_as_every_screen_has_it(word: str) -> None:
    assert who(named_group(), word, "--leave") == SECOND.public


@pytest.mark.parametrize("word", ["", "…", "Char", "12D3KooW", "\x1b[2J", "?" * 99])
def test_nobody_else_is(word: str) -> None:
    with pytest.raises(ConfigError, match="is no member"):
        who(named_group(), word, "--leave")


# -- approvals without a daemon ----------------------------------------------------------------


@pytest.mark.parametrize("verb", ["pause", "resume", "approve", "successor"])
def test_without_a_daemon_nothing_is_ordered(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "p"
    succeed(capsys, "init", str(home))
    draft = tmp_path / "draft.json"
    save(successor(named_group()), draft)
    words = [str(draft), "--yes"] if verb == "approve" else []
    fail(capsys, 8, "group", verb, *words, "--config", str(home / "peerd.toml"))
    assert not (home / "data").exists() or not list((home / "data").glob("*approve*"))


def test_a_draft_that_not_all_have_signed_is_not_approved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, draft = tmp_path / "p", tmp_path / "draft.json"
    succeed(capsys, "init", str(home))
    save(drafting(named_group(), changes()), draft)
    words = ["group", "approve", str(draft), "--yes", "--config", str(home / "peerd.toml")]
    assert "have not signed" in fail(capsys, 4, *words)


@pytest.mark.parametrize("typed", ["", "no", "0" * 8, "1234567"])
def test_other_digits_sign_nothing(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, draft = tmp_path / "p", tmp_path / "draft.json"
    succeed(capsys, "init", str(home))
    save(successor(named_group()), draft)
    given: list[Any] = []
    monkeypatch.setattr("peerd.cli.current_group.running", lambda config: (named_group(), 0))
    monkeypatch.setattr("builtins.input", lambda prompt: typed)

    def ordered(*words: Any, **more: Any) -> dict[str, Any]:
        given.append((words, more))
        return {}

    monkeypatch.setattr(group_acts, "order", ordered)
    monkeypatch.setattr(group_acts, "check_may", lambda daemon, act: False)
    args = Namespace(verb="approve", draft=draft, config=home / "peerd.toml", yes=False, code=None)
    with pytest.raises(ConfigError, match="not its first digits; nothing was signed"):
        group_acts.main(args)
    assert given == []
    monkeypatch.setattr("builtins.input", lambda prompt: load(draft).group_id.hex()[:8])
    assert group_acts.main(args) == 0
    (((_, act, *_), sent),) = given
    assert act == "approve-handover" and parse(sent["draft"].encode()) == load(draft)
    assert "Ask the others by another channel" in capsys.readouterr().out


def test_where_nobody_can_answer_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(ConfigError, match=r"nothing was signed.*--yes"):
        asked("Type the digits: ", "--yes")


def test_a_pause_holds_for_a_round_at_least(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "p"
    succeed(capsys, "init", str(home))
    words = ["group", "pause", "--within", "0", "--config", str(home / "peerd.toml")]
    assert "--within: at least one round" in fail(capsys, 2, *words)


def test_what_a_stranger_calls_an_option_is_no_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who drafts could else hide from those that approve what the lines above it say."""
    home, draft, old = tmp_path / "p", tmp_path / "draft.json", tmp_path / "old.json"
    succeed(capsys, "init", str(home))
    hidden = {"a\x1b[2J\nnobody has a new key": 1, "b": [{"c": "\u202e\x9b2J"}]}
    before = named_group()
    save(before, old)
    save(successor(before, values={"task_options": {**before.task_options, **hidden}}), draft)
    monkeypatch.setattr("peerd.cli.current_group.running", lambda config: (before, 0))
    monkeypatch.setattr(group_acts, "order", lambda *words, **more: {})
    monkeypatch.setattr(group_acts, "check_may", lambda daemon, act: False)
    args = Namespace(verb="approve", draft=draft, config=home / "peerd.toml", yes=True, code=None)
    for reads in (
        lambda: main(["group", "show", str(draft)]),
        lambda: main(["group", "show", str(draft), "--diff", str(old)]),
        lambda: group_acts.main(args),
    ):
        assert reads() == 0
        said = capsys.readouterr().out
        assert all(line.isprintable() for line in said.splitlines())
        assert not [line for line in said.splitlines() if line.startswith("nobody has")]
        assert r"a\x1b[2J\nnobody has a new key" in said
