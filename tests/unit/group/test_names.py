"""Names of members: what one may be, that the group signs them, and how they are shown."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from peerd.errors import GroupError
from peerd.group import Genesis, document, new_genesis, sign
from peerd.group.members import called
from peerd.group.names import MAX_NAME
from peerd.identity import Identity
from peerd.labels import label, short

MEMBERS = sorted(
    (Identity(bytes([index]) * 32) for index in range(4)), key=lambda each: each.public
)
STRANGER = Identity(b"s" * 32)
NAMES = ("St. Mary's", "Universitätsklinik Köln", "国立病院", "مستشفى")
VALUES: dict[str, Any] = {
    "name": "spring",
    "task": "peerd.tasks.digits:Digits",
    "task_options": {},
    "aggregator": "rsa",
    "constants": {},
    "adversary": Fraction(1, 4),
    "dropout": Fraction(0),
    "absent": None,
    "delta_ms": 1000,
    "bandwidth_bytes_per_second": 1_000_000,
    "training_seconds": 18,
    "parameters": 10,
    "first_model": bytes(32),
}


def genesis(*names: str) -> Genesis:
    listed = {peer.public: name for peer, name in zip(MEMBERS, names, strict=True)} if names else {}
    return new_genesis(roster=[peer.public for peer in MEMBERS], names=listed, **VALUES)


def with_first(name: str) -> tuple[str, ...]:
    return (name, *NAMES[1:])


def test_names_are_signed_and_survive_wire_and_file() -> None:
    made = genesis(*NAMES)
    for peer in MEMBERS:
        made = sign(made, peer)
    made.verify()
    assert Genesis.decode(made.encode()) == made
    assert document.parse(document.render(made).encode()) == made
    in_file = json.loads(document.render(made))["names"]
    assert in_file == {peer.peer_id: name for peer, name in zip(MEMBERS, NAMES, strict=True)}
    assert [made.name_of(index) for index in range(4)] == list(NAMES)


def test_another_name_is_another_group_and_none_is_the_group_of_before() -> None:
    unnamed = genesis()
    assert "names" not in unnamed._content()
    assert "names" not in document.render(unnamed)
    assert unnamed.name_of(0) is None
    ids = {each.group_id for each in (unnamed, genesis(*NAMES), genesis(*with_first("St Mary")))}
    assert len(ids) == 3
    with pytest.raises(GroupError, match="names are left out"):
        Genesis.from_content(unnamed._content() | {"names": []}, {})


GOOD = (
    "a",
    "x" * MAX_NAME,
    "Ward #3 (North), “Charité” & Söhne",
    "Ménilmontant 2",
    "12",
    "R2-D2",
    "Clinic … north",
)


@pytest.mark.parametrize("name", GOOD)
def test_what_a_member_may_be_called(name: str) -> None:
    assert genesis(*with_first(name)).name_of(0) == name


BAD = {
    "empty": ("", "1…64 characters"),
    "long": ("x" * (MAX_NAME + 1), "1…64 characters"),
    "newline": ("St.\nMary", "control character, U.000A"),
    "escape": ("\x1b[31mMary", "control character, U.001B"),
    "C1 control": ("Mary\x9b2J", "control character, U.009B"),
    "override": ("St. \u202eyraM", "U.202E RIGHT-TO-LEFT OVERRIDE"),
    "isolate": ("St. \u2067Mary", "U.2067 RIGHT-TO-LEFT ISOLATE"),
    "mark of direction": ("St. Mary\u200f", "U.200F RIGHT-TO-LEFT MARK"),
    "zero width": ("St\u200bMary", "U.200B ZERO WIDTH SPACE"),
    "joiner": ("St\u200dMary", "format character"),
    "soft hyphen": ("Ma\u00adry", "U.00AD SOFT HYPHEN"),
    "byte-order mark": ("\ufeffMary", "format character"),
    "tag": ("Mary\U000e0041", "format character"),
    "surrogate": ("Mary\ud800", "half a character"),
    "undecoded byte": ("Mary\udc80", "half a character"),
    "private use": ("Mary\ue000", "private use"),
    "unassigned": ("Mary\u0378", "does not have, U.0378"),
    "noncharacter": ("Mary\uffff", "does not have, U.FFFF"),
    "line separator": ("St.\u2028Mary", "line separator"),
    "paragraph separator": ("St.\u2029Mary", "line separator"),
    "next line": ("St.\x85Mary", "control character"),
    "no-break space": ("St.\u00a0Mary", "space of another kind"),
    "ideographic space": ("St.\u3000Mary", "space of another kind"),
    "filler": ("Mary\u3164", "can't be seen"),
    "variation selector": ("Mary\ufe0f", "can't be seen"),
    "grapheme joiner": ("Ma\u034fry", "can't be seen"),
    "leading space": (" Mary", "no space around it"),
    "trailing space": ("Mary ", "no space around it"),
    "two spaces": ("St.  Mary", "no two in a row"),
    "decomposed": (unicodedata.normalize("NFD", "Köln"), "NFC"),
    "leading mark": ("\u0338Mary", "begins with a mark"),
    "peer id": (STRANGER.peer_id, "looks like a peer id"),
    "within": ("(12D3KooWx)", "looks like a peer id"),
    "public key": (STRANGER.public.hex().upper(), "looks like a peer id"),
    "short id": (short(STRANGER.peer_id), "looks like a peer id"),
    "name and short id": (label("Mary", STRANGER.peer_id), "looks like a peer id"),
    "end of a member's id": (MEMBERS[2].peer_id[-8:].upper(), "looks like the id"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_wrong_name_is_refused_with_field_and_member(kind: str) -> None:
    name, why = BAD[kind]
    content = genesis(*NAMES)._content() | {"names": [NAMES[0], NAMES[1], name, NAMES[3]]}
    with pytest.raises(GroupError, match=rf"names of {MEMBERS[2].peer_id}: .*{why}") as refused:
        Genesis.from_content(content, {})
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "value", [["a", "b", "c"], ["a"] * 5, "abcd", {"a": 1}, 3, [1, "b", "c", "d"]]
)
def test_what_is_no_list_of_one_name_a_member_is_refused(value: object) -> None:
    with pytest.raises(GroupError, match="names"):
        Genesis.from_content(genesis()._content() | {"names": value}, {})


@pytest.mark.parametrize(
    "other",
    ["st. mary's", "ＳＴ. Mary's", "St. Mary's".upper()],
)
def test_two_that_read_alike_are_refused_and_named(other: str) -> None:
    a, b = MEMBERS[0].peer_id, MEMBERS[3].peer_id
    with pytest.raises(GroupError, match=f"{a} and {b} read alike: .*Mary's.* and "):
        genesis(NAMES[0], NAMES[1], NAMES[2], other)


@pytest.mark.parametrize(("one", "two"), [("Straße", "STRASSE"), ("Office", "Oﬃce"), ("ÅB", "åb")])
def test_folding_is_that_of_unicode(one: str, two: str) -> None:
    with pytest.raises(GroupError, match="read alike"):
        genesis(one, two, "c", "d")


def test_all_have_a_name_or_nobody() -> None:
    named = {peer.public: name for peer, name in zip(MEMBERS, NAMES, strict=True)}
    roster = list(named)
    last = named.pop(MEMBERS[3].public)
    with pytest.raises(GroupError, match=f"names leave out {MEMBERS[3].peer_id}"):
        new_genesis(roster=roster, names=named, **VALUES)
    with pytest.raises(GroupError, match=f"names name {STRANGER.peer_id}"):
        new_genesis(roster=roster, names=named | {STRANGER.public: last}, **VALUES)
    text = json.loads(document.render(genesis(*NAMES)))
    del text["names"][MEMBERS[1].peer_id]
    with pytest.raises(GroupError, match=f"names leave out {MEMBERS[1].peer_id}"):
        document.parse(json.dumps(text).encode())
    with pytest.raises(GroupError, match="names must be 4"):
        replace(genesis(), names=("a", "b"))


def test_a_member_is_shown_by_name_and_short_id() -> None:
    end = MEMBERS[0].peer_id[-8:]
    assert called(genesis(*NAMES), 0) == f"St. Mary's (…{end})"
    assert called(genesis(), 0) == f"…{end}"


@pytest.mark.parametrize("hostile", ["\x1b[2Jx", "a\nb", "a\u202eb", "a\u2028b", "\x00"])
def test_what_is_shown_is_safe_wherever_it_came_from(hostile: str) -> None:
    assert label(hostile, STRANGER.peer_id).isprintable()
    assert label("Mary", hostile * 20).isprintable()
    assert label(None, None) == "-"
