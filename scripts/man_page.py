"""Writes docs/peerd.1, the manual page, from the parsers: python scripts/man_page.py"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator

from own_tree import ROOT

import peerd
from peerd.cli.commands import COMMANDS
from peerd.cli.dispatch import EPILOG, build_parser
from peerd.cli.examples import EXAMPLES, verbs_of
from peerd.config import declared
from peerd.environment import (
    CONFIG,
    DEBUG,
    REMOTE,
    REMOTE_CA,
    REMOTE_CERTIFICATE,
    REMOTE_KEY,
    variable,
)

WIDTH = 76
PAGE, CHANGES = ROOT / "docs" / "peerd.1", ROOT / "CHANGELOG.md"


def main() -> None:
    """The page that the test compares the file with."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """In man's macros, one sentence or option a line."""
    bare = build_parser(None)
    lines = [
        r".\" Written by scripts/man_page.py.",
        f'.TH PEERD 1 {released()} "peerd {peerd.__version__}" "User Commands"',
        ".ad l",
        ".SH NAME",
        rf"peerd \- {_text('a peer daemon: organisations train one model together, no server')}",
        ".SH SYNOPSIS",
        r".B peerd",
        r"[\fIOPTION\fR] \fICOMMAND\fR [\fIVERB\fR] \&...",
        ".SH DESCRIPTION",
        _text(bare.description or ""),
        r"Each command has its own",
        rf".BR {_text('--help')} .",
        ".SH OPTIONS",
        *_arguments(bare),
        ".SH COMMANDS",
    ]
    for command in COMMANDS:
        parser = verbs_of(build_parser(command))[command.name]
        lines += _command(parser, parser.description or "")
    lines += [".SH ENVIRONMENT", "A variable goes before the key of the same name in the file."]
    lines += [".TP", _bold(CONFIG), _text("the configuration, where --config names none")]
    lines += [".TP", _bold(DEBUG), _text("show tracebacks and the log of commands")]
    where = "https://HOST:PORT of a daemon that is asked over TLS, and not at its socket"
    lines += [".TP", _bold(REMOTE), _text(where)]
    files = ", ".join((REMOTE_CERTIFICATE, REMOTE_KEY, REMOTE_CA))
    how = "PEM files: the certificate and the key that are shown there, and whose that daemon's is"
    lines += [".TP", _bold(files), _text(how)]
    for name, key, _ in declared():
        lines += [".TP", _bold(variable(name)), _text(f"{name}: {key.says}")]
    lines += [".SH EXIT STATUS", _text(EPILOG.partition("exit codes: ")[2].replace(" ·", ";"))]
    return "\n".join([*lines, ""])


def released() -> str:
    """The day of the last release: the page changes with what it says alone."""
    found = re.search(r"^## \S+ \(([0-9-]{10})\)", CHANGES.read_text(encoding="utf-8"), re.M)
    assert found is not None
    return found[1]


def _command(parser: argparse.ArgumentParser, says: str) -> Iterator[str]:
    """A command without verbs, or each of its verbs."""
    if verbs := verbs_of(parser):
        helps = {
            each.dest: each.help or ""
            for action in parser._actions
            for each in getattr(action, "_choices_actions", ())
        }
        for name, verb in verbs.items():
            yield from _command(verb, helps[name])
        return
    yield f".SS {_text(parser.prog)}"
    yield _text(says)
    yield from _arguments(parser)
    for line in EXAMPLES.splitlines():
        if line.startswith(f"{parser.prog} "):
            shown = _text(line).replace("\n", " \\e\n  ")
            yield from (".PP", "Example:", ".PP", ".nf", shown, ".fi")


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        if action.help == argparse.SUPPRESS:  # a former name
            continue
        yield ".TP"
        yield _bold(formatter._format_action_invocation(action))
        says = formatter._expand_help(action) if action.help else ""
        yield _text(says) or r"\&"


def _bold(text: str) -> str:
    return rf"\fB{_text(text)}\fR"


def _text(text: str) -> str:
    """Lines that mean nothing to roff: hyphens that can be copied, no command at a start."""
    plain = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    lines = textwrap.wrap(plain, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(rf"\&{each}" if each[0] in ".'" else each for each in lines)


if __name__ == "__main__":
    main()
