"""What a daemon makes of an order over its control socket."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from peerd.cli.confirm import asked, at_terminal
from peerd.errors import ConfigError, PeerdError

if TYPE_CHECKING:
    from peerd.status.remote import Place

CODE_QUESTION = "The code of your second factor: "


class OrderRefused(PeerdError):
    """The daemon does not carry an order out, and says why. ``what``: that it does not do."""

    what: ClassVar[str] = "do it"


def add_code_argument(parser: argparse.ArgumentParser) -> None:
    """``--code DIGITS``, of an officer's order."""
    parser.add_argument(
        "--code", metavar="DIGITS", help="of your second factor, where the daemon needs one"
    )


def order(
    socket: Place, act: str, refused: type[OrderRefused], code: str | None = None, **document: Any
) -> dict[str, Any]:
    """Until it is done; what the daemon answers. ``act``: as the path of the order has it. Asks for
    a code where one is needed. Raises ``refused``, NotAllowedError, NotRunningError.
    """
    import trio

    from peerd.status.client import CodeNeeded, StatusAnswerError, post

    if code is not None:
        document["code"] = code
    try:
        return trio.run(post, socket, f"/v1/orders/{act}", document)
    except CodeNeeded:
        code = asked(CODE_QUESTION, "--code DIGITS")
        return order(socket, act, refused, **document, code=code)
    except StatusAnswerError as error:
        said = error.said or error.message
        raise refused(f"the daemon does not {refused.what}: {said}") from None


def check_may(socket: Place, act: str) -> bool:
    """Ahead of what takes long, or asks: whether the order will need a code. NotAllowedError for
    who may not give it, which is on record there.
    """
    import trio

    from peerd.status.client import StatusAnswerError, get

    try:
        return trio.run(get, socket, f"/v1/orders/{act}").get("code") is True
    except StatusAnswerError:  # an older daemon, which says so when the order comes
        return False


def code_first(socket: Place, act: str, code: str | None) -> str | None:
    """The code that the order is to go with. Who sits at a terminal is asked once it goes, as a
    code lasts no minute; of a script it is read now, so that none that lacks it works in vain.
    ConfigError, NotAllowedError.
    """
    import trio

    from peerd.status.client import post

    needed = check_may(socket, act)
    if code is not None or not needed or at_terminal():
        return code
    try:
        return asked(CODE_QUESTION, "--code DIGITS")
    except ConfigError:
        with suppress(PeerdError):  # refused for want of a code: that is on record there
            trio.run(post, socket, f"/v1/orders/{act}", {})
        raise


def waits(answer: dict[str, Any]) -> str | None:
    """What to tell where the order waits for a second officer; None where it is done."""
    from datetime import datetime

    pending = answer.get("pending")
    if pending is None:
        return None
    until = datetime.fromtimestamp(pending["until"]).isoformat(" ", "seconds")
    return (
        f"not done yet: it waits until {until} for a second officer, who says the same, or:"
        f" peerd officer confirm {pending['id']}"
    )
