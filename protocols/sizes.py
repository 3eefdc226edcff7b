"""How many bytes one honest peer sends or receives in a step: what deadlines must leave time for.

Upper bounds of the sizes in docs/protocol.md §7. Counted are what honest peers say, and one proof
against each of b liars. In ``deliveries`` the false asks of t + e members are counted too: nobody
can tell them from true ones. ``largest_brief`` counts all that liars may sign.
"""

from __future__ import annotations

from functools import cached_property

from protocols.ports import HYBRID_KEY_BYTES, SEALED_BOX_BYTES
from protocols.record.asks import box_bytes
from protocols.record.deadlines import Sizes
from protocols.record.setting import Setting, shown_evidence
from protocols.version import V3
from protocols.wire.frames import MAX_RECALLED_BYTES

STATEMENT = 128
"""A statement but for its payload, with the lengths around it and the fields of its frame."""
NAMED = 34
"""A hash in a list."""
WORD = 41
"""A member's word on a dealer, or a dealer in an outcome."""
SEAT = 74
"""A peer in an election's outcome."""
VOTE = STATEMENT + 35
COMMIT = STATEMENT + 69
SMALL = STATEMENT + 35
"""ANSWER."""
SAID = 80
"""In a brief: signer, signature, and the lengths of what follows."""
RESULT = STATEMENT + 180
APPROVAL = STATEMENT + 46


def largest_brief(setting: Setting) -> int:
    """Bytes of what an honest leader shows in its proposal on the cohort, whatever liars sign."""
    return _Counted(setting).largest_brief


def largest_frame(setting: Setting) -> int:
    """Bytes of the largest frame that an honest peer sends, whatever liars sign."""
    return _Counted(setting).largest_frame


def largest_answer(setting: Setting) -> int:
    """Bytes of the largest answer to a request: the model, or the opened polynomials."""
    counted = _Counted(setting)
    return max(counted.polynomials, 4 * setting.parameters) + STATEMENT


def sizes_of(setting: Setting) -> Sizes:
    """For this plan, roster and rule."""
    return _Counted(setting).sizes()


def _keys(setting: Setting, count: int) -> int:
    """Bytes of so many keys that go beside reports; in version 2 these hold them."""
    return count * HYBRID_KEY_BYTES if setting.version >= V3 else 0


class _Counted:
    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.n = setting.peers
        self.m = setting.plan.committee
        self.b = setting.liars
        self.absent = setting.plan.threshold + setting.plan.absent
        """t + e: asks for one dealing, or the dealer is absent."""
        self.dealers = setting.clients or self.n
        self.relays = min(self.absent + setting.plan.threshold + 1, self.m - 1)
        self.liars = setting.liars_among(self.dealers, self.n)
        """b_s"""

    def sizes(self) -> Sizes:
        n, m, b, dealers = self.n, self.m, self.b, self.dealers
        asks = dealers * self.absent
        others = n - 1
        return Sizes(
            recalled=others * self.recalled,
            commits=2 * others * COMMIT,  # once more to who says HELLO at its start
            proposals=max(others * (self.seen + self.election_proposal), m * self.cohort_proposal),
            contested=max(
                2 * others * b * self.proof + others * self.election_proposal,
                m * (self.cohort_outcome + self.largest_brief),
            ),
            locks=max(others * self.election_lock, m * self.cohort_lock),
            dealings=max(m, dealers) * self.dealing,
            lists=m * (self.listed + self.pushed),
            evidence=m * (self.report + b * self.dealing + NAMED * m) + self.keys,
            deliveries=self.relays * self.absent * max(1, -(-dealers // m), b) * self.dealing
            + m * self.attestation
            + asks * SMALL,
            coins=m * (STATEMENT + 69 + self.coin) if self.coin else 0,
            sums=m * (STATEMENT + 69 + self.opened),
            fetched=0 if self.setting.roster_sits else self.polynomials,
            caught_up=self.certificate + 4 * self.setting.parameters,
        )

    @cached_property
    def dealing(self) -> int:
        """A header with a package that holds a vector; sealed for a relay it is no larger."""
        shape = self.setting.shape
        box = box_bytes(self.setting.version) - SEALED_BOX_BYTES
        return 4 * STATEMENT + box + shape.header_bytes + shape.package_bytes(self.m - 1)

    @property
    def opened(self) -> int:
        shape = self.setting.shape
        return shape.opened_polynomials * shape.field.element_bytes

    @property
    def coin(self) -> int:
        shape = self.setting.shape
        return shape.coin_polynomials * shape.field.element_bytes

    @property
    def polynomials(self) -> int:
        return (self.opened + self.coin) * (self.setting.shape.sharing.degree + 1)

    @property
    def report(self) -> int:
        return STATEMENT + WORD * self.dealers

    @cached_property
    def keys(self) -> int:
        """Beside all reports: t + e members ask everybody, the others who lies or is away."""
        honest = (self.m - self.absent) * (self.liars + self.setting.roster_absent)
        return _keys(self.setting, honest + self.absent * self.dealers)

    @property
    def pushed(self) -> int:
        """By a member to a dealer ahead of its list: its keys, of reports that liars sent."""
        liars = self.setting.plan.threshold if self.setting.version >= V3 else 0
        return liars * (self.report + HYBRID_KEY_BYTES)

    @property
    def seen(self) -> int:
        """With the commitments that it lists."""
        return STATEMENT + (NAMED + COMMIT) * self.n

    @property
    def election_proposal(self) -> int:
        listed = self.n * (STATEMENT + NAMED * self.n)
        approvals = self.setting.roster_quorum * APPROVAL
        return STATEMENT + (SEAT + COMMIT) * self.n + listed + approvals

    @property
    def listed(self) -> int:
        return STATEMENT + NAMED * self.m

    @property
    def attestation(self) -> int:
        return STATEMENT + -(-self.relays * self.dealers // 8)

    @property
    def cohort_outcome(self) -> int:
        return STATEMENT + WORD * self.dealers

    @property
    def cohort_proposal(self) -> int:
        """Of honest members alone: bits, and their words on the liars' dealings."""
        reports = self.m * (self.short_report + WORD * self.liars)
        return self.cohort_outcome + WORD * self.dealers + reports + self.m * self.short_list

    @property
    def short_report(self) -> int:
        return SAID + -(-self.dealers // 8)

    @property
    def short_list(self) -> int:
        return SAID + -(-self.m // 4)

    @property
    def largest_brief(self) -> int:
        """docs/protocol.md §7, "How large a proposal may be"."""
        plan, dealers, named = self.setting.plan, self.dealers, WORD * self.dealers
        missing = self.liars + self.setting.roster_absent
        honest = self.short_report + 35 * missing + self.attestation
        report = self.short_report + 35 * dealers
        twice = self.short_list + 32 * self.m, self.attestation, self.dealing
        liar = report + max(report, *(2 * size for size in twice))
        lists = plan.quorum * (self.short_list + 32 * plan.threshold)
        answers = 68 * dealers * self.absent
        seats = (self.m - plan.threshold) * honest + plan.threshold * liar
        return STATEMENT + named + seats + lists + answers

    @property
    def largest_frame(self) -> int:
        setting = self.setting
        elected = self.election_proposal + self.election_lock + shown_evidence(setting)
        return STATEMENT + max(elected, self.largest_brief + self.cohort_lock, self.opened)

    @property
    def election_lock(self) -> int:
        return STATEMENT + SEAT * self.n + self.setting.roster_quorum * VOTE

    @property
    def cohort_lock(self) -> int:
        return STATEMENT + WORD * self.dealers + self.setting.plan.quorum * VOTE

    @property
    def proof(self) -> int:
        """The largest evidence: about a dealing, with the election and the round's reference."""
        reference = 8 * self.setting.parameters if self.setting.aggregator.uses_reference else 0
        return self.election_lock + self.report + 2 * self.dealing + reference

    @property
    def recalled(self) -> int:
        """What one peer signs in two rounds: complaints of b liars, answers to t + e asks."""
        header = STATEMENT + self.setting.shape.header_bytes
        words = 4 * (STATEMENT + NAMED * self.n) + 2 * (self.report + header) + 64 * VOTE
        dealt = 2 * (self.b + self.absent) * self.dealing
        return min(MAX_RECALLED_BYTES, words + dealt)

    @property
    def certificate(self) -> int:
        results = self.setting.plan.quorum * RESULT
        return self.election_lock + WORD * self.dealers + results
