"""What a daemon makes of an order that was left for it."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import ClassVar

from peerd.errors import PeerdError

ANSWER_SECONDS = 60.0


class OrderRefused(PeerdError):
    """The daemon does not carry an order out, and says why. ``what``: that it does not do."""

    what: ClassVar[str] = "do it"


async def await_answer(socket: Path, seen: object, refused: type[OrderRefused]) -> None:
    """Until an event behind number ``seen`` says that the order was taken. Raises ``refused``."""
    import trio

    from peerd.status.client import events

    since = seen if isinstance(seen, int) else 0
    with trio.move_on_after(ANSWER_SECONDS):
        async with aclosing(events(socket, since=since)) as stream:
            async for event in stream:
                if event.get("kind") == "order":
                    if event.get("refused") is not None:
                        raise refused(f"the daemon does not {refused.what}: {event['refused']}")
                    return
    raise refused("the daemon does not answer", "its log says more")
