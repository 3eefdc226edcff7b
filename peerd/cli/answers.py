"""What a daemon makes of an order over its control socket."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, ClassVar

from peerd.cli.confirm import asked
from peerd.errors import PeerdError

if TYPE_CHECKING:
    from peerd.status.remote import Place


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
        code = asked("The code of your second factor: ", "--code DIGITS")
        return order(socket, act, refused, **document, code=code)
    except StatusAnswerError as error:
        said = error.said or error.message
        raise refused(f"the daemon does not {refused.what}: {said}") from None


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
