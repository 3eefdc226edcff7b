"""What a proposal on the cohort shows of a pool, and what one lacks (docs/protocol.md §5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from protocols.record.cohort import Findings, Panel, errands, gather, two_faced
from protocols.wire.payloads import Kind
from protocols.wire.statement import Slot, Statement

Statements = Mapping[bytes, Statement]
"""By their hash."""


@dataclass(frozen=True, slots=True)
class Shown:
    """``held``: the pool's statements. ``seen``: each member's list of reports. ``guilty``: whom
    each statement proves guilty that proves it alone.
    """

    panel: Panel
    held: Statements
    seen: Mapping[int, Statement]
    guilty: Mapping[bytes, int]

    def proposed(self) -> dict[bytes, Statement] | None:
        """What a proposal carries: Q lists of reports, the reports that count by these, what was
        said about their asks, and one proof against each culprit. Every complaint holds a dealing:
        t members that complain of all dealers would fill any frame. None: too few lists are here.
        """
        culprits = self.culprits(self.held)
        clean = {key: said for key, said in self.held.items() if said.signer not in culprits}
        lists = self._lists(culprits)
        findings = gather(self.panel, (*clean.values(), *lists), culprits)
        named = findings.named(self.panel.plan.threshold)
        if len(lists) < self.panel.plan.quorum or not named <= self.held.keys():
            return None
        shown = {key: self.held[key] for key in named} | {said.hash: said for said in lists}
        counts = self._counting(findings)
        shown |= {key: said for key, said in clean.items() if counts(said)}
        return shown | self._proofs(culprits, shown)

    def _lists(self, culprits: Collection[int]) -> list[Statement]:
        """Of a quorum: those that name the fewest reports which are not here."""
        known = {key for key, said in self.held.items() if said.kind is Kind.REPORT}
        able = (said for member, said in self.seen.items() if member not in culprits)
        ranked = sorted(able, key=lambda s: (len(set(s.payload.statements) - known), s.signer))
        return ranked[: self.panel.plan.quorum]

    def _counting(self, findings: Findings) -> Callable[[Statement], bool]:
        """Whether a decision may depend on what a statement says about asks: an answer to one that
        counts, with the usual header, or an attestation, of which a relay signs one.
        """
        asked = set(errands(self.panel, findings, self.panel.selected))
        usual = dict(findings.usual(self.panel))

        def counts(said: Statement) -> bool:
            if said.kind is not Kind.ANSWER:
                return said.kind is Kind.ATTESTATION
            errand = self.panel.errand_of(said.slot.subject)
            return errand in asked and usual.get(errand[0]) == said.payload.header

        return counts

    def _proofs(self, culprits: set[int], beside: Statements) -> dict[bytes, Statement]:
        """One against each culprit, beside what is shown anyhow: of two reports both, since what
        their signer disclosed depends on them, and else what is smallest.
        """
        slots = self._by_slot()
        liars = two_faced(self.held.values())
        doubled = (keys for slot, keys in slots.items() if slot.kind is Kind.REPORT)
        proofs = {k: self.held[k] for keys in doubled if len(keys) > 1 for k in keys}
        left = culprits - self.culprits({**beside, **proofs})
        for key in sorted(self.held, key=lambda key: (len(self.held[key].wire), key)):
            if not left:
                break
            proof = self._proof(key, slots)
            if not self._culprits(proof, liars).isdisjoint(left):
                proofs |= proof
                left -= self.culprits({**beside, **proofs})
        return proofs

    def _by_slot(self) -> dict[Slot, list[bytes]]:
        """The hashes in each slot. Made once for each use: a liar doubles thousands of slots, and
        whoever looked through all of them for each would have no time for anything else.
        """
        slots: dict[Slot, list[bytes]] = {}
        for key, statement in self.held.items():
            slots.setdefault(statement.slot, []).append(key)
        return slots

    def _proof(self, key: bytes, slots: Mapping[Slot, list[bytes]]) -> dict[bytes, Statement]:
        """A statement with what it needs to prove something: the other in its slot, or the ask and
        the delivery that it discloses.
        """
        statement = self.held[key]
        parts = {k: self.held[k] for k in slots[statement.slot]}
        if statement.kind is Kind.DISCLOSURE:
            needed = statement.payload.delivery, statement.payload.report
            parts |= {k: self.held[k] for k in needed if k in self.held}
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
        """What of ``wanted`` a proposal lacks. Whatever a culprit whom it convicts has signed, or
        proves against one, is no lack: a liar can sign more than anybody keeps. Nor is a report:
        the lists say which ones count.
        """
        convicted = self.culprits(offered)
        counts = self._counting(gather(self.panel, offered.values(), convicted))
        proofs = self._proving()
        return {
            key
            for key in set(wanted) - set(offered)
            if (
                any(convicted.isdisjoint(suspects) for suspects in proofs[key])
                if key in proofs
                else self.held[key].signer not in convicted and counts(self.held[key])
            )
        }

    def _proving(self) -> dict[bytes, list[set[int]]]:
        """Of what each statement proves the suspects, one of whom must be convicted: of a
        complaint its culprit, of two in one slot their signer. Of a disclosure, and its delivery,
        asker or dealer: whoever knew one of them guilty did not keep it.
        """
        proofs: dict[bytes, list[set[int]]] = {}
        for key, culprit in self.guilty.items():
            said = self.held.get(key)
            if said is not None and said.kind is Kind.DISCLOSURE:
                suspects = {culprit, *self.panel.errand_of(said.slot.subject)}
                proofs.setdefault(said.payload.delivery, []).append(suspects)
            else:
                suspects = {culprit}
            proofs.setdefault(key, []).append(suspects)
        for slot, keys in self._by_slot().items():
            if len(keys) > 1:
                for key in keys:
                    proofs.setdefault(key, []).append({slot.signer})
        return proofs

    def foreign(self, offered: Statements) -> bool:
        """Whether a proposal carries something that is not evidence, or proves nothing."""
        doubled, liars = doubled_slots(offered.values()), two_faced(offered.values())
        return any(
            key not in self.held
            and (statement.kind is not Kind.SEEN or statement.slot.by_identity)
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
