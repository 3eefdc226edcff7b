"""What a peer that takes no part in its round hears of the round's end (docs/protocol.md §6)."""

from __future__ import annotations

from protocols.record.certificate import signatures_needed
from protocols.record.door import Message
from protocols.record.setting import Setting
from protocols.session.states import ONLY_FOLLOWS, Standing
from protocols.wire.statement import Kind

LAST = (Kind.RESULT, Kind.ABANDON)


class Overheard:
    """Whether others' words say that the round may be over: behind the group's last one nobody is
    ever seen in a later one.
    """

    def __init__(self, setting: Setting) -> None:
        self._needed = signatures_needed(setting)
        self._senders: set[int] = set()

    def is_over(self, message: Message, standing: Standing) -> bool:
        """Of the words of a peer that takes part nothing is made here: its attempt hears them."""
        if standing not in ONLY_FOLLOWS:
            return False
        if message.slot is not None and message.slot.kind in LAST:
            self._senders.add(message.sender)
        return len(self._senders) >= self._needed

    def forget(self) -> None:
        """The round is over here as well."""
        self._senders.clear()
