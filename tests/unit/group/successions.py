"""Groups that follow each other, with real keys, signatures and handovers, and no daemon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from peerd.group import Genesis, new_genesis, sign
from peerd.group.drafting import Changes, draft
from peerd.identity import Identity
from peerd.runner.succession.lineage import Epoch
from protocols.aggregation import model_hash
from protocols.aggregation.contract import Model
from protocols.record.certificate import ResolutionCertificate, origin_of
from protocols.record.ledger import Ledger
from protocols.record.resolution import Tip
from protocols.record.spending import charges_by
from protocols.record.votes import outcome_hash
from protocols.wire.payloads import PAYLOADS, Act, Approve, Kind, Topic
from protocols.wire.statement import Slot
from protocols.wire.statement import sign as sign_statement
from tests.unit.group.test_genesis import VALUES

PARAMETERS = 24
MODEL: Model = np.arange(PARAMETERS, dtype=np.float32)


def identities(first: int, last: int) -> list[Identity]:
    return [Identity(bytes([number]) * 32) for number in range(first, last)]


MEMBERS = identities(1, 6)
NAMES = ("St. Mary's", "Charité", "Bank of Åland", "Clinic 4", "Fifth House")
NEW, OTHER_NEW = identities(100, 102)
"""Who joins, or takes the place of another key."""
EVERYBODY = {one.public: one for one in [*MEMBERS, NEW, OTHER_NEW, *identities(102, 120)]}


def group(**changes: Any) -> Genesis:
    """Of five, signed by all."""
    values = {**VALUES, "task_options": {}, "deadlines": {}, "parameters": PARAMETERS}
    values |= {"constants": {"lambda": "1/100"}}
    values |= {"first_model": model_hash(MODEL), "delta_ms": 200, **changes}
    members = values.pop("members", MEMBERS)
    return signed(new_genesis(roster=[one.public for one in members], **values))


def named_group(**changes: Any) -> Genesis:
    names = {one.public: name for one, name in zip(MEMBERS, NAMES, strict=True)}
    return group(names=names, **changes)


def signed(genesis: Genesis, by: Iterable[Identity] | None = None) -> Genesis:
    """By all that must, or by these."""
    for one in [EVERYBODY[public] for public in genesis.signers] if by is None else by:
        genesis = sign(genesis, one)
    return genesis


def changes(first: int = 3, last: int = 9, **what: Any) -> Changes:
    return Changes(first, last, **what)


def successor(old: Genesis, first: int = 3, last: int = 9, **what: Any) -> Genesis:
    """A draft that all have signed."""
    return signed(draft(old, changes(first, last, **what)))


def handover(
    epoch: Epoch,
    to: Genesis | None,
    round_: int,
    *,
    ledger: Ledger | None = None,
    previous: bytes | None = None,
    model: Model = MODEL,
    voters: Sequence[Identity] | None = None,
    guilty: dict[int, bytes] | None = None,
) -> bytes:
    """The certificate of a round in which ``epoch`` hands over, or rests (None), by all votes."""
    setting = epoch.setting()
    origin = origin_of(setting)
    known = origin.ledger if ledger is None else ledger
    end = (round_, previous or origin.previous, model_hash(model), known, origin.previous)
    tip = Tip(*end, charges_by(setting, known.charged))
    about = origin.previous if to is None else to.group_id
    said = Approve(int(Act.PAUSE if to is None else Act.HANDOVER), about, round_, round_)
    outcome = tip.resolution(said, guilty or {}, ())
    ballot = PAYLOADS[Kind.SECOND_VOTE](outcome_hash(Topic.COMMITS, outcome))
    if voters is None:
        voters = [EVERYBODY[public] for public in setting.roster]
    votes = tuple(
        sign_statement(
            setting.crypto,
            one.secret.reveal(),
            setting.group,
            Slot(
                round_, 0, Kind.SECOND_VOTE, int(Topic.COMMITS), 0, setting.roster.index(one.public)
            ),
            ballot,
        ).wire
        for one in voters
    )
    return ResolutionCertificate(round_, 0, outcome, votes).encode()


def resigned(genesis: Genesis, **changes: Any) -> Genesis:
    """With other content, and no signature."""
    return replace(genesis, **changes, signatures={})
