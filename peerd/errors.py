"""What a person sees when something can't be done: one line, one exit code.

Every error of the daemon and the command line says what, where, and what to do about it. The
command line prints ``str(error)`` and exits with ``error.exit_code``; no traceback reaches a user.

====  =======================  ==========================================================
code  class                    meaning
====  =======================  ==========================================================
0                              done
1     PeerdError               any other failure
2     ConfigError              usage, configuration; what a command's options ask for can't be
3     IdentityError            key file, identity
4     GroupError               a genesis document: missing, form, roster, signatures, plan
5     StorageError             data directory, database, lock, journal, disk
6     NetworkError             port, address, connection
7     TaskError                task, training data, code of the user's own
8     NotRunningError          no daemon answers at the status socket
9     VerificationError        an audit failed: a transcript, certificate or evidence is wrong
10    NotAllowedError          the daemon does not let this user do it
====  =======================  ==========================================================
"""

from __future__ import annotations

from typing import ClassVar


class PeerdError(Exception):
    """``message`` says what and where; ``hint`` says what to do ("" when nothing can be done)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return printable(f"{self.message}; {self.hint}" if self.hint else self.message)


class ConfigError(PeerdError):
    """A wrong argument, or a wrong key or value in the configuration.

    A group that can't be founded as asked is one too: GroupError is for documents.
    """

    exit_code = 2


class IdentityError(PeerdError):
    """The key file is missing, malformed, or open to others."""

    exit_code = 3


class GroupError(PeerdError):
    """The genesis document is malformed, incomplete, or not signed by everyone."""

    exit_code = 4


class StorageError(PeerdError):
    """The data directory can't be read or written: the round aborts as A(storage)."""

    exit_code = 5


class LockedError(StorageError):
    """Another process holds the data directory."""


class CorruptError(StorageError):
    """A file of the data directory is damaged. Nothing has been changed or deleted."""


class SchemaError(StorageError):
    """The database was written by a version of peerd that this one can't follow."""


class JournalConflict(StorageError):
    """A second, different value for a journal key: it would mean signing twice differently."""


class NetworkError(PeerdError):
    """A port, an address or a connection can't be used."""

    exit_code = 6


class TaskError(PeerdError):
    """The training task or its data can't be used."""

    exit_code = 7


class NotRunningError(PeerdError):
    """No daemon answers."""

    exit_code = 8


class VerificationError(PeerdError):
    """An audit found something that is not as it was claimed."""

    exit_code = 9


class NotAllowedError(PeerdError):
    """The daemon does not let this user do it: another role is needed."""

    exit_code = 10


def printable(text: str) -> str:
    """``text`` on one line, without control characters: it may quote what a stranger wrote."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))


def with_kind(error: BaseException) -> str:
    """``OSError: no route``; of an error that says nothing, as a timeout, the kind alone."""
    kind, said = type(error).__name__, str(error)
    return f"{kind}: {said}" if said else kind
