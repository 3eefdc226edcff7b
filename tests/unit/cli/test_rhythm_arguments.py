"""The rhythm as an operator states it."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from peerd.cli.rhythm_arguments import add_rhythm_arguments, stated_rhythm
from peerd.errors import ConfigError


def stated(*words: str) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser()
    add_rhythm_arguments(parser)
    return stated_rhythm(parser.parse_args(list(words)))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), None),
        (("--every", "60"), {"every": 3600}),
        (("--every", "10080"), {"every": 604_800}),
        (("--every", "30s"), {"every": 30}),
        (("--at", "02:00,14:00"), {"at": ["02:00", "14:00"]}),
        (("--at", "14:00, 02:00", "--zone", "UTC"), {"at": ["02:00", "14:00"]}),
        (
            ("--at", "02:00", "--zone", "Europe/Berlin", "--stop-after", "3"),
            {"at": ["02:00"], "zone": "Europe/Berlin", "stop_after": 3},
        ),
        (("--stop-at", "2027-01-31"), {"stop_at": "2027-01-31T00:00:00Z"}),
        (("--stop-at", "2027-01-31T12:00:00Z"), {"stop_at": "2027-01-31T12:00:00Z"}),
    ],
)
def test_what_is_said_is_what_the_genesis_holds(
    words: tuple[str, ...], found: dict[str, Any] | None
) -> None:
    assert stated(*words) == found


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--every", "0"), "--every"),
        (("--every", "10081"), "--every"),
        (("--every", "1h"), "--every"),
        (("--every", "-5"), "--every"),
        (("--at", "25:00"), "--at"),
        (("--at", ""), "--at"),
        (("--at", "02:00,02:00"), "--at"),
        (("--at", "02:00", "--zone", "Nowhere/Land"), "--zone"),
        (("--zone", "Europe/Berlin"), "--zone"),
        (("--stop-after", "0"), "--stop-after"),
        (("--stop-at", "31.01.2027"), "--stop-at"),
        (("--stop-at", "2027-02-30"), "--stop-at"),
    ],
)
def test_what_can_not_be_names_its_option(words: tuple[str, ...], named: str) -> None:
    with pytest.raises((ConfigError, SystemExit)) as error:
        stated(*words)
    if isinstance(error.value, ConfigError):
        assert named in str(error.value) and "genesis" not in str(error.value)
