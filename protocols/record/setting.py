"""What a group agrees on before its first round: the genesis, as the core needs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from protocols.aggregation import Aggregator
from protocols.aggregation.contract import Encoded, Model, Reference, Update, private
from protocols.aggregation.evaluation import Counts, Evaluation
from protocols.aggregation.noise import Noise, noise_of
from protocols.errors import ProtocolError
from protocols.field import PrimeField, field_for
from protocols.hashing import digest, numbers
from protocols.plan import CommitteePlan, liars_among, minimum_cohort
from protocols.ports import Crypto, Forgetful, Memory
from protocols.proof import DealingShape, Relation
from protocols.record.budget import RoundBudget, check_budget
from protocols.record.deadlines import Deadlines
from protocols.record.origin import Origin
from protocols.version import LATEST, V3
from protocols.wire.canonical import Value, pack
from protocols.wire.payloads import Topic
from protocols.wire.schema import MAX_STATEMENT
from protocols.wire.statement import VERSION

MAX_REFERENCE = 4 << 20
"""Bytes of a round's reference: evidence about a dealing carries it."""
LEAST_SHOWN_EVIDENCE = 32 << 20
NO_HEAD = bytes(32)
"""In a commitment, of a peer that keeps no trail."""
MAX_ELECTORATE = 500
"""Peers: a proposal in the election names every commitment once for each of its quorum, beside
evidence in half a frame."""


def largest_dealing(peers: int) -> int:
    """Bytes of a header with a package that such a roster can carry: two statements that hold them
    fit one piece of evidence, beside the election's certificate.
    """
    return MAX_STATEMENT - 8192 - 1024 * peers


@dataclass(frozen=True)
class Setting:
    """A group. ``liars`` is b, ``roster_absent`` e_r, ``parameters`` d (docs §0, §1).

    ``weights``: one positive integer a peer, for a weighted rule; empty: all are 1. ``clients``:
    s, the dealers that the coin draws in each attempt; None: everybody deals. ``evaluation``: what
    dealers count beside their updates; None: nothing. ``origin``: where a successor's rounds begin;
    None: at round 0. ``crypto`` and ``memory`` are the ports. ``paced``: a round begins when its
    time has come (§6). ``rounds``: in which round the group ends; None: there is no end.
    ``version``: of the protocol. ``budget``: of a rule whose sums hold noise; None: no promise.
    """

    group: bytes
    roster: tuple[bytes, ...]
    liars: int
    dropout: Fraction
    plan: CommitteePlan
    aggregator: Aggregator
    parameters: int
    first_model: bytes
    deadlines: Deadlines
    crypto: Crypto
    weights: tuple[int, ...] = ()
    clients: int | None = None
    evaluation: Evaluation | None = None
    origin: Origin | None = None
    memory: Memory = dataclasses.field(default_factory=Forgetful, compare=False, repr=False)
    paced: bool = False
    rounds: int | None = None
    version: int = LATEST
    budget: RoundBudget | None = None

    def __post_init__(self) -> None:
        _check_weights(self)
        check_budget(self.budget, self.aggregator, self.origin.charges if self.origin else ())
        _check_sizes(self)
        _check_version(self)

    def weights_of(self, dealers: Iterable[int]) -> list[int]:
        """w_i of these peers, by which their shares are summed."""
        return [self.weights[dealer] if self.weights else 1 for dealer in dealers]

    def public_inputs(self, dealer: int) -> tuple[int, ...]:
        """What the relation takes of this dealer from the genesis."""
        return () if self.evaluation is None else self.evaluation.public_inputs(dealer)

    @property
    def peers(self) -> int:
        """n, the size of the roster."""
        return len(self.roster)

    @cached_property
    def roster_absent(self) -> int:
        """e_r: honest peers that may be unavailable in an agreement of the roster."""
        return max(int(self.dropout * self.peers), self.plan.absent)

    @property
    def roster_quorum(self) -> int:
        """Q_r (docs/protocol.md §5)."""
        return self.peers - self.liars - self.roster_absent

    @property
    def roster_sits(self) -> bool:
        """The committee is the whole roster (§1)."""
        return self.plan.committee == self.peers

    @property
    def draws(self) -> bool:
        """Whether a coin decides who sits, or who deals (§2). Version 2 flips one anyhow."""
        return self.version < V3 or not self.roster_sits or self.clients is not None

    @property
    def elects_by(self) -> Topic:
        """The agreement that decides who takes part in an attempt, under which keys."""
        return Topic.REVEALS if self.draws else Topic.COMMITS

    @cached_property
    def largest_statement(self) -> int:
        """Bytes of a statement of this group: what holds a dealing, or a word on everybody.

        Evidence against a liar is carried by everybody's SEEN, so that its statements must not be
        as large as it likes.
        """
        return self.dealing_bytes + 4096 + 256 * self.peers

    @property
    def dealing_bytes(self) -> int:
        """A header, and a package that holds a vector."""
        return self.shape.header_bytes + self.shape.package_bytes(self.plan.committee - 1)

    def liars_among(self, selected: int, pool: int) -> int:
        """b_s: how many of the ``selected`` dealers may lie, drawn from a ``pool`` that revealed
        and is not guilty (§2). All b may be in it, however many were convicted or locked out before
        and whoever is away: corruption moves between rounds, and a smaller pool holds no fewer.
        """
        return liars_among(selected, pool, self.liars, self.max_attempts)

    @cached_property
    def max_attempts(self) -> int:
        """The plan's failure probability pays for so many flips (§1, §2)."""
        return 1 + self.liars + int(self.dropout * self.peers)

    @cached_property
    def field(self) -> PrimeField:
        points = self.plan.committee + self.plan.packing
        weight = sum(self.weights_of(range(self.peers)))
        largest = self.aggregator.largest_sum(self.parameters, weight)
        if self.noise is not None:
            largest += self.peers * self.noise.largest
        if self.evaluation is not None:
            largest = max(largest, self.evaluation.largest_sum)
        try:
            return field_for(largest, points, self.relation.least_modulus)
        except ValueError as error:
            raise ProtocolError(str(error)) from None

    @cached_property
    def relation(self) -> Relation:
        """V; sizes only, for a rule whose relation has a reference in it."""
        return self._relation(None)

    def _relation(self, reference: Reference | None) -> Relation:
        """The aggregator's segments, and behind them those of the noise and of the evaluation."""
        relation = self.aggregator.relation(self.parameters, reference)
        if self.noise is not None:
            relation = self.noise.relation_in(relation)
        if self.evaluation is None:
            return relation
        return relation.beside(self.evaluation.relation())

    @cached_property
    def noise(self) -> Noise | None:
        """What each dealer adds, so that the honest ones of any cohort add what is accounted."""
        return noise_of(self.aggregator, self.parameters, self.plan.packing, self.noise_makers)

    @cached_property
    def noise_makers(self) -> int:
        """How many honest dealers any cohort has, where their noise counts; 0 where there is none.

        As many as in the smallest cohort of an attempt that the plan allows for. One with fewer
        opens nothing, whoever is away (``Panel.smallest_cohort``).
        """
        if private(self.aggregator) is None:
            return 0
        selected = min(self.clients or self.peers, self.roster_quorum)
        liars = min(self.liars_among(selected, self.roster_quorum), selected)
        return minimum_cohort(selected, liars) - liars

    @cached_property
    def length(self) -> int:
        """|v|, the number of field elements of one encoded update."""
        return self.relation.length

    @cached_property
    def shape(self) -> DealingShape:
        return DealingShape(self.plan, self.field, self.relation, self.version)

    def shape_for(self, reference: Reference) -> DealingShape:
        """The shape of a round with this reference: of one size with ``shape``.

        Raises AggregationError or ValueError for a vector that the rule can't use.
        """
        shape = DealingShape(self.plan, self.field, self._relation(reference), self.version)
        if shape.elements != self.shape.elements:
            raise ValueError("the relation's size depends on the reference")
        return shape

    # v and what is opened of it

    def encode(
        self,
        peer: int,
        model: Model,
        update: Update,
        reference: Reference | None = None,
        counts: Counts | None = None,
        entropy: bytes = b"",
    ) -> Encoded:
        """v of this peer: its update, its noise where the rule has any, and its counts where the
        group evaluates (None: it takes no part in that). ``entropy``: 32 secret bytes that are
        fresh, where there is noise. Raises AggregationError for what can't be encoded.
        """
        parts = [self.aggregator.encode(model, update, reference)]
        if self.noise is not None:
            parts.append(self.noise.encode(entropy, self.field))
        if self.evaluation is not None:
            parts.append(self.evaluation.encode(peer, counts))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    @cached_property
    def opened_update(self) -> int:
        """How many of the opened values are the update's: the first ones."""
        return self.aggregator.relation(self.parameters).opened_length

    def counted(self, opened: Encoded) -> Counts | None:
        """The group's counts among all opened values; None where it counts nothing."""
        if self.evaluation is None:
            return None
        return self.evaluation.read(opened[self.opened_update :])

    @cached_property
    def rules(self) -> bytes:
        """Everything about dealing that is fixed for the group, for the challenge's context."""
        plan = self.plan
        constants: dict[str, Value] = dict(self.aggregator.constants())
        return pack(
            [
                VERSION,
                [plan.committee, plan.threshold, plan.packing, plan.absent],
                self.field.p,
                self.length,
                self.aggregator.name,
                constants,
            ]
        )

    def commitment(self, round_: int, attempt: int, peer: int, nonce: bytes) -> bytes:
        """§2: H(domain ‖ group ‖ round ‖ attempt ‖ peer id ‖ nonce)."""
        return digest(
            "peerd/commitment",
            self.group,
            *numbers(round_, attempt),
            self.roster[peer],
            nonce,
        )

    def head_commitment(self, round_: int, attempt: int, peer: int, head: bytes) -> bytes:
        """What stands in a commitment's place where nothing is drawn (§2): a commitment to the
        ``head`` (32 bytes) of this peer's trail. Its domain is not that of a nonce.
        """
        return digest(
            "peerd/commitment/head",
            self.group,
            *numbers(round_, attempt),
            self.roster[peer],
            head,
        )

    def dealing_context(
        self, round_: int, attempt: int, election: bytes, base_model: bytes, dealer: int
    ) -> bytes:
        """32 bytes that bind a dealing to everything its challenges depend on (§3)."""
        return digest(
            "peerd/dealing",
            self.group,
            *numbers(round_, attempt),
            election,
            self.rules,
            base_model,
            self.roster[dealer],
        )


def shown_evidence(setting: Setting) -> int:
    """Bytes of evidence under one SEEN, and in one proposal: any piece of this group's fits, which
    is two of the largest statements, with the election's certificate and the round's reference.
    """
    reference = 8 * setting.parameters if setting.aggregator.uses_reference else 0
    piece = 2 * setting.largest_statement + 512 * setting.peers + reference + 1024
    return max(LEAST_SHOWN_EVIDENCE, piece)


def _check_weights(setting: Setting) -> None:
    if not setting.weights:
        return
    if len(setting.weights) != setting.peers or min(setting.weights) < 1:
        raise ProtocolError(f"{setting.peers} peers have as many positive weights")
    if not setting.aggregator.weighted and any(weight != 1 for weight in setting.weights):
        raise ProtocolError(f"{setting.aggregator.name} gives every peer the weight 1")


def _check_sizes(setting: Setting) -> None:
    n, b, e = setting.peers, setting.liars, setting.roster_absent
    if n < 3 * b + 2 * e + 1:
        raise ProtocolError(
            f"{n} peers can't agree with {b} liars and {e} absent: {3 * b + 2 * e + 1} are needed"
        )
    if setting.evaluation is not None and len(setting.evaluation.rows) != n:
        raise ProtocolError(f"{n} peers have as many counts of held-out rows")
    if setting.clients is not None and not 1 <= setting.clients <= n:
        raise ProtocolError(f"{setting.clients} dealers out of {n} peers")
    if not setting.plan.committee <= n:
        raise ProtocolError(f"a committee of {setting.plan.committee} out of {n} peers")
    if n > MAX_ELECTORATE:
        raise ProtocolError(
            f"a roster of {n}: the election's proposals fit a frame up to {MAX_ELECTORATE}"
        )
    largest, most = setting.dealing_bytes, largest_dealing(n)
    if largest > most:
        raise ProtocolError(
            f"a dealing of {setting.parameters} parameters takes {largest} bytes a member, more"
            f" than fit a complaint ({most}); a larger group packs more tightly"
        )

    if setting.aggregator.uses_reference and 8 * setting.parameters + 1 > MAX_REFERENCE:
        raise ProtocolError(
            f"{setting.aggregator.name} has a reference of {setting.parameters} values:"
            f" {MAX_REFERENCE // 8 - 1} fit evidence"
        )


def _check_version(setting: Setting) -> None:
    """What only later versions of the protocol have."""
    if setting.noise is not None and setting.version < V3:
        raise ProtocolError(
            f"noise is in version {V3} of the protocol, and this group speaks version"
            f" {setting.version}"
        )
    spans = any(len(small.segments) > 1 for small in setting.relation.smallness)
    if spans and setting.version < V3:
        raise ProtocolError(
            f"a ball over {setting.parameters} parameters, or in blocks, is in version"
            f" {V3} of the protocol, and this group speaks version {setting.version}"
        )
