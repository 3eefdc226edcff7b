"""Each ``--help`` ends with an example, and each example is one that the parsers take."""

from __future__ import annotations

import argparse
import shlex

import pytest

from peerd.cli.commands import COMMANDS, Command
from peerd.cli.dispatch import build_parser
from peerd.cli.examples import EXAMPLES, parsers_of, verbs_of


def command(name: str) -> Command:
    return next(each for each in COMMANDS if each.name == name)


@pytest.mark.parametrize("name", [each.name for each in COMMANDS])
def test_every_command_and_verb_shows_one(name: str) -> None:
    parser = verbs_of(build_parser(command(name)))[name]
    for each in parsers_of(parser):
        assert f"\n  {each.prog} " in each.format_help().rpartition("example")[2], each.prog


@pytest.mark.parametrize("line", EXAMPLES.splitlines())
def test_every_example_is_taken(line: str) -> None:
    peerd, *words = shlex.split(line)
    assert peerd == "peerd"
    try:
        args = build_parser(command(words[0])).parse_args(words)
    except (SystemExit, argparse.ArgumentError) as error:
        pytest.fail(f"{line}: {error}")
    assert args.command == words[0]


def test_the_bare_command_shows_how_to_begin() -> None:
    assert "\n  peerd init " in build_parser(None).format_help()
