"""What a daemon makes of an order over its control socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from peerd.errors import PeerdError


class OrderRefused(PeerdError):
    """The daemon does not carry an order out, and says why. ``what``: that it does not do."""

    what: ClassVar[str] = "do it"


def order(socket: Path, act: str, refused: type[OrderRefused], **document: Any) -> None:
    """Until it is done. ``act``: as the path of the order has it. Raises ``refused``,
    NotAllowedError, NotRunningError.
    """
    import trio

    from peerd.status.client import StatusAnswerError, post

    try:
        trio.run(post, socket, f"/v1/orders/{act}", document)
    except StatusAnswerError as error:
        raise refused(
            f"the daemon does not {refused.what}: {error.said or error.message}"
        ) from None
