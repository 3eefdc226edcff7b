"""The genesis document (docs/protocol.md §0): what a group has agreed on, once and for all.

The group id is the hash of the canonical encoding of the content, without the signatures; it is
bound into everything that is signed later. The committee plan isn't stored: it follows from the
roster's size, β, q and e.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any

from peerd.errors import GroupError
from peerd.group import fields as rules
from peerd.group.addresses import check_addresses
from peerd.group.names import check_names
from peerd.group.privacy import Privacy, check_privacy, privacy_content
from peerd.group.rhythm import Rhythm, check_rhythm, rhythm_content
from peerd.group.signatures import from_pairs, pairs, verifies
from peerd.group.succession import Follows, check_follows
from peerd.identity import peer_id_of
from protocols.aggregation.evaluation import Evaluation
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.plan import CommitteePlan, PlanError, plan_group
from protocols.ports import SIGNATURE_BYTES
from protocols.version import EARLIEST, LATEST, V3
from protocols.wire.canonical import pack, unpack

VERSIONS = range(EARLIEST, LATEST + 1)
"""Of a genesis, and of the protocol that its group speaks."""
MAX_GENESIS_BYTES = 1 << 23
_THIRD = Fraction(1, 3)
_SHOWN_PEERS = 5


@dataclass(frozen=True)
class Genesis:
    """What a group is. Constructing one checks every field: GroupError names the bad one.

    ``roster``: public keys (32 bytes), rising. ``adversary``: β. ``dropout``: q. ``absent``: e,
    or None for the least that q asks for. ``clients``: s, the dealers that the coin draws in each
    attempt, or None for everybody. ``delta_ms``, ``bandwidth_bytes_per_second`` and
    ``training_seconds``: what all deadlines are derived from (protocols/record/deadlines.py).
    ``deadlines``: milliseconds, those that the group wants longer; none where none is stated (then
    they are no part of the content). ``parameters``: d.
    ``first_model``: hash of the model before round 0. ``model_seed``: what the first model is
    drawn from. ``fixed``: hash of what of the model nobody trains (frozen parameters, constant
    buffers); empty where there is nothing. ``statistics``: what becomes of the running statistics
    of normalisation layers (peerd/learning/shared.py). ``starts_from``: whether the first model is
    drawn from ``model_seed`` or is in a file that each member has; ``first_model`` and ``fixed``
    say what it must hold. ``weights``: one a member, in roster order, for a weighted aggregator;
    empty where all are 1. ``evaluation``: what members count of their held-out rows; None: nothing.
    ``names``: what people call the members, in roster order; empty where nobody has a name.
    ``rhythm``: when rounds begin, and end; None: one after another, without end.
    ``privacy``: what is promised to the people behind the rows; None: nothing.
    ``follows``: the group that this one goes on from, as its successor; None: it begins anew.
    Of these nine nothing is part of the content where it says nothing.
    ``signatures``: by public key; not part of the content, hence of the id. Nor are ``addresses``:
    where members said that they can be reached first, a multiaddr by public key. Who answers there
    proves its key, so that nobody needs to vouch for them.
    """

    name: str
    task: str
    task_options: dict[str, Any]
    roster: tuple[bytes, ...]
    aggregator: str
    constants: dict[str, int | str]
    adversary: Fraction
    dropout: Fraction
    absent: int | None
    delta_ms: int
    bandwidth_bytes_per_second: int
    training_seconds: int
    parameters: int
    first_model: bytes
    deadlines: dict[str, int] = field(default_factory=dict)
    model_seed: int = 0
    clients: int | None = None
    fixed: bytes = b""
    statistics: str = rules.STATISTICS[0]
    starts_from: str = rules.STARTS[0]
    weights: tuple[int, ...] = ()
    evaluation: Evaluation | None = None
    names: tuple[str, ...] = ()
    rhythm: Rhythm | None = None
    privacy: Privacy | None = None
    follows: Follows | None = None
    version: int = LATEST
    signatures: dict[bytes, bytes] = field(default_factory=dict)
    addresses: dict[bytes, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.version) is not int or self.version not in VERSIONS:
            raise GroupError(
                f"genesis: version is {rules.shown(self.version)},"
                f" and this peerd reads versions {VERSIONS[0]} to {VERSIONS[-1]}"
            )
        rules.check_text("name", self.name, rules.MAX_NAME)
        rules.check_task(self.task)
        # Copies: whoever passed them may change its own, and the id must not follow.
        self._own("task_options", rules.check_options(self.task_options))
        rules.check_roster(self.roster)
        object.__setattr__(self, "weights", rules.check_weights(self.weights, len(self.roster)))
        evaluation = rules.check_evaluation(self.evaluation, len(self.roster))
        object.__setattr__(self, "evaluation", evaluation)
        object.__setattr__(self, "names", check_names(self.names, self.roster))
        object.__setattr__(self, "rhythm", check_rhythm(self.rhythm))
        self._check_patience()
        object.__setattr__(self, "privacy", check_privacy(self.privacy))
        object.__setattr__(self, "follows", check_follows(self.follows, self.roster))
        rules.check_aggregator(self.aggregator)
        self._own("constants", rules.check_constants(self.constants))
        rules.check_rational("adversary", self.adversary, _THIRD)
        rules.check_rational("dropout", self.dropout, Fraction(1))
        if self.absent is not None:
            rules.check_integer("absent", self.absent, 0, len(self.roster))
        if self.clients is not None:
            rules.check_integer("clients", self.clients, 1, len(self.roster))
        rules.check_integer("delta_ms", self.delta_ms, rules.MIN_DELTA, rules.MAX_DELTA)
        rules.check_integer(
            "bandwidth_bytes_per_second",
            self.bandwidth_bytes_per_second,
            rules.MIN_BANDWIDTH,
            rules.MAX_BANDWIDTH,
        )
        rules.check_integer("training_seconds", self.training_seconds, 1, rules.MAX_TRAINING)
        self._own("deadlines", rules.check_deadlines(self.deadlines))
        rules.check_integer("parameters", self.parameters, 1, rules.MAX_PARAMETERS)
        rules.check_hash("first_model", self.first_model)
        if self.fixed:
            rules.check_hash("fixed", self.fixed)
        rules.check_statistics(self.statistics)
        rules.check_start(self.starts_from)
        rules.check_integer("model_seed", self.model_seed, 0, rules.MAX_SEED)
        self._check_signatures()
        self._own("signatures", dict(self.signatures))
        self._own("addresses", check_addresses(self.addresses, self.roster))

    def _check_patience(self) -> None:
        """It counts evaluations."""
        evaluates = self.evaluation is not None and self.evaluation.accuracy
        if self.rhythm is not None and self.rhythm.patience is not None and not evaluates:
            raise rules.refused("rhythm.patience", "is for a group that evaluates its accuracy")

    def _own(self, name: str, value: dict[Any, Any]) -> None:
        object.__setattr__(self, name, value)

    def _check_signatures(self) -> None:
        members = frozenset(self.signers)
        for public, signature in self.signatures.items():
            if public not in members:
                raise rules.refused("signatures", "hold one by somebody who is not in the roster")
            if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
                raise rules.refused("signatures", f"must have {SIGNATURE_BYTES} bytes each")

    @cached_property
    def signers(self) -> tuple[bytes, ...]:
        """Who must sign: the roster; and of a successor each old key for the one in its place."""
        return self.roster if self.follows is None else (*self.roster, *self.follows.signing)

    @cached_property
    def group_id(self) -> bytes:
        """32 bytes: the hash of the content."""
        return digest("peerd/genesis", pack(self._content()))

    @cached_property
    def plan(self) -> CommitteePlan:
        """The committee plan that every member derives. GroupError if there is none."""
        try:
            return plan_group(
                len(self.roster),
                self.adversary,
                self.dropout,
                absent=self.absent,
                selected=self.clients,
                values=self.parameters if self.version >= V3 else None,
            )
        except PlanError as error:
            raise GroupError(f"genesis: no committee plan exists: {error}") from None

    def index(self, public: bytes) -> int:
        """The roster index of a member. GroupError for anybody else."""
        try:
            return self._indices[public]
        except KeyError:
            raise GroupError(
                f"{peer_id_of(public)} is not in the roster of group {self.name!r}",
                "use the key that the genesis names, or found another group",
            ) from None

    def encode(self) -> bytes:
        """Canonical bytes of content and signatures, for the wire."""
        return pack({"genesis": self._content(), "signatures": pairs(self.signatures)})

    @classmethod
    def decode(cls, data: bytes) -> Genesis:
        """The inverse of ``encode``; GroupError for everything else."""
        if len(data) > MAX_GENESIS_BYTES:
            raise GroupError(f"genesis: {len(data)} bytes, more than {MAX_GENESIS_BYTES}")
        try:
            outer = unpack(data)
        except WireError as error:
            raise GroupError(f"genesis: not canonical: {error}") from None
        if not isinstance(outer, dict) or set(outer) != {"genesis", "signatures"}:
            raise GroupError("genesis: must hold exactly 'genesis' and 'signatures'")
        genesis = cls.from_content(outer["genesis"], from_pairs(outer["signatures"]))
        if genesis.encode() != data:
            raise GroupError("genesis: not canonical: the signatures are out of order")
        return genesis

    @classmethod
    def from_content(
        cls,
        content: object,
        signatures: dict[bytes, bytes],
        addresses: Mapping[bytes, str] = MappingProxyType({}),
    ) -> Genesis:
        """From the plain values of the content: rationals as text, the roster as a list."""
        values = dict(rules.check_mapping("content", content))
        known = {item.name for item in fields(cls)} - {"signatures", "addresses"}
        optional = {"weights", "clients", "deadlines", "fixed", "statistics", "starts_from"}
        optional |= {"evaluation", "names", "follows", "rhythm", "privacy"}
        for name in values:
            if name not in known:
                raise rules.refused(rules.shown(name), "is an unknown field")
        for name in sorted(known - optional):
            if name not in values:
                raise rules.refused(name, "is missing")
        for name in ("adversary", "dropout"):
            values[name] = rules.parse_rational(name, values[name])
        values["roster"] = rules.check_roster(values["roster"])
        if "weights" in values and not values["weights"]:
            raise rules.refused("weights", "are left out where all are 1")
        if "names" in values and not values["names"]:
            raise rules.refused("names", "are left out where nobody has one")
        if "rhythm" in values and not values["rhythm"]:
            raise rules.refused("rhythm", "is left out where there is none")
        if "privacy" in values and not values["privacy"]:
            raise rules.refused("privacy", "is left out where nothing is promised")
        if "follows" in values and not values["follows"]:
            raise rules.refused("follows", "is left out of a group that follows none")
        if "clients" in values and values["clients"] is None:
            raise rules.refused("clients", "is left out where everybody deals")
        if "deadlines" in values and not values["deadlines"]:
            raise rules.refused("deadlines", "are left out where none is longer than derived")
        if "evaluation" in values and not values["evaluation"]:
            raise rules.refused("evaluation", "is left out where nothing is counted")
        if "fixed" in values and not values["fixed"]:
            raise rules.refused("fixed", "is left out where everything is trained")
        if values.get("statistics") == rules.STATISTICS[0]:
            raise rules.refused("statistics", f"are left out where they are {rules.STATISTICS[0]}")
        if values.get("starts_from") == rules.STARTS[0]:
            raise rules.refused("starts_from", f"is left out where it is {rules.STARTS[0]}")
        return cls(**values, signatures=signatures, addresses=dict(addresses))

    def unsigned(self) -> tuple[bytes, ...]:
        """Whose signature is missing: members in roster order, then old keys of a successor."""
        return tuple(public for public in self.signers if public not in self.signatures)

    def verify(self) -> None:
        """GroupError unless everybody's signature is there and right, and a plan exists."""
        self.verify_signatures()
        missing = self.unsigned()
        if missing:
            raise GroupError(
                f"genesis: {len(missing)} of {len(self.signers)} have not signed:"
                f" {self._listed(missing)}",
                "each of them runs 'peerd group sign'",
            )
        _ = self.plan

    def verify_signatures(self) -> None:
        """GroupError unless those that are there are right."""
        group, signed = self.group_id, self.signatures.items()
        wrong = [public for public, signature in signed if not verifies(group, public, signature)]
        if wrong:
            raise GroupError(f"genesis: not the signature of {self._listed(wrong)}")

    def _listed(self, members: Iterable[bytes]) -> str:
        """With whole peer ids: an error may be the one place that shows them."""
        names = dict(zip(self.roster, self.names, strict=False))
        return _names(members, names)

    @cached_property
    def _indices(self) -> dict[bytes, int]:
        return {public: index for index, public in enumerate(self.roster)}

    def _content(self) -> dict[str, Any]:
        content = {item.name: getattr(self, item.name) for item in fields(self)}
        del content["signatures"], content["addresses"]
        for name in ("adversary", "dropout"):
            content[name] = str(content[name])
        for name in ("weights", "evaluation", "names", "follows", "rhythm", "privacy"):
            del content[name]
        if self.follows is not None:
            content["follows"] = self.follows.content()
        if self.evaluation is not None:
            content["evaluation"] = rules.evaluation_content(self.evaluation)
        if self.weights:
            content["weights"] = list(self.weights)
        if self.rhythm is not None:
            content["rhythm"] = rhythm_content(self.rhythm)
        if self.privacy is not None:
            content["privacy"] = privacy_content(self.privacy)
        if self.names:
            content["names"] = list(self.names)
        if self.clients is None:
            del content["clients"]
        if not self.deadlines:
            del content["deadlines"]
        if not self.fixed:
            del content["fixed"]
        if self.statistics == rules.STATISTICS[0]:
            del content["statistics"]
        if self.starts_from == rules.STARTS[0]:
            del content["starts_from"]
        return content | {"roster": list(self.roster)}

    def weight_of(self, index: int) -> int:
        """What the member at a roster index counts in a weighted aggregator."""
        return self.weights[index] if self.weights else 1

    def name_of(self, index: int) -> str | None:
        """What people call the member at a roster index; None where the group names nobody."""
        return self.names[index] if self.names else None

    def held_out_of(self, index: int) -> int:
        """Held-out rows of the member at a roster index that the group counts."""
        return 0 if self.evaluation is None else self.evaluation.rows[index]


def new_genesis(
    *,
    roster: Iterable[bytes],
    weights: Mapping[bytes, int] | None = None,
    names: Mapping[bytes, str] | None = None,
    **values: Any,
) -> Genesis:
    """An unsigned genesis with the roster in order. GroupError for a bad field or no plan.

    ``weights``: by public key; whoever isn't named weighs 1. ``names``: by public key, of
    everybody or of nobody.
    """
    members = tuple(sorted(roster))
    said = names or {}
    if said:
        _check_named(members, said)
    given = weights or {}
    for public in given:
        if public not in members:
            raise rules.refused("weights", "name somebody who is not in the roster")
    listed = tuple(given.get(public, 1) for public in members)
    genesis = Genesis(
        roster=members,
        weights=() if set(listed) == {1} else listed,
        names=tuple(said[public] for public in members) if said else (),
        **values,
    )
    _ = genesis.plan
    return genesis


def _check_named(members: tuple[bytes, ...], names: Mapping[bytes, str]) -> None:
    """GroupError unless just the members have a name."""
    if strangers := [public for public in names if public not in members]:
        raise rules.refused("names", f"name {_names(strangers)}, not in the roster")
    if unnamed := [public for public in members if public not in names]:
        raise rules.refused("names", f"leave out {_names(unnamed)}: all have one, or nobody")


def _names(peers: Iterable[bytes], called: Mapping[bytes, str] | None = None) -> str:
    said = called or {}
    names = [
        f"{said[public]} ({peer_id_of(public)})" if public in said else peer_id_of(public)
        for public in peers
    ]
    more = len(names) - _SHOWN_PEERS
    return ", ".join(names[:_SHOWN_PEERS]) + (f" and {more} more" if more > 0 else "")
