"""What a member proposes as the cohort, and which proposals it accepts (docs/protocol.md §5)."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.agreement.terms import Proposal
from protocols.committee.intake import Intake
from protocols.errors import WireError
from protocols.record.cohort import Cohort, Findings, Panel, decide, gather, open_errands
from protocols.record.effects import Step
from protocols.record.party import Role
from protocols.wire.statement import Statement


class CohortInputs(Role):
    """What an honest member held when its stages were over (``begin``), a proposal may not lack."""

    def __init__(self, panel: Panel, intake: Intake) -> None:
        super().__init__(intake.party)
        self._panel = panel
        self._intake = intake
        self._pool = intake.pool
        self._held_at_deadline: frozenset[bytes] = frozenset()

    def begin(self) -> None:
        self._held_at_deadline = frozenset(self._pool.statements)

    def propose(self) -> Proposal:
        shown = self._pool.shown
        proposed = shown.proposed()
        findings = gather(self._panel, proposed.values(), shown.convicted(proposed))
        inputs = tuple(proposed[key].wire for key in sorted(proposed))
        return decide(self._panel, findings).encode(), inputs

    def judge(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bool, Step]:
        """f of the inputs, which lack nothing that this member held at the deadline (§5)."""
        try:
            Cohort.decode(outcome)
            statements = [self.party.inbox.read(item) for item in inputs]
            for statement in statements:
                self._hear(self._intake.offered(statement))
        except WireError:
            self._hear(self._intake.announce())  # and what was heard until then
            return False, self.done()
        return self._follows(outcome, statements), self.done()

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step):
            self.emit(outcome)

    def _follows(self, outcome: bytes, statements: list[Statement]) -> bool:
        shown = self._pool.shown
        offered = {statement.hash: statement for statement in statements}
        missing = self._missing(offered)
        if missing:
            self.absorb(self._intake.comparison.pass_to_all(missing))
            return False
        if shown.foreign(offered):
            return False
        findings = gather(self._panel, statements, shown.convicted(offered))
        return not self._hasty(findings) and decide(self._panel, findings).encode() == outcome

    def _missing(self, offered: Mapping[bytes, Statement]) -> set[bytes]:
        """What this member held at the deadline and the proposal lacks."""
        return self._pool.shown.lacking(self._held_at_deadline, offered)

    def _hasty(self, findings: Findings) -> bool:
        """An ask that this member had not heard of had no time to be answered: not yet."""
        late = {
            findings.reports[asker].hash for _, asker in open_errands(self._panel, findings)
        } - self._held_at_deadline
        # The next view, it had its time; else a late ask to a deaf dealer would stop the group.
        self._held_at_deadline |= late
        return bool(late)
