"""What a peer hears of a round's end from others (docs/protocol.md §6)."""

from __future__ import annotations

from protocols.presence.neighbours import Neighbours
from protocols.record.certificate import signatures_needed, verify_certificate
from protocols.record.door import Message
from protocols.record.resolution import is_resolution
from protocols.record.setting import Setting
from protocols.session.participation import Participation
from protocols.session.permit import Permit
from protocols.session.states import ONLY_FOLLOWS, Standing
from protocols.wire.frames import DecisionFrame
from protocols.wire.payloads import Kind, Topic


class Overheard:
    """Whether others' words say that the round may be over in which this peer takes no part, so
    that its certificate is asked for: behind the group's last one nobody is ever seen in a later
    one.
    """

    def __init__(self, setting: Setting, neighbours: Neighbours, permit: Permit) -> None:
        self._setting = setting
        self._neighbours = neighbours
        self._permit = permit
        self._senders: dict[int, set[int]] = {}

    def hear(self, message: Message, standing: Standing, round_: int) -> None:
        """``round_``: in which this peer stands; some are already in the next. One that takes part
        hears of the end in its attempt.
        """
        if standing in ONLY_FOLLOWS and message.place is not None and _is_last_word(message):
            self._senders.setdefault(message.place[0], set()).add(message.sender)
            self._look(round_)

    def left(self, round_: int) -> None:
        """This peer goes on, and stands in this round."""
        self._senders = {r: heard for r, heard in self._senders.items() if r >= round_}
        self._look(round_)

    def on_certificate(self, sender: int, data: bytes, part: Participation) -> None:
        """A peer takes a result from anyone if the certificate verifies (§6). One that still asks
        what it has signed begins no round that is over: of those nobody may know any more.

        WireError where it does not verify.
        """
        certified = verify_certificate(self._setting, data)
        if certified.round >= part.round:
            if self._permit.recall.waits or part.state is Standing.SUSPECT:
                self._permit.sit_out_until(certified.round)
            self._neighbours.catch_up(certified.round, sender)

    def _look(self, round_: int) -> None:
        if len(self._senders.get(round_, ())) >= signatures_needed(self._setting):
            self._neighbours.suspect_behind(round_, self._setting.deadlines.behind)


def _is_last_word(message: Message) -> bool:
    """Whether it is what a round's end is made of, as its sender has it."""
    frame, slot = message.frame, message.slot
    if isinstance(frame, DecisionFrame) and slot is not None:
        return slot.subject == Topic.COMMITS and is_resolution(frame.outcome)
    return slot is not None and slot.kind in (Kind.RESULT, Kind.ABANDON)
