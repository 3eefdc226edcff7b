"""A successor's draft: what it may change, what it may not, who signs, and how it is read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from peerd.errors import GroupError
from peerd.group import Genesis, merge, sign
from peerd.group.differences import differences
from peerd.group.document import parse, render
from peerd.group.drafting import KEPT, check_successor, draft
from peerd.group.privacy import Privacy
from peerd.group.rhythm import Rhythm
from peerd.group.succession import LEAVES, Follows
from protocols.aggregation.evaluation import Evaluation
from protocols.record.approval import MAX_WINDOW
from protocols.wire.schema import MAX_ROUND
from tests.unit.group.successions import (
    MEMBERS,
    NAMES,
    NEW,
    OTHER_NEW,
    changes,
    group,
    named_group,
    resigned,
    signed,
    successor,
)

FIRST, SECOND, THIRD, FOURTH, FIFTH = MEMBERS


def rotation() -> Genesis:
    return draft(group(), changes(keys={FIRST.public: NEW.public}))


# -- rules of ``follows``, each by its field ---------------------------------------------------


def follows(**what: Any) -> Callable[[Follows], Follows]:
    return lambda good: replace(good, **what)


def keys(change: Callable[[list[tuple[bytes, bytes]]], Any]) -> Callable[[Follows], Follows]:
    def changed(good: Follows) -> Follows:
        pairs = list(good.keys)
        change(pairs)
        return replace(good, keys=tuple(pairs))

    return changed


def _set(index: int, old: bytes | None, new: bytes) -> Callable[[list[tuple[bytes, bytes]]], None]:
    def change(pairs: list[tuple[bytes, bytes]]) -> None:
        pairs[index] = (pairs[index][0] if old is None else old, new)

    return change


BAD: dict[str, tuple[Callable[[Follows], Follows], str]] = {
    "a window that begins before it ends": (follows(first=9, last=3), "follows.last"),
    "a window that is too long": (follows(first=0, last=MAX_WINDOW), "follows.last"),
    "a negative round": (follows(first=-1), "follows.first"),
    "a round that is no number": (follows(first=True), "follows.first"),
    "an old key twice": (keys(lambda p: p.insert(0, p[0])), "follows.keys.*twice"),
    "keys out of order": (keys(lambda p: p.reverse()), "follows.keys.*order"),
    "one new key for two": (
        keys(lambda p: p.__setitem__(0, (p[0][0], p[1][1]))),
        "follows.keys.*one new key",
    ),
    "no key": (keys(_set(1, None, b"x" * 31)), "follows.keys.*no Ed25519"),
    "a point of small order": (keys(_set(1, None, bytes(32))), "follows.keys.*no Ed25519"),
    "a new key that is in no roster": (
        keys(_set(1, None, OTHER_NEW.public)),
        "follows.keys.*not in the new roster",
    ),
    "a leaver that stays": (keys(_set(1, None, LEAVES)), "follows.keys.*is in the new roster"),
    "nobody stays": (
        lambda good: replace(good, keys=((OTHER_NEW.public, LEAVES),)),
        "follows.keys.*everybody leave",
    ),
    "a lost key that stays": (
        lambda good: replace(good, lost=(good.keys[1][0],)),
        "follows.lost",
    ),
    "a lost key twice": (
        lambda good: replace(good, lost=good.rotated + good.rotated),
        "follows.lost",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_map_of_keys_is_refused_by_its_field(case: str) -> None:
    change, field = BAD[case]
    good = rotation()
    assert good.follows is not None
    with pytest.raises(GroupError, match=field):
        resigned(good, follows=change(good.follows))


DOCUMENTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no window": (lambda said: said.pop("first"), "follows"),
    "an unknown field": (lambda said: said.update(round=3), "follows"),
    "an empty list of lost ones": (lambda said: said.update(lost=[]), "follows.lost"),
    "lost ones as text": (lambda said: said.update(lost="all"), "follows.keys|follows.lost"),
    "keys as a list": (lambda said: said.update(keys=[]), "follows.keys"),
    "a key that is a number": (
        lambda said: said["keys"].update({FIRST.peer_id: 7}),
        "follows.keys",
    ),
    "a mistyped peer id": (
        lambda said: said["keys"].update({FIRST.peer_id[:-1]: FIRST.peer_id}),
        "follows.keys",
    ),
    "an id that is no hex": (lambda said: said.update(group="the old one"), "follows.group"),
    "an id that is too short": (lambda said: said.update(group="00" * 31), "follows.group"),
    "a first round as text": (lambda said: said.update(first="3"), "follows.first"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_that_says_it_badly_is_refused_by_its_field(case: str) -> None:
    change, field = DOCUMENTS[case]
    document = json.loads(render(rotation()))
    change(document["follows"])
    with pytest.raises(GroupError, match=field):
        parse(json.dumps(document).encode())


def test_a_group_that_follows_none_says_nothing_of_it() -> None:
    assert "follows" not in json.loads(render(group()))
    document = json.loads(render(group()))
    for empty in (None, {}, [], ""):
        with pytest.raises(GroupError, match="follows"):
            parse(json.dumps(document | {"follows": empty}).encode())


# -- a document and its bytes ------------------------------------------------------------------


def _drafts() -> list[Genesis]:
    old = named_group()
    lost = {"keys": {FIRST.public: NEW.public}, "lost": frozenset({FIRST.public})}
    return [
        rotation(),
        draft(group(), changes(leaving=frozenset({FIFTH.public}))),
        draft(old, changes(joining={NEW.public: "Sixth"})),
        draft(old, changes(**lost)),
        successor(old, joining={NEW.public: "Sixth"}, renamed={FIRST.public: "Saint Mary's"}),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_draft_is_read_back_as_it_was_from_file_and_wire(number: int) -> None:
    found = _drafts()[number]
    assert Genesis.decode(found.encode()) == found
    assert parse(render(found).encode()) == found
    assert parse(render(found).encode()).group_id == found.group_id


def test_the_order_of_keys_in_a_file_says_nothing() -> None:
    found = _drafts()[3]

    def backwards(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: backwards(value[key]) for key in reversed(value)}
        return value

    text = json.dumps(backwards(json.loads(render(found))))
    assert parse(text.encode()).group_id == found.group_id


def test_every_part_of_it_is_part_of_the_id() -> None:
    old = group()
    one = draft(old, changes())
    others = [
        draft(old, changes(4)),
        draft(old, changes(3, 10)),
        draft(group(name="autumn"), changes()),
        draft(old, changes(keys={FIRST.public: NEW.public})),
        draft(
            old,
            changes(keys={FIRST.public: NEW.public}, lost=frozenset({FIRST.public})),
        ),
        draft(old, changes(joining={NEW.public: None}, leaving=frozenset({FIRST.public}))),
    ]
    assert len({each.group_id for each in (old, one, *others)}) == 2 + len(others)


# -- who signs ---------------------------------------------------------------------------------


def test_an_old_key_signs_for_the_one_that_takes_its_place() -> None:
    found = rotation()
    assert set(found.signers) == {*found.roster, FIRST.public}
    for one in (NEW, *MEMBERS[1:]):
        found = sign(found, one)
    with pytest.raises(GroupError, match=f"1 of 6 have not signed: .*{FIRST.peer_id}"):
        found.verify()
    sign(found, FIRST).verify()


def test_a_lost_key_need_not_and_can_not_sign() -> None:
    found = draft(group(), changes(keys={FIRST.public: NEW.public}, lost=frozenset({FIRST.public})))
    with pytest.raises(GroupError, match="not in the roster"):
        sign(found, FIRST)
    signed(found).verify()


def test_a_leaver_does_not_sign() -> None:
    found = draft(group(), changes(leaving=frozenset({FIFTH.public})))
    with pytest.raises(GroupError, match="not in the roster"):
        sign(found, FIFTH)
    signed(found).verify()


def test_a_newcomer_that_has_not_signed_is_named() -> None:
    found = signed(draft(group(), changes(joining={NEW.public: None})), MEMBERS)
    with pytest.raises(GroupError, match=f"have not signed: .*{NEW.peer_id}"):
        found.verify()


def test_a_signature_of_the_old_group_is_none_of_the_new_one() -> None:
    old = group()
    found = draft(old, changes())
    with pytest.raises(GroupError, match="not the signature of"):
        replace(found, signatures=old.signatures).verify()


def test_copies_are_merged_with_the_old_keys_signature() -> None:
    found = rotation()
    one = signed(found, [FIRST])
    rest = [signed(found, [each]) for each in (NEW, *MEMBERS[1:])]
    merge(one, rest).verify()


# -- what a draft is made of -------------------------------------------------------------------


def test_names_go_along_with_those_that_stay() -> None:
    found = draft(
        named_group(),
        changes(
            joining={OTHER_NEW.public: "Sixth House"},
            leaving=frozenset({SECOND.public}),
            keys={FIRST.public: NEW.public},
            renamed={THIRD.public: "Bank"},
        ),
    )
    called = {found.roster[index]: name for index, name in enumerate(found.names)}
    assert called == {
        NEW.public: NAMES[0],
        THIRD.public: "Bank",
        FOURTH.public: NAMES[3],
        FIFTH.public: NAMES[4],
        OTHER_NEW.public: "Sixth House",
    }


def test_some_with_a_name_and_some_without_is_refused() -> None:
    with pytest.raises(GroupError, match="others none; name all that join"):
        draft(named_group(), changes(joining={NEW.public: None}))
    with pytest.raises(GroupError, match="others none"):
        draft(group(), changes(joining={NEW.public: "Sixth House"}))


def test_a_name_that_reads_like_another_is_refused() -> None:
    with pytest.raises(GroupError, match="names"):
        draft(named_group(), changes(joining={NEW.public: NAMES[1].upper()}))


def test_weights_and_held_out_rows_go_along() -> None:
    weights = {one.public: 10 + number for number, one in enumerate(MEMBERS)}
    old = group(weights=weights, evaluation=Evaluation((50, 60, 70, 80, 90)))
    rows = {one.public: old.held_out_of(old.index(one.public)) for one in MEMBERS}
    found = draft(
        old,
        changes(
            keys={FIRST.public: NEW.public},
            leaving=frozenset({SECOND.public}),
            joining={OTHER_NEW.public: None},
            weights={OTHER_NEW.public: 77, THIRD.public: 99},
            held_out={FOURTH.public: 1000},
        ),
    )
    known = {public: found.weight_of(found.index(public)) for public in found.roster}
    assert known == {
        NEW.public: weights[FIRST.public],
        THIRD.public: 99,
        FOURTH.public: weights[FOURTH.public],
        FIFTH.public: weights[FIFTH.public],
        OTHER_NEW.public: 77,
    }
    counted = {public: found.held_out_of(found.index(public)) for public in found.roster}
    assert counted == {
        NEW.public: rows[FIRST.public],
        THIRD.public: rows[THIRD.public],
        FOURTH.public: 1000,
        FIFTH.public: rows[FIFTH.public],
        OTHER_NEW.public: 0,
    }


def test_rows_that_can_not_be_counted_are_refused() -> None:
    old = group(evaluation=Evaluation((50, 60, 70, 80, 90)))
    with pytest.raises(GroupError, match="held-out rows"):
        draft(old, changes(held_out={FIRST.public: 3}))


def test_weights_that_are_all_1_are_left_out() -> None:
    found = draft(group(), changes(weights={FIRST.public: 1}))
    assert found.weights == ()


@pytest.mark.parametrize(
    "what",
    [
        {"joining": {FIRST.public: None}},
        {"joining": {NEW.public: None}, "keys": {FIRST.public: NEW.public}},
        {"keys": {FIRST.public: SECOND.public}},
        {"keys": {FIRST.public: NEW.public, SECOND.public: NEW.public}},
        {"leaving": frozenset(one.public for one in MEMBERS), "joining": {NEW.public: None}},
        {"lost": frozenset({FIRST.public})},
        {"values": {"adversary": Fraction(1, 2)}},
        {"leaving": frozenset({one.public for one in MEMBERS[1:]})},
    ],
    ids=lambda what: ",".join(what),
)
def test_what_makes_no_group_is_refused(what: dict[str, Any]) -> None:
    with pytest.raises(GroupError):
        draft(group(), changes(**what))


def test_a_newcomer_with_a_members_key_is_said_in_words() -> None:
    with pytest.raises(GroupError, match="somebody who joins has the key of a member"):
        draft(group(), changes(joining={FIRST.public: None}))


# -- whose successor ---------------------------------------------------------------------------


OTHER_MODELS: dict[str, Any] = {
    "task": "peerd.tasks.table:Table",
    "parameters": 25,
    "first_model": bytes(32),
    "fixed": bytes(32),
    "statistics": "averaged",
    "model_seed": 8,
    "starts_from": "file",
}


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_what_the_model_means_can_not_change(name: str) -> None:
    old = group()
    with pytest.raises(GroupError, match=name):
        check_successor(resigned(draft(old, changes()), **{name: OTHER_MODELS[name]}), old)


def test_a_draft_of_another_group_and_none_at_all_are_named() -> None:
    old, other = group(), group(name="autumn")
    with pytest.raises(GroupError, match="this is no draft of a successor"):
        check_successor(old, old)
    with pytest.raises(GroupError, match=r"follows the group .* and not 'autumn'"):
        check_successor(draft(old, changes()), other)


def test_a_member_that_is_forgotten_is_none_that_leaves() -> None:
    old = group()
    good = draft(old, changes(leaving=frozenset({FIFTH.public})))
    assert good.follows is not None
    short = tuple(pair for pair in good.follows.keys if pair[1])
    with pytest.raises(GroupError, match="every member of the old group"):
        check_successor(resigned(good, follows=replace(good.follows, keys=short)), old)


# -- in words ----------------------------------------------------------------------------------


def test_each_change_is_a_line() -> None:
    old = named_group()
    found = draft(
        old,
        changes(
            joining={OTHER_NEW.public: "Sixth House"},
            leaving=frozenset({SECOND.public}),
            keys={FIRST.public: NEW.public, THIRD.public: _other().public},
            lost=frozenset({THIRD.public}),
            renamed={FOURTH.public: "Ward 4"},
            weights={FIFTH.public: 7},
            values={
                "adversary": Fraction(1, 5),
                "delta_ms": 900,
                "constants": {"lambda": "1/50"},
                "task_options": {"rate": 2},
                "clients": 4,
            },
        ),
    )
    lines = differences(old, found)
    for said in (
        "Charité (…",
        "St. Mary's (…",
        "Bank of Åland (…",
        "Sixth House (…",
        "is called 'Ward 4'",
        "Fifth House (…",
        "the share of members that may lie: 1/5 instead of 1/4",
        "milliseconds for a small message: 900 instead of 200",
        "the rule's constants, lambda: '1/50' instead of '1/100'",
        "the task's options, rate: 2 instead of nothing",
        "members drawn to train in a round: 4 instead of all",
    ):
        assert any(line.startswith(said) or said in line for line in lines), (said, lines)
    (gone,) = [line for line in lines if line.endswith(" leaves")]
    assert gone.startswith("Charité")
    (lost,) = [line for line in lines if "whose old key can't sign" in line]
    assert lost.startswith("Bank of Åland")
    assert [line for line in lines if line.endswith("weighs 7 instead of 1")]
    assert lines[-1] == "the group hands over in one of the rounds 3 to 9"
    assert not [line for line in lines if "dropout" in line or "bytes a second" in line]


def _other() -> Any:
    from tests.unit.group.successions import identities

    return identities(110, 111)[0]


OTHERS: dict[str, Any] = {
    "name": "another",
    "aggregator": "another",
    "constants": {"lambda": "1/50"},
    "task_options": {"rate": 2},
    "adversary": Fraction(1, 5),
    "dropout": Fraction(1, 50),
    "absent": 1,
    "clients": 4,
    "delta_ms": 900,
    "bandwidth_bytes_per_second": 2_000_000,
    "training_seconds": 99,
    "deadlines": {"commit": 99_000},
    "rhythm": Rhythm(every=3600, stop_after=100),
    "evaluation": Evaluation((50,) * 5, classes=3),
    "privacy": Privacy("record", Fraction(2), Fraction(1, 10**6), 10),
}
SAID_OTHERWISE = {"roster", "weights", "names", "follows", "version", "signatures"}
SAID_OTHERWISE |= {"addresses"}
"""Members are lines of their own; a window is in every draft; a version has one value; and where
members were first is no term."""


def test_whatever_may_change_is_said() -> None:
    """A field without a line could be changed behind the members' backs."""
    fields = {field.name for field in dataclasses.fields(Genesis)}
    assert set(OTHERS) == fields - set(KEPT) - SAID_OTHERWISE
    old = group(evaluation=Evaluation((50,) * 5))
    nothing = differences(old, draft(old, changes()))
    same, window = nothing
    for name, value in OTHERS.items():
        found = draft(old, changes())
        object.__setattr__(found, name, value)
        *told, last = differences(old, found)
        assert told and same not in told and last == window, name


def test_who_joins_is_shown_with_what_it_brings() -> None:
    old = group(evaluation=Evaluation((50,) * 5))
    what = {"joining": {NEW.public: None}, "weights": {NEW.public: 9000}}
    lines = differences(old, draft(old, changes(**what, held_out={NEW.public: 70})))
    assert [line for line in lines if line.endswith(" joins, weighs 9000, holds out 70 rows")]


def test_no_change_but_the_window_is_said() -> None:
    assert differences(group(), draft(group(), changes())) == [
        "members and terms stay as they are",
        "the group hands over in one of the rounds 3 to 9",
    ]


def test_no_line_has_what_a_terminal_would_obey() -> None:
    """Options are anybody's: what is shown of them is escaped."""
    old = group(task_options={"rate": "\x1b[2J"})
    found = draft(old, changes(values={"task_options": {"rate": "\u202eabc"}, "name": "x"}))
    shown = "\n".join(differences(old, found))
    assert "\x1b" not in shown and "\u202e" not in shown


def test_a_window_ends_with_the_last_round_that_has_a_number() -> None:
    """An approval of a later one would be refused by all."""
    old = group()
    assert draft(old, changes(MAX_ROUND - 2, MAX_ROUND)).follows is not None
    with pytest.raises(GroupError, match=r"follows\.last"):
        draft(old, changes(MAX_ROUND - 2, MAX_ROUND + 1))


def test_what_is_equal_and_not_the_same_is_said() -> None:
    old = group(task_options={"a": 1, "b": True, "n": {"x": 1}})
    found = draft(
        old, changes(values={"task_options": {"a": True, "b": 1, "c": None, "n": {"x": 1}}})
    )
    lines = [line for line in differences(old, found) if "options" in line]
    assert lines == [
        "the task's options, a: true instead of 1",
        "the task's options, b: 1 instead of true",
        "the task's options, c: null instead of nothing",
    ]
