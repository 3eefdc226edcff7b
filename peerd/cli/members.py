"""``--members``: who a group is founded for, as people write it.

    PEER[=NUMBER] [NAME] [ADDRESS]   # a comment

The number is what the option asks for, such as a weight. Everything behind the first blank is the
name, but for an address (/ip4/192.0.2.1/tcp/4001) at the end; a name with " #" in it, or with an
address's beginning, stands in double quotes. A peer card is such a line ('peerd init').
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peerd.errors import ConfigError, IdentityError

MAX_MEMBERS_FILE_BYTES = 1 << 20
OPTION = "--members"
_AS_INIT = "copy members' peer ids as 'peerd init' prints them, with the checksum behind"
_BLANKS = "\ufeff \t"  # a mark within a file: somebody has joined several files to one
_MEMBER = re.compile(r"(?P<peer>[^\s=#]+)\s*(?P<stated>=\s*(?P<number>[^\s#]*))?(?P<rest>.*)", re.S)
_QUOTED = re.compile(r'"(?P<name>(?:[^"]|"")*)"\s*(?P<address>/\S*)?\s*(#.*)?', re.S)
_ADDRESS = re.compile(r"(?:^|\s)(?P<address>/(?:ip4|ip6|dns|dns4|dns6)/\S*)$")
_COMMENT = re.compile(r"(?:^|(?<=\s))#+")


@dataclass(frozen=True, slots=True)
class Member:
    """``number``: what it states, such as its weight. ``where``: for an error about it."""

    public: bytes
    number: int | None
    name: str | None
    address: str | None
    where: str


def members(words: list[str], option: str = OPTION, *, least: int = 1) -> dict[bytes, int | None]:
    """Public keys with what each states (None: nothing); ``listed`` without the names."""
    return {each.public: each.number for each in listed(words, option, least=least)}


def listed(words: list[str], option: str = OPTION, *, least: int = 1) -> list[Member]:
    """Those whom words, and files that hold one a line, name. ConfigError names file and line.

    A peer id may be a hex key; a number is a whole one from ``least`` on.
    """
    found: list[Member] = []
    for word in words:
        if os.path.isfile(word):
            found += _members_in(Path(word), option, least)
        else:
            found.append(_stated(word, f"{option}: ", least))
    seen: dict[bytes, Member] = {}
    for each in found:
        first = seen.setdefault(each.public, each)
        if first is not each:
            raise ConfigError(f"{each.where}somebody is named twice{_also(first)}")
    return found


def names_of(found: Sequence[Member]) -> dict[bytes, str]:
    """The members' names by public key; none where nobody has one. ConfigError."""
    from peerd.group.names import folded

    names = {each.public: each.name for each in found if each.name is not None}
    if unnamed := [each for each in found if each.name is None and names]:
        raise ConfigError(
            f"{unnamed[0].where}a member without a name, and {len(names)} of {len(found)} have one",
            "name all of them, or nobody: PEER NAME",
        )
    seen: dict[str, Member] = {}
    for each in found:
        first = seen.setdefault(folded(each.name or ""), each)
        if names and first is not each:
            raise ConfigError(
                f"{each.where}the name {each.name} reads like {first.name}{_also(first)}",
                "give each a name of its own",
            )
    return names


def checked_name(text: str, where: str) -> str:
    """A name as it was typed, in Unicode's composed form. ConfigError."""
    from peerd.group.names import BadName, check_name

    try:
        return check_name(unicodedata.normalize("NFC", text))
    except BadName as error:
        raise ConfigError(f"{where}the name {error}") from None


def addresses_of(found: Sequence[Member]) -> dict[bytes, str]:
    """Where members can be reached, by public key; of those that say it."""
    return {each.public: each.address for each in found if each.address is not None}


def line_of(peer: str, name: str | None = None, address: str | None = None) -> str:
    """What ``listed`` reads as this member: its card."""
    return "  ".join(part for part in (peer, name and _written(name), address) if part)


def _written(name: str) -> str:
    special = name.startswith('"') or _COMMENT.search(name) or _ADDRESS.search(name)
    return '"' + name.replace('"', '""') + '"' if special else name


def _also(first: Member) -> str:
    place = first.where.removesuffix(": ")
    return f", also in {place}" if " line " in place else ""


def _members_in(path: Path, option: str, least: int) -> list[Member]:
    from peerd.text import NotText, read_text

    try:
        text = read_text(path, MAX_MEMBERS_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"{option}: can't read {path}: {error.strerror}") from None
    except NotText as error:
        raise ConfigError(f"{option}: {path} is {error.message}", error.hint) from None
    return [
        _stated(line, f"{path} line {number}: ", least)
        for number, line in enumerate(text.splitlines(), 1)
        if line.partition("#")[0].strip(_BLANKS)
    ]


def _stated(text: str, where: str, least: int) -> Member:
    said = _MEMBER.fullmatch(text.strip(_BLANKS))
    if said is None:
        raise ConfigError(f"{where}{text}: does not begin with a peer id", _AS_INIT)
    public = _member(said["peer"], where)
    number = said["number"]
    if said["stated"] and not (
        number.isascii() and number.isdigit() and least <= int(number[:20]) < 1 << 53
    ):
        kind = "a positive whole number" if least else "a whole number"
        raise ConfigError(f"{where}{text.strip(_BLANKS)}: what is behind = must be {kind}")
    name, address = _name_and_address(said["rest"].strip(_BLANKS), where)
    return Member(public, int(number) if said["stated"] else None, name, address, where)


def _name_and_address(text: str, where: str) -> tuple[str | None, str | None]:
    """What is behind the blank, but for a comment; None for what is not there."""
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        if quoted is None:
            raise ConfigError(
                f"{where}{text}: a quoted name ends in a quote, with an address and a comment"
                " behind it at most",
                'a quote within it is written twice: "Clinic ""North"""',
            )
        name = checked_name(quoted["name"].replace('""', '"'), where)
        return name, _checked_address(quoted["address"], where)
    comment = _COMMENT.search(text)
    said = text if comment is None else text[: comment.start()].rstrip(_BLANKS)
    behind = "" if comment is None else text[comment.end() :]
    if comment and said and behind and not behind[0].isspace():
        raise ConfigError(
            f"{where}{text}: is {text[comment.start() :]} a comment, or of the name?",
            'a comment: put a blank behind the "#"; of the name: put it in double quotes',
        )
    found = _ADDRESS.search(said)
    named = (said if found is None else said[: found.start()]).rstrip(_BLANKS)
    address = None if found is None else found["address"]
    return checked_name(named, where) if named else None, _checked_address(address, where)


def _checked_address(address: str | None, where: str) -> str | None:
    """ConfigError."""
    from peerd.group.addresses import is_address

    if address is not None and not is_address(address):
        raise ConfigError(
            f"{where}{address}: must look like /ip4/192.0.2.1/tcp/4001",
            "if it is of the name, put that in double quotes",
        )
    return address


def _member(word: str, where: str) -> bytes:
    from peerd.identity import is_public_key, public_of

    try:
        public = bytes.fromhex(word) if len(word) == 64 else public_of(word)
    except ValueError:
        raise ConfigError(f"{where}{word}: neither hex nor a peer id", _AS_INIT) from None
    except IdentityError as error:
        file = "" if word.startswith("12D3") or "--" not in where else ", and no file"
        raise ConfigError(f"{where}{error.message}{file}", _AS_INIT) from None
    if not is_public_key(public):
        raise ConfigError(f"{where}{word}: no public key: it is mistyped", _AS_INIT)
    return public
