"""Parse, run one command, turn every failure into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

import peerd
from peerd.cli.commands import COMMANDS, Command
from peerd.cli.examples import add_examples
from peerd.cli.failure import explain
from peerd.cli.streams import abandon_output, flush_output
from peerd.environment import DEBUG

EPILOG = """\
example:
  peerd init /srv/peerd --name "St. Mary's" --listen /ip4/203.0.113.10/tcp/4001

exit codes: 0 done · 1 failure · 2 usage or configuration · 3 key · 4 group · 5 storage ·
6 network · 7 task or data · 8 no daemon answers · 9 verification failed · 10 not allowed ·
70 a fault of peerd · 130 interrupted
"""


def build_parser(chosen: Command | None) -> argparse.ArgumentParser:
    """The whole parser; only the ``chosen`` command's arguments are declared (and imported)."""
    parser = argparse.ArgumentParser(
        prog="peerd",
        description="Organisations that don't trust each other train one model together.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"peerd {peerd.__version__}",
        help="show the version and exit; with --json as 'peerd version --json'",
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.summary, description=_sentence(command.summary)
        )
        if command is chosen:
            module = command.load()
            module.add_arguments(subparser)
            add_examples(subparser)
            subparser.set_defaults(run_command=module.main)
    return parser


def dispatch(arguments: Sequence[str]) -> int:
    """The exit code; argparse alone leaves by SystemExit (code 2)."""
    debug = "--debug" in arguments[:1] or bool(os.environ.get(DEBUG))
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader (head, less) has gone
        abandon_output()
        return 1
    except (Exception, BaseExceptionGroup) as error:
        if debug:
            traceback.print_exc()
        line, code = explain(error)
        print(f"peerd: error: {line}", file=sys.stderr)
        try:
            flush_output()
        except OSError:
            abandon_output()
        return code


def _run(arguments: Sequence[str]) -> int:
    """What was printed is flushed here, where it can still be told that it can't be written."""
    try:
        if {*arguments} - {"--debug"} == {"--version", "--json"}:
            arguments = ["version", "--json"]
        args = _parsed(build_parser(_chosen(arguments)), arguments)
        code: int = args.run_command(args)
    except SystemExit:  # argparse has printed the help, or the usage
        flush_output()
        raise
    flush_output()
    return code


def _parsed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Words that nobody knows are told with the usage of the command that was meant: argparse
    shows that of all commands.
    """
    args, unknown = parser.parse_known_args(list(arguments))
    if unknown:
        _meant(parser, args).error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def _meant(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.ArgumentParser:
    """Of the command, or of its verb if it has any."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            verb = getattr(args, action.dest, None)
            return _meant(action.choices[verb], args) if verb in action.choices else parser
    return parser


def _chosen(arguments: Sequence[str]) -> Command | None:
    noun = next((word for word in arguments if not word.startswith("-")), None)
    return next((command for command in COMMANDS if command.name == noun), None)


def _sentence(summary: str) -> str:
    return summary[0].upper() + summary[1:] + "."
