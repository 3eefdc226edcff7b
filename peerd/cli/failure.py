"""One line and an exit code for whatever went wrong."""

from __future__ import annotations

from peerd.errors import PeerdError, printable
from peerd.requirements import broken
from protocols.errors import ProtocolError

INTERNAL = 70  # EX_SOFTWARE: a fault of peerd itself
VERIFICATION = 9  # what was read is not what it claims to be
FAILURE = 1


def explain(error: BaseException) -> tuple[str, int]:
    """The line to print and the exit code.

    A group of errors (trio's nurseries raise them) is as bad as the first known error in it.
    """
    if isinstance(error, BaseExceptionGroup):
        inner = [explain(each) for each in error.exceptions]
        return next((each for each in inner if each[1] != INTERNAL), inner[0])
    if isinstance(error, PeerdError):
        return str(error), error.exit_code
    if isinstance(error, ProtocolError):
        return printable(str(error)), VERIFICATION
    if isinstance(error, OSError) and error.filename is not None:
        return printable(f"{error.filename}: {error.strerror}"), FAILURE
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, ImportError) and (wrong := broken()):
        return wrong, FAILURE
    kind = type(error).__name__
    return f"a fault of peerd ({kind}); please report it with: peerd --debug …", INTERNAL
