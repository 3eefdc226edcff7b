"""Approvals as a person reads them: by what is approved, with names, and how many are needed."""

from __future__ import annotations

from typing import Any

from peerd.cli.status_text import lines
from peerd.status.approvals import sentence

PEERS = [f"12D3KooW{letter * 44}" for letter in "ABC"]


def approval(index: int, act: str = "pause", about: str = "ab" * 32, name: Any = None) -> Any:
    return {"peer": PEERS[index], "name": name, "act": act, "about": about, "first": 1, "last": 9}


def test_each_act_has_its_members_and_the_quorum() -> None:
    said = sentence(
        [
            approval(0, name="St. Mary's"),
            approval(0, "handover", "cd" * 32, "St. Mary's"),
            approval(1),
            approval(2, "handover", "ef" * 32),
        ],
        3,
    )
    assert said == (
        "pause: St. Mary's (…AAAAAAAA), …BBBBBBBB, 2 of 3;"
        " handover to cdcdcdcdcdcdcdcd…: St. Mary's (…AAAAAAAA), 1 of 3;"
        " handover to efefefefefefefef…: …CCCCCCCC, 1 of 3"
    )


def test_the_status_shows_it_so() -> None:
    none, _ = lines({"approvals": [], "quorum": 3}, {})
    one, _ = lines({"approvals": [approval(1)], "quorum": 3}, {})
    assert none.split() == ["approvals", "-"]
    assert one.endswith("  pause: …BBBBBBBB, 1 of 3")


def test_nothing_in_it_reaches_a_terminal_as_it_is() -> None:
    assert "\x1b" not in sentence([approval(0, "\x1b[2J", "\x1b[2J", "\x1b[2J")], 3)


def test_absent_members_are_shown_by_name() -> None:
    absent = [{"peer": PEERS[0], "name": "Ward #3, Køge"}, {"peer": PEERS[1], "name": None}]
    told, warned = lines({"absent": absent, "warnings": ["Køge\x1b"]}, {})
    assert told.endswith("  Ward #3, Køge (…AAAAAAAA), …BBBBBBBB")
    assert "Køge" in warned and "\x1b" not in warned
