"""When a group's rounds begin, by one clock; what a genesis may say of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerd.errors import GroupError
from peerd.group.rhythm import (
    Rhythm,
    Schedule,
    at_in,
    check_rhythm,
    in_words,
    rhythm_content,
    spell,
)

HOURLY = Rhythm(3600)
BERLIN = Rhythm(at=(150, 840), zone="Europe/Berlin")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("rhythm", "now", "found"),
    [
        (HOURLY, "2026-01-01T11:57", "2026-01-01T12:00"),
        (HOURLY, "2026-01-01T12:00", "2026-01-01T13:00"),
        (BERLIN, "2026-01-01T00:00", "2026-01-01T01:30"),
        (BERLIN, "2026-01-01T01:30", "2026-01-01T13:00"),
        (BERLIN, "2026-07-01T13:00", "2026-07-02T00:30"),
        # put forward over 02:30: as long behind midnight as on any other day
        (BERLIN, "2026-03-28T22:00", "2026-03-29T01:30"),
        (BERLIN, "2026-03-29T01:30", "2026-03-29T12:00"),
        # put back over 02:30: the first of the two
        (BERLIN, "2026-10-24T22:00", "2026-10-25T00:30"),
        (BERLIN, "2026-10-25T00:30", "2026-10-25T13:00"),
        (Rhythm(), "2026-01-01T11:57", "2026-01-01T11:57"),
        (Rhythm(stop_at=0), "2026-01-01T11:57", "2026-01-01T11:57"),
    ],
)
def test_the_next_time_is_behind_now(rhythm: Rhythm, now: str, found: str) -> None:
    assert rhythm.point(moment(now), None) == moment(found)


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-01-01T11:57", "2026-01-01T13:00"),  # others were early: its own time was theirs
        ("2026-01-01T11:30", "2026-01-01T13:00"),
        ("2026-01-01T11:29", "2026-01-01T12:00"),  # theirs was the one before
        ("2026-01-01T12:00", "2026-01-01T13:00"),
        ("2026-01-01T14:10", "2026-01-01T15:00"),  # a long round: what has passed is left out
    ],
)
def test_no_time_counts_for_two_rounds(now: str, found: str) -> None:
    assert HOURLY.point(moment(now), moment("2026-01-01T12:00")) == moment(found)


@given(st.integers(1, 604_800), st.floats(0, 4e9), st.lists(st.floats(0, 1e6), max_size=8))
def test_times_lie_on_the_grid_and_ahead(every: int, start: float, took: list[float]) -> None:
    schedule, now = Schedule(Rhythm(every)), start
    for round_, seconds in enumerate(took):
        found = schedule.time_of(round_, now)
        assert found > now and found % every == 0
        assert schedule.time_of(round_, now) == found, "the same round, asked for again"
        now += seconds


@given(st.floats(0, 4e9), st.sets(st.integers(0, 1439), min_size=1, max_size=5))
def test_a_time_of_day_comes_within_a_day_and_an_hour(now: float, at: set[int]) -> None:
    for zone in ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Auckland"):
        found = Rhythm(at=tuple(sorted(at)), zone=zone).point(now, None)
        assert now < found <= now + 25 * 3600 + 60


@pytest.mark.parametrize(
    "content",
    [
        {"every": 1},
        {"every": 604_800, "stop_after": 3},
        {"at": ["02:00", "14:00"], "zone": "Europe/Berlin"},
        {"at": ["00:00"]},
        {"stop_at": "2027-01-31T00:00:00Z"},
        {"stop_after": 50, "patience": 5},
    ],
)
def test_what_a_genesis_may_say(content: dict[str, Any]) -> None:
    found = check_rhythm(content)
    assert found is not None and rhythm_content(found) == content
    assert check_rhythm(found) == found
    assert found.paced == bool({"every", "at", "stop_at"} & content.keys())


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({}, "left out"),
        ([], "rhythm"),
        ({"every": 0}, "rhythm.every"),
        ({"every": 604_801}, "rhythm.every"),
        ({"every": True}, "rhythm.every"),
        ({"every": "60"}, "rhythm.every"),
        ({"every": None}, "rhythm.every"),
        ({"every": 1, "at": ["02:00"]}, "not both"),
        ({"at": []}, "rhythm.at"),
        ({"at": "02:00"}, "rhythm.at"),
        ({"at": ["2:00"]}, "rhythm.at"),
        ({"at": ["24:00"]}, "rhythm.at"),
        ({"at": ["02:00\n"]}, "rhythm.at"),
        ({"at": ["14:00", "02:00"]}, "rise"),
        ({"at": ["02:00", "02:00"]}, "rise"),
        ({"at": ["02:00"], "zone": "UTC"}, "left out"),
        ({"at": ["02:00"], "zone": "Mars/Olympus"}, "tzdata"),
        ({"at": ["02:00"], "zone": "../../etc/passwd"}, "rhythm.zone"),
        ({"at": ["02:00"], "zone": 1}, "rhythm.zone"),
        ({"zone": "Europe/Berlin"}, "rhythm.zone"),
        ({"stop_after": 0}, "rhythm.stop_after"),
        ({"stop_at": "2027-01-31"}, "rhythm.stop_at"),
        ({"stop_at": "2027-02-30T00:00:00Z"}, "rhythm.stop_at"),
        ({"stop_at": "1969-12-31T23:59:59Z"}, "rhythm.stop_at"),
        ({"stop_at": 0}, "rhythm.stop_at"),
        ({"patience": 0}, "rhythm.patience"),
        ({"whenever": 1}, "unknown"),
    ],
)
def test_what_it_may_not_say_is_named(content: object, named: str) -> None:
    with pytest.raises(GroupError) as error:
        check_rhythm(content)
    assert named in str(error.value)


def test_words() -> None:
    assert in_words(None) == "a round begins when the one before is over; without end"
    assert in_words(Rhythm(5400)) == "a round begins every 1 h 30 min; without end"
    assert in_words(None, 12) == (
        "a round begins when the one before is over; the privacy budget ends it after 12 rounds"
    )
    stops = Rhythm(at=(120, 840), zone="Europe/Berlin", stop_after=1, stop_at=1_800_000_000)
    assert in_words(stops) == (
        "a round begins at 02:00, 14:00 (Europe/Berlin); ends after 1 round;"
        " no round begins from 2027-01-15T08:00:00Z on"
    )
    assert spell(0) == "0 s" and spell(59.9) == "59 s" and spell(90_000) == "1 d 1 h"
    assert at_in(1e9 + 11_520, 1e9).endswith("(in 3 h 12 min)")
