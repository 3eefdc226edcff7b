"""``peerd completion SHELL``: a script that completes commands, options, choices and files.

Made from the parsers when it is asked for, by a page of code: a node needs no package for it.
(shtab, which other tools use, has no fish.) The script has one table, ``WORDS|KIND`` by what was
typed before; each shell only looks it up.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from peerd.cli.examples import verbs_of

SHELLS = ("bash", "zsh", "fish")
NOUNS = {"FILE", "PATH", "GENESIS", "DRAFT", "DIR", "FOLDER", "FILE|HASH", "FILE.csv", "OLD"}
"""Metavars of what is a file's name."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option's spelling. ``words``: what may follow it; ``file``: that is a file's name."""

    name: str
    says: str
    takes: bool
    words: tuple[str, ...]
    file: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What may come behind some words, such as ``peerd group``."""

    words: tuple[str, ...]
    verbs: dict[str, str]
    options: tuple[Option, ...]
    choices: tuple[str, ...]
    files: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def main(args: argparse.Namespace) -> int:
    """Print the script."""
    write = {"bash": bash, "zsh": zsh, "fish": fish}[args.shell]
    print(write(list(places())))
    return 0


def places() -> Iterator[Place]:
    """Of every command and verb, the bare ``peerd`` first."""
    from peerd.cli.commands import COMMANDS
    from peerd.cli.dispatch import build_parser

    bare = build_parser(None)
    names = {command.name: command.summary for command in COMMANDS}
    yield Place((), names, tuple(_options(bare)), (), False)
    for command in COMMANDS:
        parser = verbs_of(build_parser(command))[command.name]
        yield from _below(parser, (command.name,))


def _below(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[Place]:
    verbs = verbs_of(parser)
    positional = [each for each in parser._actions if not each.option_strings]
    choices = tuple(
        str(choice) for each in positional if not verbs for choice in each.choices or ()
    )
    files = any(each.metavar in NOUNS for each in positional)
    says = {name: _says(parser, name) for name in verbs}
    yield Place(words, says, tuple(_options(parser)), choices, files)
    for name, verb in verbs.items():
        yield from _below(verb, (*words, name))


def _says(parser: argparse.ArgumentParser, verb: str) -> str:
    """A verb's own line in the help of ``parser``."""
    for action in parser._actions:
        for each in getattr(action, "_choices_actions", ()):
            if each.dest == verb:
                return each.help or ""
    return ""


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    """But those of former names, which still work."""
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        words = tuple(map(str, action.choices or ()))
        for name in action.option_strings:
            if name.startswith("--"):
                file = action.metavar in NOUNS
                yield Option(
                    name, (action.help or "").replace("%%", "%"), action.nargs != 0, words, file
                )


def bash(places: list[Place]) -> str:
    """For ``source <(peerd completion bash)``."""
    cases, values = [], []
    for place in places:
        words = " ".join([*place.verbs, *place.choices, *(each.name for each in place.options)])
        key = shlex.quote(" ".join(place.words))
        cases.append(f"    {key}) offered={shlex.quote(words)} files={int(place.files)};;")
        for each in place.options:
            if each.takes:
                key = shlex.quote(" ".join([*place.words, each.name]))
                said = shlex.quote(" ".join(each.words))
                values.append(f"    {key}) offered={said} files={int(each.file)};;")
    verbs = "|".join(shlex.quote(" ".join(each.words)) for each in places if each.words)
    return _BASH.format(verbs=verbs, cases="\n".join(cases), values="\n".join(values))


def zsh(places: list[Place]) -> str:
    """zsh runs bash's completions by its own ``bashcompinit``."""
    return "#compdef peerd\nautoload -U +X bashcompinit && bashcompinit\n" + bash(places)


def fish(places: list[Place]) -> str:
    """For ``peerd completion fish | source``."""
    lines = [_FISH, "complete --command peerd --erase", "complete --command peerd --no-files"]
    for place in places:
        here = f"complete --command peerd --condition {_quoted(_at(place))}"
        for name, says in place.verbs.items():
            lines.append(f"{here} --arguments {name} --description {_quoted(says)}")
        if place.choices:
            lines.append(f"{here} --arguments {_quoted(' '.join(place.choices))}")
        if place.files:
            lines.append(f"{here} --force-files")
        for each in place.options:
            line = f"{here} --long-option {each.name[2:]} --description {_quoted(each.says)}"
            if each.takes:
                line += " --require-parameter" + (" --force-files" if each.file else " --no-files")
            if each.words:
                line += f" --arguments {_quoted(' '.join(each.words))}"
            lines.append(line)
    return "\n".join(lines)


def _at(place: Place) -> str:
    """fish's condition: these words were typed, and, where one of its verbs follows, no other."""
    exactly = " --exactly" if place.verbs else ""
    return " ".join([f"__peerd_at{exactly}", *place.words])


def _quoted(text: str) -> str:
    """In fish's single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_BASH = """\
_peerd() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} place= word next
  local offered= files=0
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:$((COMP_CWORD-1))}}"; do
    next="${{place:+$place }}$word"
    case $next in
    {verbs}) place=$next;;
    esac
  done
  case $place in
{cases}
  esac
  case "${{place:+$place }}$before" in
{values}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
  if [ "$files" = 1 ]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}}
complete -F _peerd peerd"""

_FISH = """\
function __peerd_at
    set --local typed
    for word in (commandline --tokenize --cut-at-cursor --current-process)[2..-1]
        string match --quiet -- '-*' $word; or set --append typed $word
    end
    if test "$argv[1]" = --exactly
        set --erase argv[1]
        test (count $typed) -eq (count $argv); or return 1
    end
    test (count $argv) -eq 0; and return 0
    test (count $typed) -ge (count $argv); or return 1
    test "$typed[1..$(count $argv)]" = "$argv"
end"""
