"""What a peer that takes no part in its round hears of the round's end (docs/protocol.md §6)."""

from __future__ import annotations

from protocols.record.certificate import signatures_needed
from protocols.record.door import Message
from protocols.record.setting import Setting
from protocols.session.neighbours import Neighbours
from protocols.session.states import ONLY_FOLLOWS, Standing
from protocols.wire.statement import Kind

LAST = (Kind.RESULT, Kind.ABANDON)


class Overheard:
    """Whether others' words say that the round may be over, so that its certificate is asked for:
    behind the group's last one nobody is ever seen in a later one.
    """

    def __init__(self, setting: Setting, neighbours: Neighbours) -> None:
        self._needed = signatures_needed(setting)
        self._delay = setting.deadlines.behind
        self._neighbours = neighbours
        self._senders: dict[int, set[int]] = {}

    def hear(self, message: Message, standing: Standing, round_: int) -> None:
        """``round_``: in which this peer stands; some are already in the next. One that takes part
        hears of the end in its attempt.
        """
        slot = message.slot
        if standing in ONLY_FOLLOWS and slot is not None and slot.kind in LAST:
            self._senders.setdefault(slot.round, set()).add(message.sender)
            self._look(round_)

    def left(self, round_: int) -> None:
        """This peer goes on, and stands in this round."""
        self._senders = {r: heard for r, heard in self._senders.items() if r >= round_}
        self._look(round_)

    def _look(self, round_: int) -> None:
        if len(self._senders.get(round_, ())) >= self._needed:
            self._neighbours.suspect_behind(round_, self._delay)
