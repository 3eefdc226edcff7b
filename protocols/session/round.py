"""One round, as its peer makes it: attempts begun, void, ended, made again, and left behind."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.aggregation.contract import Reference
from protocols.committee.receiver import kept_prefix
from protocols.election.flip import Outset
from protocols.record.base import Values
from protocols.record.door import Message
from protocols.record.effects import (
    Abort,
    Aborted,
    Erase,
    Step,
    Stop,
    Stopped,
    Timer,
    Train,
)
from protocols.record.elected import ElectionCertificate
from protocols.record.journal import Journal
from protocols.record.outcomes import Aborting, Accused, Drawn, RoundOver, Wasted
from protocols.record.party import Component, Party
from protocols.record.position import Position, tip_of
from protocols.record.spending import is_spent
from protocols.record.states import Machine
from protocols.record.timers import RetryDue
from protocols.session.attempt import Attempt, Start
from protocols.session.awaited import awaited
from protocols.session.ending import Ending, attempt_secrets, ending_key, endings_in
from protocols.session.local import LocalPeer
from protocols.session.states import ROUND, RoundEvent, Rounding
from protocols.session.update import Update
from protocols.wire.statement import MAX_ATTEMPT, Statement

MAX_RETRY_DELAY = 8
"""Attempts without a quorum follow each other at up to so many times the result's deadline."""


class Round(Component):
    """The round that ``position`` leads to. ``attempt`` is the current one, None before the first.

    Comes to ``RoundOver``, and on the way to what its attempts can prove (``Accused``).
    """

    def __init__(self, peer: LocalPeer, position: Position, journal: Journal) -> None:
        super().__init__()
        self.position = position
        self.journal = journal
        self.attempt: Attempt | None = None
        self.endings = endings_in(journal)
        self._peer = peer
        self._state = Machine(Rounding.BEHIND, ROUND)
        self._update = Update(peer, position, journal)
        self._said: dict[int, list[Statement]] = {}

    @property
    def peers(self) -> int:
        """n, the size of the roster."""
        return self._peer.setting.peers

    @property
    def number(self) -> int:
        return self.position.round

    @property
    def place(self) -> tuple[int, int]:
        """(round, attempt)."""
        return self.attempt.party.place if self.attempt else (self.number, 0)

    def takes(self, place: tuple[int, int]) -> bool:
        """Whether what is said there is said of its current, or last, attempt."""
        return self.attempt is not None and place == self.attempt.party.place

    @property
    def state(self) -> Rounding:
        return self._state.state

    @property
    def lacks_sum(self) -> bool:
        """Whether the round is certified here, and its opened sum is still to come."""
        return self.attempt is not None and self.attempt.lacks_sum

    # -- events --------------------------------------------------------------------------------

    def begin(self, outset: Outset) -> Step:
        """Behind the attempts that an earlier life of this peer saw end."""
        setting = self._peer.setting
        deals = not is_spent(setting, self.position.ledger)
        if deals and (setting.clients is None or setting.aggregator.uses_reference):
            self._train()
        self._erase_ended()
        if self._may_begin(len(self.endings)):
            self._begin(outset)
        else:
            self._spend()
        return self.done()

    def again(self, outset: Outset) -> Step:
        """The attempt that is to follow."""
        self._begin(outset)
        return self.done()

    def on_update(self, values: Values, reference: Reference | None) -> Step:
        """This peer's encoded update. Raises ProtocolError for a reference that is missing or has
        another shape.
        """
        attempt, update = self.attempt, self._update
        if update.values is None and attempt is not None:
            self.emit_all(update.take_reference(reference))
            if not attempt.cohort_decided:  # else trained too late: the round ends without it
                self.emit_all(update.take(values))
                self._hear(attempt.on_update(values))
        return self.done()

    def on_message(self, message: Message, data: bytes) -> Step:
        """Of the current attempt. WireError as ``Attempt.on_message``."""
        if self.attempt is not None:
            self._hear(self.attempt.on_message(message, data))
        return self.done()

    def on_timer(self, timer: Timer) -> Step:
        attempt = self.attempt
        if isinstance(timer.event, RetryDue):
            self.retry(timer.place)
        elif attempt is not None and self.takes(timer.place):
            self._hear(attempt.on_timer(timer))
        return self.done()

    def on_polynomials(self, data: bytes) -> Step:
        if self.attempt is not None:
            self._hear(self.attempt.on_polynomials(data))
        return self.done()

    def set_present(self, present: Iterable[int]) -> Step:
        if self.attempt is not None:
            self._hear(self.attempt.set_present(present))
        return self.done()

    def retry(self, place: tuple[int, int]) -> None:
        """The time to wait after this attempt is over; or an honest peer has begun the next:
        whoever began to wait later, because it restarted, would else come too late to every one.
        """
        if self.state is Rounding.PAUSING and place == self.place:
            self._state.move(RoundEvent.RETRY)

    # -- beginning -----------------------------------------------------------------------------

    def _train(self) -> None:
        """At the start of the round beside the election, unless the coin first says who deals.

        A reference is everybody's: who does not deal checks with it.
        """
        if not self._update.asked:
            self._update.asked = True
            self.emit(Train(self.number, self.position.model))

    def _erase_ended(self) -> None:
        """Of the attempts that an earlier life saw end: it may have died ahead of that.

        Nobody else needs this peer in them: what ended an attempt was decided, and is shown to
        whoever asks.
        """
        for attempt in range(len(self.endings)):
            self.emit(Erase(self.number, attempt_secrets(attempt)))

    def _begin(self, outset: Outset) -> None:
        if self.attempt is not None:
            self._remember_said(self.attempt)
        self._state.move(RoundEvent.BEGIN)
        peer, position, number = self._peer, self.position, len(self.endings)
        lifted = any(ending.lifts_lockouts(peer.setting.version) for ending in self.endings)
        start = Start(
            tip_of(peer.setting, position),
            position.ledger.lifted() if lifted else position.ledger,
            self.endings[-1].silent if self.endings else (),
            position.model,
            self._update.base,
            *(peer.secrets(position.round, key) for key in attempt_secrets(number)),
        )
        party = Party(peer.setting, peer.me, peer.identity, number, self.journal)
        self.attempt = Attempt(party, start)
        self._hear(self.attempt.start(outset))
        if self._update.values is not None:
            self._hear(self.attempt.on_update(self._update.values))

    # -- what an attempt comes to --------------------------------------------------------------

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step):
            match outcome:
                case Aborting():
                    self._on_aborting(outcome)
                case Drawn():
                    self._train()
                case RoundOver() | Accused() | Wasted():
                    self.emit(outcome)

    def _on_aborting(self, outcome: Aborting) -> None:
        """A flip that somebody spoiled by silence is made again without them (§2). After any other
        end those that failed to reveal are needed: with them there may be enough.
        """
        attempt, reason = self.attempt, outcome.reason
        if attempt is None:
            return
        number, wanting = attempt.party.attempt, awaited(self._peer.setting, outcome)
        self.emit(Aborted(self.number, number, reason, wanting))
        silent: set[int] = set()
        if reason is Abort.FLIP:
            before = self.endings[-1].silent if self.endings else ()
            silent = {*before, *outcome.flip.election.missing}
        ending = Ending(reason, tuple(sorted(silent)), tuple(attempt.closing_frames()))
        self.endings.append(ending)
        self.emit_all(self.journal.put(ending_key(number), ending.encode()))
        shares = self.journal.keys_under(kept_prefix(number))
        self.emit(self.journal.erase(*attempt_secrets(number), *shares))
        attempt.forget()
        if not self._may_begin(number + 1):
            self._spend()
        elif reason is Abort.QUORUM:
            self._pause(number)
        else:
            self._state.move(RoundEvent.ENDED)

    def _may_begin(self, number: int) -> bool:
        """The plan's bound on a bad committee pays for no further draw (§1, §2). Where the roster
        sits a round may wait for members as long as attempts have numbers.
        """
        if self._peer.setting.roster_sits:
            return number <= MAX_ATTEMPT
        return number < self._peer.setting.max_attempts

    def _spend(self) -> None:
        self._state.move(RoundEvent.SPEND)
        self.emit(Stopped(self.number, Stop.ATTEMPTS))

    def _pause(self, number: int) -> None:
        """Those that were missing need time to come back: attempts that end at once would leave
        them ever further behind.
        """
        self._state.move(RoundEvent.TOO_FEW)
        result = self._peer.setting.deadlines.result
        delay = result * min(number + 1, MAX_RETRY_DELAY)
        self.emit(Timer((self.number, number), RetryDue(), delay))

    # -- what others said ----------------------------------------------------------------------

    def _remember_said(self, attempt: Attempt) -> None:
        """Of each peer, what it signed in the last attempt in which it was heard: a store that
        knows all of that knows all that its peer signed before.
        """
        for peer in range(self._peer.setting.peers):
            said = attempt.said_by(peer)
            if said:
                self._said[peer] = said

    def said_by(self, peer: int) -> list[Statement]:
        """What this peer holds that ``peer`` signed in this round."""
        held = list(self._said.get(peer, ()))
        return held + (self.attempt.said_by(peer) if self.attempt is not None else [])

    # -- the round's end -----------------------------------------------------------------------

    def leave(self) -> Step:
        """Erase what could hurt later (§6); the attempt goes on comparing late words."""
        self._state.move(RoundEvent.LEAVE)
        if self.attempt is not None:
            self.attempt.leave()
        self.emit(Erase(self.number))
        return self.done()

    def abandon(self) -> None:
        """Sign nothing more in this round: the journal may lack what was signed in it."""
        self._state.move(RoundEvent.ABANDON)
        if self.attempt is not None:
            self._remember_said(self.attempt)
            self.attempt.abandon()
            self.attempt = None

    @property
    def void_flips(self) -> tuple[ElectionCertificate, ...]:
        """Of the attempts that somebody spoiled by silence."""
        flips = (ending.void(self.number, turn) for turn, ending in enumerate(self.endings))
        return tuple(flip for found in flips for flip in found)

    @property
    def base_items(self) -> tuple[bytes, ...]:
        """What evidence about a dealing of this round rests on, if there is a reference."""
        return self._update.base.items()
