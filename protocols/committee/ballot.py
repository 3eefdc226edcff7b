"""What a member proposes as the cohort, and which proposals it accepts (docs/protocol.md §5)."""

from __future__ import annotations

from protocols.agreement.terms import Proposal
from protocols.committee.intake import Intake
from protocols.errors import WireError
from protocols.record.brief import restore, shorten
from protocols.record.cohort import Cohort, Panel, decide, gather
from protocols.record.effects import Step
from protocols.record.party import Role
from protocols.wire.payloads import Kind
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

    def propose(self) -> Proposal | None:
        self._hear(self._intake.judge_rest())
        shown = self._pool.shown
        proposed = shown.proposed()
        if proposed is None:
            return None
        findings = gather(self._panel, proposed.values(), shown.convicted(proposed))
        inputs = shorten(proposed.values(), self._panel, findings.usual(self._panel))
        return decide(self._panel, findings).encode(), inputs

    def judge(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bool, Step]:
        """f of the inputs, which lack nothing that this member held at the deadline (§5)."""
        try:
            Cohort.decode(outcome)
            statements = self._read(inputs)
            for statement in sorted(statements, key=_is_disclosure):
                self._hear(self._intake.offered(statement))
        except WireError:
            self._hear(self._intake.announce())  # and what was heard until then
            return False, self.done()
        return self._follows(outcome, statements), self.done()

    def _read(self, inputs: tuple[bytes, ...]) -> list[Statement]:
        inbox = self.party.inbox
        return [inbox.verify(statement) for statement in restore(inbox, self._panel, inputs)]

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step):
            self.emit(outcome)

    def _follows(self, outcome: bytes, statements: list[Statement]) -> bool:
        shown = self._pool.shown
        offered = {statement.hash: statement for statement in statements}
        missing = shown.lacking(self._held_at_deadline, offered)
        if missing:
            self.absorb(self._intake.comparison.pass_to_all(missing))
            return False
        findings = gather(self._panel, statements, shown.convicted(offered))
        plan = self._panel.plan
        listed = findings.named(plan.threshold)
        if len(findings.seen) < plan.quorum or not listed <= offered.keys():
            return False
        return not shown.foreign(offered) and decide(self._panel, findings).encode() == outcome


def _is_disclosure(statement: Statement) -> bool:
    return statement.kind is Kind.DISCLOSURE
