"""What a proposal on the cohort shows of a pool, and what one lacks (docs/protocol.md §5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from protocols.record.cohort import Panel, two_faced
from protocols.wire.statement import Kind, Slot, Statement

PROOF_KINDS = frozenset({Kind.HEADER, Kind.COMPLAINT, Kind.DISCLOSURE, Kind.DELIVERY})
"""Of these only what they prove matters to the decision: a header, where there are two of them."""

Statements = Mapping[bytes, Statement]
"""By their hash."""


@dataclass(frozen=True, slots=True)
class Shown:
    """``held``: the pool's statements. ``guilty``: whom each proves guilty that proves it alone."""

    panel: Panel
    held: Statements
    guilty: Mapping[bytes, int]

    def proposed(self) -> dict[bytes, Statement]:
        """What a proposal carries: all that is held, but one proof against each culprit. Every
        complaint holds a dealing, and a header its proof: t members that complain of all dealers
        would fill any frame.
        """
        small = {k: s for k, s in self.held.items() if s.kind not in PROOF_KINDS}
        left = self.culprits(self.held) - self.culprits(small)
        shown, liars, slots = dict(small), two_faced(small.values()), self._by_slot()
        for key in sorted(self.held.keys() - small.keys()):
            if not left:
                break
            proof = self._proof(key, slots)
            if not self._culprits(proof, liars).isdisjoint(left):
                shown |= proof
                left -= self.culprits(shown)
        return shown

    def _by_slot(self) -> dict[Slot, list[bytes]]:
        """The hashes in each slot. Made once for each use: a liar doubles thousands of slots, and
        whoever looked through all of them for each would have no time for anything else.
        """
        slots: dict[Slot, list[bytes]] = {}
        for key, statement in self.held.items():
            slots.setdefault(statement.slot, []).append(key)
        return slots

    def _proof(self, key: bytes, slots: Mapping[Slot, list[bytes]]) -> dict[bytes, Statement]:
        """A statement with what it needs to prove something: delivery, or the other in its slot."""
        statement = self.held[key]
        parts = {k: self.held[k] for k in slots[statement.slot]}
        if statement.kind is Kind.DISCLOSURE:
            delivery = statement.payload.delivery
            parts |= {delivery: self.held[delivery]} if delivery in self.held else {}
        return parts

    def culprits(self, offered: Statements) -> set[int]:
        """Whom these statements prove guilty: by themselves, or by being two in a slot."""
        return self._culprits(offered, two_faced(offered.values()))

    def _culprits(self, offered: Statements, liars: Collection[int]) -> set[int]:
        doubled = doubled_slots(offered.values())
        return self._convicted(offered, liars) | {slot.signer for slot in doubled}

    def convicted(
        self, offered: Statements, reports: Collection[Statement] | None = None
    ) -> set[int]:
        """Whom these statements prove guilty by themselves. ``reports`` are those among them,
        where somebody knows."""
        return self._convicted(offered, two_faced(offered.values() if reports is None else reports))

    def _convicted(self, offered: Statements, liars: Collection[int]) -> set[int]:
        return {
            culprit
            for key, culprit in self.guilty.items()
            if key in offered and not _disclosed_by(self.panel, offered[key], liars)
        }

    def lacking(self, wanted: Collection[bytes], offered: Statements) -> set[bytes]:
        """What of ``wanted`` a proposal lacks. Evidence against somebody whom it convicts, or one
        more statement in a slot that it shows two of, is no lack: a liar can sign more of those
        than anybody keeps. Nor is what a member disclosed that it shows two reports of.
        """
        convicted, doubled = self.culprits(offered), doubled_slots(offered.values())
        liars, proofs = two_faced(offered.values()), self._proofs()
        return {
            key
            for key in set(wanted) - set(offered)
            if not _disclosed_by(self.panel, self.held[key], liars)
            and (
                proofs[key].isdisjoint(convicted)
                if key in proofs
                else self.held[key].slot not in doubled
            )
        }

    def _proofs(self) -> dict[bytes, set[int]]:
        """What proves whom: complaints, disclosures, and the deliveries that these disclose."""
        proofs = {key: {culprit} for key, culprit in self.guilty.items()}
        for slot, keys in self._by_slot().items():
            if len(keys) > 1 and slot.kind in PROOF_KINDS:
                for key in keys:
                    proofs.setdefault(key, set()).add(slot.signer)
        for key, culprit in self.guilty.items():
            said = self.held.get(key)
            if said is not None and said.kind is Kind.DISCLOSURE:
                proofs.setdefault(said.payload.delivery, set()).add(culprit)
        return proofs

    def foreign(self, offered: Statements) -> bool:
        """Whether a proposal carries something that is not evidence, or proves nothing."""
        doubled, liars = doubled_slots(offered.values()), two_faced(offered.values())
        return any(
            key not in self.held
            and statement.slot not in doubled
            and not _disclosed_by(self.panel, statement, liars)
            for key, statement in offered.items()
        )


def _disclosed_by(panel: Panel, statement: Statement, askers: Collection[int]) -> bool:
    """Whether it is a disclosure, or a delivery to be disclosed, of one of these members' asks."""
    if statement.kind is Kind.DISCLOSURE:
        return statement.signer in askers
    if statement.kind is Kind.DELIVERY:
        return panel.errand_of(statement.slot.subject)[1] in askers
    return False


def doubled_slots(statements: Iterable[Statement]) -> set[Slot]:
    """Slots in which there is more than one statement: their signers are liars."""
    first: dict[Slot, bytes] = {}
    return {s.slot for s in statements if first.setdefault(s.slot, s.body) != s.body}
