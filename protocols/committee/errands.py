"""Which asks still await a word, kept up to date with each answer (docs/protocol.md §3, §5).

A member looks at this at every arrival. Liars ask for every dealing and answer each of their asks,
and all of a pool's reports hold a word for each member and dealer: an answer is looked at with what
is said of its own dealer, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Collection

from protocols.record.cohort import Errand, Findings, Panel, awaited_errands, gather, sort_in
from protocols.wire.statement import Slot, Statement


class Errands:
    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._answers: dict[Slot, Statement] = {}
        self._void: set[Slot] = set()
        self._said: tuple[int, set[int]] = -1, set()
        self._findings = Findings()
        self._of: dict[int, list[Errand]] = {}
        self._stale: set[int] = set()
        self._awaited: list[Errand] = []

    def begin(self, said: Collection[Statement], guilty: set[int]) -> None:
        """Reports, lists of them, or who is guilty may be others than before."""
        if self._said == (len(said), guilty):
            return
        self._said = len(said), guilty
        self._findings = gather(self._panel, said, guilty)
        for slot in self._answers.keys() - self._void:
            sort_in(self._panel, self._findings, self._answers[slot])
        self._stale = set(self._panel.selected)

    def answer(self, statement: Statement) -> None:
        """One that is new; a second one in a slot voids the first."""
        slot = statement.slot
        errand = self._panel.errand_of(slot.subject)
        if slot in self._answers:
            self._void.add(slot)
            self._findings.answers.pop(errand, None)
        else:
            self._answers[slot] = statement
            sort_in(self._panel, self._findings, statement)
        self._stale.add(errand[0])

    def awaited(self) -> list[Errand]:
        """By dealer; the same list until it changes."""
        changed = False
        for dealer in self._stale:
            errands = awaited_errands(self._panel, self._findings, (dealer,))
            changed = changed or errands != self._of.get(dealer, [])
            self._of[dealer] = errands
        self._stale = set()
        if changed:
            order = self._panel.selected
            self._awaited = [errand for dealer in order for errand in self._of.get(dealer, ())]
        return self._awaited
