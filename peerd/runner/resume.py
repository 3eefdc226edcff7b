"""From the genesis and the store to where this peer stands (faults 42, 46, 47)."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from peerd.crypto import Sodium
from peerd.errors import CorruptError, GroupError, StorageError
from peerd.group import Genesis
from peerd.group.promise import round_budget
from peerd.group.rule import rule_of
from peerd.identity import peer_id_of
from peerd.memory import Remembering
from peerd.storage import Store
from peerd.storage.durable import START_EMPTY
from protocols.aggregation import AggregationError, largest_weight, model_hash
from protocols.errors import ProtocolError, WireError
from protocols.plan import liars_of
from protocols.record.certificate import (
    Certificate,
    ResolutionCertificate,
    decode_certificate,
    origin_of,
    result_hash,
)
from protocols.record.deadlines import Deadlines, derive
from protocols.record.election import Election
from protocols.record.position import Position, first_position
from protocols.record.resolution import Resolution
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.sizes import largest_brief, sizes_of
from protocols.wire.schema import MAX_BULK
from protocols.wire.statement import decode_statement

Model = npt.NDArray[np.float32]


def setting_of(genesis: Genesis) -> Setting:
    """The group as the core needs it. GroupError when the genesis can't be run."""
    try:
        rule = rule_of(genesis.aggregator, genesis.constants)
        _check_weights(genesis, largest_weight(rule))
        setting = Setting(
            genesis.group_id,
            genesis.roster,
            liars_of(len(genesis.roster), genesis.adversary),
            genesis.dropout,
            genesis.plan,
            rule,
            genesis.parameters,
            genesis.first_model,
            Deadlines(),
            Sodium(),
            weights=genesis.weights,
            clients=genesis.clients,
            evaluation=genesis.evaluation,
            memory=Remembering(),
            paced=genesis.rhythm is not None and genesis.rhythm.paced,
            rounds=None if genesis.rhythm is None else genesis.rhythm.stop_after,
            version=genesis.version,
            budget=round_budget(genesis, rule),
        )
        _check_proposals(setting)
        return replace(setting, deadlines=_deadlines(genesis, setting))
    except (AggregationError, ProtocolError) as error:
        raise GroupError(f"genesis: {error}") from None


def _deadlines(genesis: Genesis, setting: Setting) -> Deadlines:
    """What follows from the genesis, with what it states in addition (docs/protocol.md §0)."""
    derived = derive(
        genesis.delta_ms,
        genesis.bandwidth_bytes_per_second,
        genesis.training_seconds,
        sizes_of(setting),
    )
    try:
        return derived.lengthened(genesis.deadlines)
    except ProtocolError as error:
        raise GroupError(
            f"genesis: {error}", "state a longer one or none, or lower what it follows from"
        ) from None


def _check_proposals(setting: Setting) -> None:
    """What the worst liars can sign must fit a leader's frame, or they could stop the group."""
    most = largest_brief(setting)
    if most > MAX_BULK:
        raise GroupError(
            f"genesis: a proposal on a cohort may take {most} bytes, and a frame {MAX_BULK}",
            "fewer members, a lower adversary bound, or a smaller model",
        )


def _check_weights(genesis: Genesis, most: int) -> None:
    """The cap is among the constants that all have signed; a genesis that exceeds it isn't run."""
    for index, public in enumerate(genesis.roster):
        weight = genesis.weight_of(index)
        if weight > most:
            raise GroupError(
                f"genesis: {peer_id_of(public)} weighs {weight}, and {genesis.aggregator} allows"
                f" {most} at most"
            )


def position_of(setting: Setting, store: Store, first: Model) -> Position:
    """After the last certified round in the store; before round 0 when there is none, from
    ``first`` (d,), the model that the genesis names.

    Raises CorruptError when certificates or the model are not what they should be.
    """
    head = store.head()
    if head < origin_of(setting).round:
        return first_position(setting, first)
    origin = origin_of(setting)
    ledger, previous, wanted = origin.ledger, origin.previous, setting.first_model
    for round_ in range(origin.round, head + 1):
        record = store.certificate(round_)
        if record is None:
            raise CorruptError(
                f"the certificate of round {round_} is missing from the store",
                START_EMPTY,
            )
        certificate = _decoded(record, round_)
        if isinstance(certificate, ResolutionCertificate):
            found = Resolution.decode(certificate.outcome)
            previous = found.hash_in(setting.group, round_, certificate.attempt)
            ledger, wanted = found.ledger_after(ledger, previous), found.model
            continue
        statement = decode_statement(certificate.results[0], setting.group)
        ledger = ledger.after(round_, Election.decode(certificate.election.outcome))
        attempt = certificate.election.attempt
        previous = result_hash(setting.group, round_, attempt, statement.payload)
        wanted = statement.payload.model
    model = store.model(head)
    if model is None or model_hash(model) != wanted:
        raise CorruptError(
            f"the model after round {head} is missing or damaged",
            START_EMPTY,
        )
    return Position(head + 1, model, previous, ledger)


def convicted(store: Store) -> frozenset[tuple[int, int]]:
    """Whom the certificates in the store prove guilty: a round, and an index in its roster.
    CorruptError.
    """
    guilty: set[tuple[int, int]] = set()
    for round_ in range(store.head() + 1):
        record = store.certificate(round_)
        certificate = None if record is None else _decoded(record, round_)
        if isinstance(certificate, ResolutionCertificate):
            guilty |= {(round_, peer) for peer in Resolution.decode(certificate.outcome).guilty}
        elif certificate is not None:
            outcome = Election.decode(certificate.election.outcome)
            guilty |= {(round_, peer) for peer, _ in outcome.guilty}
    return frozenset(guilty)


def check_owner(store: Store, group: bytes, public: bytes) -> None:
    """StorageError where the store is another key's, or another group's; changes nothing.

    The journal guards the signatures of one key in one group. Under another key it guards nothing,
    and that key, which has its own journal elsewhere, would sign slots a second time.
    """
    owner = store.owner()
    foreign = _of_another_group(store, group) if owner is None else owner != group + public
    if foreign:
        raise StorageError(
            f"the data directory {store.directory} is of another group or another key",
            "name the one that belongs to 'key' and 'genesis' as 'data', or a new one",
        )


def claim(store: Store, group: bytes, public: bytes) -> None:
    """The store is this key's in this group from now on. StorageError as ``check_owner``."""
    check_owner(store, group, public)
    if store.owner() is None:
        store.set_owner(group + public)


def _of_another_group(store: Store, group: bytes) -> bool:
    """By its last certificate: what an older peerd made names no owner."""
    head = store.head()
    record = store.certificate(head)
    if record is None:
        return False
    certificate = _decoded(record, head)
    if isinstance(certificate, ResolutionCertificate):
        signed = certificate.votes
    else:
        signed = certificate.results
    try:
        decode_statement(signed[0], group)
    except WireError:
        return True
    return False


def _decoded(record: bytes, round_: int) -> Certificate | ResolutionCertificate:
    try:
        return decode_certificate(record)
    except WireError as error:
        raise CorruptError(
            f"the certificate of round {round_} is damaged: {error}", START_EMPTY
        ) from None


def journaled_secret(store: Store, round_: int, key: str) -> Secret:
    """32 fresh bytes, durable before they are used; the same again after a restart."""
    known = store.journal(round_).get(key)
    if known is None:
        known = os.urandom(32)
        store.journal_put(round_, key, known)
    return Secret(known)
