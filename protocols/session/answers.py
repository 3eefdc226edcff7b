"""What a peer answers to those that start, or that are behind (docs/protocol.md §6)."""

from __future__ import annotations

from itertools import chain

from protocols.presence.neighbours import Neighbours
from protocols.record.door import signed_in
from protocols.record.effects import Send, Step
from protocols.record.party import Component
from protocols.record.setting import Setting
from protocols.session.abandonments import given_up_in
from protocols.session.permit import Permit
from protocols.session.recall import recalled
from protocols.session.rounds import Rounds
from protocols.wire.frames import HelloFrame, RecallFrame, StatementFrame
from protocols.wire.statement import Statement


class Answers(Component):
    """What one peer asks too often is put off."""

    def __init__(
        self, setting: Setting, rounds: Rounds, neighbours: Neighbours, permit: Permit
    ) -> None:
        super().__init__()
        self._setting = setting
        self._rounds = rounds
        self._neighbours = neighbours
        self._permit = permit

    def on_ask(self, sender: int, frame: HelloFrame | RecallFrame) -> Step:
        if isinstance(frame, HelloFrame):
            self._rounds.awaits.heard(sender, frame.round)
            return self._on_hello(sender, frame)
        return self._on_recall(sender, frame)

    def _on_hello(self, sender: int, frame: HelloFrame) -> Step:
        round_, neighbours = self._rounds.current, self._neighbours
        if not self._may_ask(sender, frame):
            return self.done()
        if frame.round < round_.number:
            neighbours.help(sender, frame.round, round_.place, again=True)
        elif frame.round > round_.number:
            neighbours.is_further(sender, frame.round)
        else:
            self._tell_same_round(sender, frame.attempt)
        return self.done()

    def _tell_same_round(self, sender: int, attempt: int) -> None:
        """Also by a peer that has not begun: two that have seen an attempt end, and still ask what
        they signed, may be all that can lead a third one out of it.
        """
        round_, neighbours = self._rounds.current, self._neighbours
        endings = round_.endings[attempt:]
        for closing in chain.from_iterable(ending.frames for ending in endings):
            neighbours.send(sender, closing)
        if round_.attempt is None:
            for said in given_up_in(round_.journal):
                neighbours.send(sender, StatementFrame(said))
        else:
            for peers, data in round_.attempt.party.sent:
                if sender in peers:  # all that it was sent in this attempt: it has restarted
                    neighbours.emit(Send((sender,), data))

    def _on_recall(self, sender: int, frame: RecallFrame) -> Step:
        """Where the round that is asked about is over, its certificate goes ahead of the answer:
        what was signed there is forgotten here, and whoever asks must not sign anew.
        """
        round_ = self._rounds.current
        if self._may_ask(sender, frame):
            if frame.round < round_.number:
                self._neighbours.help(sender, frame.round, round_.place, again=True)
            said, stands = self.what_was_said_by(sender), round_.number
            there = self._permit.was_there(stands)
            self._neighbours.send(sender, recalled(said, frame.round, stands, there=there))
        return self.done()

    def what_was_said_by(self, peer: int) -> list[Statement]:
        """What ``peer`` signed, as far as it came here, in frames that still wait too."""
        ahead = self._neighbours.ahead.of(peer)
        return self._rounds.said_by(peer) + signed_in(self._setting, ahead, peer)

    def put_off(self) -> Step:
        """What was too much a while ago."""
        for sender, frame in self._neighbours.take_put_off():
            if isinstance(frame, HelloFrame | RecallFrame):
                self.absorb(self.on_ask(sender, frame))
        return self.done()

    def _may_ask(self, sender: int, frame: HelloFrame | RecallFrame) -> bool:
        delay, place = self._setting.deadlines.result, self._rounds.current.place
        return self._neighbours.may_ask(sender, frame, place, delay)
