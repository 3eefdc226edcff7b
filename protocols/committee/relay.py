"""A member that carries others' deliveries to who asked for them, and says once which (§3)."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.record.cohort import Errand, Panel
from protocols.record.effects import Step
from protocols.record.outcomes import Said
from protocols.record.party import Party, Role
from protocols.wire.frames import StatementFrame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement


class Relay(Role):
    """Its word comes out as ``Said``, for the member's own pool."""

    def __init__(self, party: Party, panel: Panel) -> None:
        super().__init__(party)
        self._panel = panel
        self._carried: set[Errand] = set()
        self._attested = False

    def carry(self, errand: Errand, delivery: Statement) -> Step:
        """Forward it, once in this life: an earlier one may have died before it did."""
        if errand not in self._carried:
            self._carried.add(errand)
            self.send((errand[1],), StatementFrame(delivery.wire))
        return self.done()

    def attest(self, awaited: Iterable[Errand] = ()) -> Step:
        """Say once what was forwarded, if nothing of what is ``awaited`` is still to come: a word
        on each delivery would fill any frame (fault 90).
        """
        mine = {errand for errand in awaited if self.party.me in self._panel.relays(errand[1])}
        if self._attested or not self._carried or not mine <= self._carried:
            return self.done()
        if self.party.can_sign(Kind.ATTESTATION):
            self._attested = True
            said = self._panel.attestation(self.party.me, self._carried)
            statement = self.sign(Kind.ATTESTATION, said)
            self.send(self._panel.seats, StatementFrame(statement.wire))
            self.emit(Said(statement))
        return self.done()
