"""What others hold that this peer signed, asked for ahead of a life's first signature (fault 47).

A store that was put back from a backup has forgotten what its peer signed since, and a slot that is
signed anew convicts. The others have not forgotten: whoever starts asks them first. Something of
one's own that the journal lacks means an old store, and nothing is signed any more in that round.
Nobody can invent such a statement: it bears this peer's own signature.

*Limit:* what reached no honest peer that answers. Liars remember it, and say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.record.door import is_signed, read_statement
from protocols.record.journal import Journal
from protocols.record.setting import Setting
from protocols.session.standing import SIGNS
from protocols.wire.frames import MAX_RECALLED, MAX_RECALLED_BYTES, RecalledFrame
from protocols.wire.statement import Kind, Slot, Statement


class Recall:
    """Whom this life has asked, and whose answer it still waits for before it signs anything."""

    def __init__(self, setting: Setting, me: int) -> None:
        self._setting = setting
        self._me = me
        self._asked: set[int] = set()
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
        return new

    def forget_absent(self, present: Iterable[int]) -> None:
        """A question to one that is gone may be lost: it is asked again when it is back."""
        self._asked &= self.answered | set(present)

    def quorum_answered(self) -> bool:
        """Whether a quorum, with this peer, has answered; what they showed is ``hear``'s to say. At
        most b of them lie, and what an earlier life signed reached the honest that were there.
        """
        return len(self.answered) >= self._setting.roster_quorum - 1

    def settle(self, present: Iterable[int]) -> bool:
        """Nothing more is waited for once everybody who is present has answered: True, once."""
        return not (self._asked & set(present)) - self.answered and self.give_up()

    def give_up(self) -> bool:
        """The deadline has passed, and whoever has not answered may be lying: True, once."""
        waited, self._waits = self._waits, False
        return waited

    def hear(self, sender: int, frame: RecalledFrame, round_: int, journal: Journal) -> int:
        """The last round for which ``sender`` shows something signed by this peer that the journal
        of ``round_``, the current one, lacks; ``SIGNS`` where there is nothing of the kind.

        Raises WireError for what is no statement of this group. Unasked answers count for nothing.
        """
        if sender not in self._asked or sender in self.answered:
            return SIGNS
        self.answered.add(sender)
        said = [read_statement(self._setting, item) for item in frame.statements]
        own = [s for s in said if s.signer == self._me]
        own = [s for s in own if s.slot.round >= round_]
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


def recalled(statements: Iterable[Statement], round_: int) -> RecalledFrame:
    """The answer to one that asks what it signed in ``round_`` and later, within the bounds."""
    chosen: list[bytes] = []
    room = MAX_RECALLED_BYTES
    told = {s.wire: s for s in statements if s.slot.round >= round_}
    for statement in sorted(told.values(), key=_latest_first):
        room -= len(statement.wire)
        if room < 0 or len(chosen) == MAX_RECALLED:
            break
        chosen.append(statement.wire)
    return RecalledFrame(tuple(chosen))


def _latest_first(statement: Statement) -> tuple[int, int, int, bytes]:
    """By attempt, as an old store lacks what was signed last; any one statement of one would do."""
    slot, wire = statement.slot, statement.wire
    return -slot.round, -slot.attempt, len(wire), wire
