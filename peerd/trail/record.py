"""One record of the trail: a line of text, which is the hash of what follows it, a space, and JSON.

The JSON is canonical, so that a record has one form, and names the hash of the record before. Both
can be checked without peerd: ``cut -c66- | head -c -1 | sha256sum`` of a line gives its hash.
"""

from __future__ import annotations

import json
import os
import pwd
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

MAX_LINE = 4096
"""Bytes of a record with its end: what a reader takes at once."""
MAX_TEXT = 256
"""Characters of one text in a record: a name or a reason, which somebody else may have written."""
HASH_DIGITS = 64
NOTHING = "0" * HASH_DIGITS
"""In the place of the hash before the first record."""
BEGIN = "begin"
"""The act of a file's first record."""

_FIELDS = {
    "act": str,
    "arguments": dict,
    "factor": str,
    "number": int,
    "previous": str,
    "role": str | None,
    "time": str,
    "uid": int | None,
    "user": str | None,
}


class Factor(StrEnum):
    """By what this machine knows who it was."""

    SOCKET = "socket"
    """The kernel names the user at the other end of the control socket."""
    CODE = "socket+code"
    """The same, and a code of the officer's second factor."""
    CERTIFICATE = "certificate"
    """Who holds the key of a client certificate, over TLS; ``arguments`` has its fingerprint."""
    CERTIFICATE_CODE = "certificate+code"
    """The same, and a code of the officer's second factor."""
    SIGNAL = "signal"
    """Root or the daemon's own user: the kernel lets nobody else send one."""
    DIRECTORY = "directory"
    """A command that may write to the data directory, while no daemon runs."""
    ALARM = "alarm"
    """Nobody: the daemon, as ``[alarms]`` has it."""
    DAEMON = "daemon"
    """Nobody: the daemon does it by itself."""


@dataclass(frozen=True, slots=True)
class Actor:
    """``role``: in which it was done. None where nothing is known, as of who sent a signal."""

    factor: Factor
    uid: int | None = None
    user: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The last record, which stands for all before it."""

    number: int
    hash: str


BEFORE = Head(-1, NOTHING)
"""The head of a trail without records."""


class BadRecord(Exception):
    """Why a line is no record of this trail."""


def line_of(before: Head, actor: Actor, act: str, arguments: dict[str, Any], now: float) -> bytes:
    """The record behind ``before``. ValueError where it would be longer than MAX_LINE."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    document = {
        "act": act,
        "arguments": _cut(arguments),
        "factor": actor.factor.value,
        "number": before.number + 1,
        "previous": before.hash,
        "role": actor.role,
        "time": moment.replace("+00:00", "Z"),
        "uid": actor.uid,
        "user": _cut(actor.user),
    }
    text = _canonical(document)
    line = f"{sha256(text).hexdigest()} ".encode() + text + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(f"a record of {len(line)} bytes; at most {MAX_LINE}")
    return line


def head_of(line: bytes) -> Head:
    """That of a line which ``line_of`` made, or ``read`` took."""
    return Head(json.loads(line[HASH_DIGITS:])["number"], line[:HASH_DIGITS].decode())


def read(line: bytes, before: Head | None) -> dict[str, Any]:
    """The record in ``line``, with its ``hash``. ``before``: None for the first of a file, which
    may go on from one that is not there. BadRecord says what is wrong.
    """
    if len(line) > MAX_LINE or not line.endswith(b"\n"):
        raise BadRecord("it has no end" if len(line) <= MAX_LINE else "it is too long")
    name, space, text = line[:-1].partition(b" ")
    if not space or sha256(text).hexdigest().encode() != name:
        raise BadRecord("it is not what its hash says: it was changed")
    document = _parsed(text)
    if before is None:
        if document["act"] != BEGIN:
            raise BadRecord("it does not begin a trail: what came before it was removed")
    elif document["number"] != before.number + 1:
        wanted = before.number + 1
        raise BadRecord(f"it is number {document['number']}, and {wanted} is due here")
    elif document["previous"] != before.hash:
        raise BadRecord("it names another record as the one before it")
    return document | {"hash": name.decode()}


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        document: Any = json.loads(text)
        known = isinstance(document, dict) and document.keys() == _FIELDS.keys()
        if known and _canonical(document) == text and _has_types(document):
            return dict(document)
    except (ValueError, RecursionError):
        pass
    raise BadRecord("it is not in the form of a record")


def _has_types(document: dict[str, Any]) -> bool:
    return all(isinstance(document[name], kind) for name, kind in _FIELDS.items())


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def _cut(value: Any) -> Any:
    """What strangers' texts are left of it."""
    if isinstance(value, dict):
        return {name: _cut(each) for name, each in value.items()}
    return value[:MAX_TEXT] if isinstance(value, str) else value


def itself() -> Actor:
    """The daemon, as the one who acts."""
    return Actor(Factor.DAEMON, os.geteuid(), user_name(os.geteuid()))


def user_name(uid: int) -> str | None:
    """None where this machine has no name for it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
