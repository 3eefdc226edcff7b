"""What others hold that this peer signed, asked for ahead of a life's first signature (faults 47,
94).

A store that was put back from a backup has forgotten what its peer signed since, and a slot that is
signed anew convicts. The others have not forgotten: whoever starts asks them first. Something of
one's own that the journal lacks means an old store, and nothing is signed any more in that round.
Nobody can invent such a statement: it bears this peer's own signature.

That an answer shows nothing is worth what its sender can know. One for whom the round is over has
forgotten it, and does not count there. What others said is in memory alone: a peer remembers all of
a round only if it has run since the round began.

An answer is of the round in which its sender stands, and of the next, whose frames wait there:
what this peer signs from its question on it knows itself. So who is led on by certificates asks
those alone again whose answers are older.

*Limit:* what reached no honest peer that answers. Liars remember it, and say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.record.door import is_signed, read_statement
from protocols.record.journal import Journal
from protocols.record.setting import Setting
from protocols.session.standing import SIGNS
from protocols.wire.frames import MAX_RECALLED, MAX_RECALLED_BYTES, RecalledFrame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Slot, Statement


class Recall:
    """Whom this life has asked, and whose answer it still waits for before it signs anything.
    ``answered``: who did, to any question of this life.
    """

    def __init__(self, setting: Setting, me: int) -> None:
        self._setting = setting
        self._me = me
        self._asked: set[int] = set()
        self._awaited: set[int] = set()
        self._stood: dict[int, tuple[int, bool]] = {}
        self.answered: set[int] = set()
        self._waits = True

    @property
    def waits(self) -> bool:
        """Whether it is too early to sign."""
        return self._waits

    def ask(self, peers: Iterable[int]) -> list[int]:
        """Those among ``peers`` that were not asked yet: they are asked now."""
        new = sorted(set(peers) - self._asked)
        self._asked.update(new)
        self._awaited.update(new)
        return new

    def ask_again(self, round_: int) -> None:
        """All but those that were there: one may be by now, and a question may be lost."""
        self._asked &= self._were_there(round_)
        self._awaited.clear()

    def expire(self, round_: int) -> None:
        """Answers are worth nothing in ``round_`` but of those that were there."""
        there = self._were_there(round_)
        self._stood = {peer: stood for peer, stood in self._stood.items() if peer in there}
        self.ask_again(round_)

    def forget_absent(self, present: Iterable[int]) -> None:
        """A question to one that is gone may be lost: it is asked again when it is back."""
        gone = self._awaited - set(present)
        self._asked -= gone
        self._awaited -= gone

    def quorum_answered(self, round_: int) -> bool:
        """Whether a quorum, with this peer, has answered of ``round_``; what they showed is
        ``hear``'s to say.

        More can't be asked for: b others may be silent, and as many away as the plan allows.
        """
        answers = sum(stood <= round_ for stood, _ in self._stood.values())
        return answers >= self._setting.roster_quorum - 1

    def quorum_was_there(self, round_: int) -> bool:
        """The same of those alone that have run since ``round_`` began. At most b of them lie, and
        what an earlier life signed reached the honest that were there.
        """
        return len(self._were_there(round_)) >= self._setting.roster_quorum - 1

    def _were_there(self, round_: int) -> set[int]:
        """Also who was there in the round before: this round's frames wait there."""
        here = (round_ - 1, round_)
        return {peer for peer, (stood, there) in self._stood.items() if there and stood in here}

    def awaited(self, present: Iterable[int]) -> set[int]:
        """Who is present and has not answered."""
        return self._awaited & set(present)

    def awaits(self, present: Iterable[int]) -> bool:
        """Whether somebody who is present has not answered."""
        return bool(self.awaited(present))

    def settle(self, present: Iterable[int]) -> bool:
        """Nothing more is waited for once everybody who is present has answered: True, once."""
        return not self.awaits(present) and self.give_up()

    def give_up(self) -> bool:
        """The deadline has passed, and whoever has not answered may be lying: True, once."""
        waited, self._waits = self._waits, False
        return waited

    def hear(self, sender: int, frame: RecalledFrame, round_: int, journal: Journal) -> int:
        """The last round for which ``sender`` shows something signed by this peer that the journal
        of ``round_``, the current one, lacks; ``SIGNS`` where there is nothing of the kind.

        Raises WireError for what is no statement of this group. Unasked answers count for nothing.
        """
        if sender not in self._awaited:
            return SIGNS
        self._awaited.discard(sender)
        self.answered.add(sender)
        said = [read_statement(self._setting, item) for item in frame.statements]
        self._stood[sender] = frame.round, bool(frame.there)
        own = [s for s in said if s.signer == self._me]
        own = [s for s in own if s.slot.round >= round_ and s.kind is not Kind.APPROVE]
        keys = self._round_keys(own, round_, journal)
        lacking = (s for s in own if s.slot.round > round_ or not self._knows(journal, s))
        return max((s.slot.round for s in lacking if self._is_mine(s, keys)), default=SIGNS)

    def _round_keys(
        self, own: Iterable[Statement], round_: int, journal: Journal
    ) -> dict[tuple[int, int], bytes]:
        """The one-round key of each attempt, by the COMMIT that this life remembers.

        Where it remembers none, the COMMIT itself is what the journal lacks.
        """
        keys: dict[tuple[int, int], bytes] = {}
        for place in {s.slot.place for s in own if s.slot.round == round_}:
            commit = journal.get(Slot(*place, Kind.COMMIT, 0, 0, self._me).key())
            if commit is not None:
                decoded = read_statement(self._setting, commit)
                keys[place] = decoded.payload.round_key
        return keys

    def _is_mine(self, statement: Statement, keys: Mapping[tuple[int, int], bytes]) -> bool:
        slot = statement.slot
        identity = self._setting.roster[self._me]
        key = identity if slot.by_identity else keys.get(slot.place)
        return key is not None and is_signed(self._setting, statement, key)

    def _knows(self, journal: Journal, statement: Statement) -> bool:
        """Whether the journal has these very words: others in this slot are as bad as none."""
        earlier = journal.get(statement.slot.key())
        if earlier is None:
            return False
        return read_statement(self._setting, earlier).body == statement.body


def recalled(
    statements: Iterable[Statement], round_: int, stands: int, *, there: bool
) -> RecalledFrame:
    """The answer to one that asks what it signed in ``round_`` and later, within the bounds, by a
    peer that ``stands`` in a round, and may have been ``there`` when that began.
    """
    chosen: list[bytes] = []
    room = MAX_RECALLED_BYTES
    told = {s.wire: s for s in statements if s.slot.round >= round_}
    for statement in sorted(told.values(), key=_latest_first):
        room -= len(statement.wire)
        if room < 0 or len(chosen) == MAX_RECALLED:
            break
        chosen.append(statement.wire)
    return RecalledFrame(tuple(chosen), stands, int(there))


def _latest_first(statement: Statement) -> tuple[int, int, int, bytes]:
    """By attempt, as an old store lacks what was signed last; any one statement of one would do."""
    slot, wire = statement.slot, statement.wire
    return -slot.round, -slot.attempt, len(wire), wire
