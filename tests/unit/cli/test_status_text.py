"""``peerd status`` for people: no raw ids, and no JSON."""

from __future__ import annotations

from typing import Any

from peerd.cli.status_text import lines
from peerd.labels import label

PEERS = [f"12D3KooWGGvXXRqG5197NDLpJLjGkpsiFjkdC7L7xdWPZmYTPUW{end}" for end in "opq"]
NAMES = dict(zip(PEERS, ("St. Mary's", "Köln", "<b>"), strict=True))


def shown(field: str, value: Any) -> list[str]:
    return [each.removeprefix(field).strip() for each in lines({field: value}, NAMES)]


def test_who_is_away_is_named() -> None:
    said = f"{label('Köln', PEERS[1])} from round 7 on, {label(None, 'x')} from round 9 on"
    assert shown("away", {PEERS[1]: 7, "x": 9}) == [said]
    assert shown("away", {}) == ["-"]


def test_who_has_given_up_a_cohort_is_named() -> None:
    assert shown("abandoned_by", PEERS[:1]) == [label("St. Mary's", PEERS[0])]
    assert shown("abandoned_by", []) == ["-"]


def test_warnings_are_a_line_each() -> None:
    assert shown("warnings", ['the key "listen"', "another"]) == ['the key "listen"', "another"]


def test_objects_are_sentences() -> None:
    worth = {"accuracy": 0.88, "within": 0.3333, "rows": 210}
    assert shown("best", {"round": 16, "highest": 0.9, **worth}) == [
        "that of round 16: accuracy 0.880 ±0.333 of 210"
    ]
    assert shown("evaluation", {"sites": 3, "loss": 0.2, "classes": [], **worth}) == [
        "accuracy 0.880 ±0.333 of 210 held-out rows of 3 sites"
    ]
    kept = {"keep": 128, "oldest_transcript": 9, "transcripts": 130, "transcripts_with_blame": 2}
    sizes = {"bytes": 361935, "expendable": 1, "budget": None, "over": 0}
    assert shown("storage", {**kept, **sizes}) == [
        "361.9 kB, no budget; 130 transcripts from round 9 on (keep 128), 2 of them of rounds with"
        " blame"
    ]


def test_the_trails_head_and_what_levels_ask_for_are_sentences() -> None:
    head = {"records": 44, "head": "5f" * 32}
    assert shown("trail", head) == [f"44 records, the last with the hash {'5f' * 32}"]
    of = "of what levels ask of the configuration: peerd doctor --level LEVEL"
    assert shown("measures", {"roles": "ok", "no page": "ok"}) == [f"all, {of}"]
    lacks = {"roles": "ok", "no page": "missing", "disk's key elsewhere": "unseen"}
    assert shown("measures", lacks) == [f"all but no page, disk's key elsewhere, {of}"]


def test_what_another_version_says_is_shown_as_it_is() -> None:
    assert shown("best", {"unit": 1}) == ['{"unit": 1}']
    assert shown("unknown", {"a": "ü"}) == ['{"a": "ü"}']
    assert shown("reason", None) == ["-"]
