"""What was found, as one JSON document; the text and the page are written from it."""

from __future__ import annotations

from typing import Any, TypeAlias

from peerd.audit.epoch import Epoch, Verified
from peerd.audit.history import History
from peerd.identity import peer_id_of
from peerd.runner.evidence.audit import described, proof_described
from protocols.record.certificate import CertifiedRound, Close
from protocols.record.cohort import Exclusion
from protocols.record.elected import panel_of, seed_of
from protocols.record.resolution import Resolution

Document: TypeAlias = dict[str, Any]


def document(history: History) -> Document:
    """``verdict`` and everything that it rests on. A transcript by itself has the keys of its round
    beside them.
    """
    lie, model = history.first_lie, history.model
    found: Document = {
        "verdict": "verified" if lie is None else "failed",
        "rounds": len(history.rounds),
        "rounds_with_transcript": sum(each.audit is not None for _, each in history.rounds),
        "handovers": max(len(history.epochs) - 1, 0),
        "blamed": [each for epoch in history.epochs for each in _blamed(epoch)],
        "model": None
        if model is None
        else {"file": model.file, "round": model.round, "hash": model.hash.hex()},
        "first_failure": None
        if lie is None
        else {"file": lie.file, "round": lie.round, "reason": lie.reason},
        "from_genesis": history.whole,
        "genesis_given": history.genesis_given,
        "groups": [_group(epoch) for epoch in history.epochs],
        "history": [_round(epoch, each) for epoch, each in history.rounds],
        "skipped": history.skipped,
    }
    if not history.whole and len(history.rounds) == 1:
        ((epoch, each),) = history.rounds
        if each.audit is not None:
            return described(epoch.genesis, each.audit) | found
    if len(history.proofs) == 1 and not history.rounds:
        ((epoch, proven),) = history.proofs
        return proof_described(epoch.genesis, proven) | found
    return found


def _blamed(epoch: Epoch) -> list[Document]:
    findings = sorted(epoch.findings, key=lambda each: (each.round, each.culprit, each.reason))
    return [
        {**_member(epoch, each.culprit), "round": each.round, "reason": each.reason}
        for each in findings
    ]


def _member(epoch: Epoch, peer: int) -> Document:
    genesis = epoch.genesis
    return {"peer": peer_id_of(genesis.roster[peer]), "name": genesis.name_of(peer)}


def _group(epoch: Epoch) -> Document:
    """A genesis, and what its members did in the rounds that hold."""
    rounds = list(epoch.rounds.values())
    tellings = [_parts(epoch, each.certified) for each in rounds]
    return {
        "group": epoch.genesis.group_id.hex(),
        "name": epoch.genesis.name,
        "first_round": rounds[0].certified.round if rounds else None,
        "last_round": rounds[-1].certified.round if rounds else None,
        "members": [
            {
                **_member(epoch, peer),
                "took_part": sum(peer in parts["took_part"] for parts in tellings),
                "sat": sum(peer in _seats(each.certified) for each in rounds),
                "away": sum(peer in parts["away"] for parts in tellings),
                "blamed": peer in epoch.convicted,
            }
            for peer in range(len(epoch.genesis.roster))
        ],
    }


def _parts(epoch: Epoch, certified: CertifiedRound) -> dict[str, set[int]]:
    """Roster indices: whose update counts, who was drawn and did not deal, who was not asked to,
    and who was left out as guilty.
    """
    if certified.flip is None:  # over before anybody was elected
        return {"took_part": set(), "away": set(), "undrawn": set(), "guilty": set()}
    selected = set(panel_of(epoch.setting, certified.flip).selected)
    excluded = dict(certified.cohort.excluded)
    guilty = {peer for peer, why in excluded.items() if why == Exclusion.GUILTY}
    guilty |= {peer for peer, _ in certified.election.guilty}
    undrawn = set(certified.election.keys) - selected - guilty
    took_part = set(certified.dealers)
    convicted = {peer for peer, since in epoch.convicted.items() if since <= certified.round}
    convicted |= guilty
    dealt = set(certified.cohort.peers)
    return {
        "took_part": took_part,
        "away": set(certified.undealt(selected, epoch.setting.peers, convicted)),
        "undrawn": undrawn,
        "guilty": convicted - dealt,
    }


def _seats(certified: CertifiedRound) -> tuple[int, ...]:
    return () if certified.flip is None else certified.flip.seats


def _seed(epoch: Epoch, certified: CertifiedRound) -> str | None:
    flip = certified.flip
    if flip is None:
        return None
    return seed_of(epoch.setting, flip.election, flip.certificate.place).hex()


def _round(epoch: Epoch, found: Verified) -> Document:
    """One round in full. ``seed``: what the order of the seats follows from, and any draw."""
    certified, audit = found.certified, found.audit
    parts = _parts(epoch, certified)

    def ids(peers: Any) -> list[str]:
        return [peer_id_of(epoch.genesis.roster[peer]) for peer in peers]

    return {
        "round": certified.round,
        "attempt": certified.attempt,
        "group": epoch.genesis.group_id.hex(),
        "outcome": certified.close.value,
        "transcript": audit is not None,
        "certificate": certified.hash.hex(),
        "previous": certified.end.previous.hex(),
        "model_hash": certified.end.model.hex(),
        "seed": _seed(epoch, certified),
        "revealed": ids(certified.keys) if epoch.setting.draws else [],
        "committee": ids(_seats(certified)),
        "signed": ids(sorted(certified.signers)),
        "took_part": ids(sorted(parts["took_part"])),
        "away": ids(sorted(parts["away"])),
        "undrawn": ids(sorted(parts["undrawn"])),
        "guilty": ids(sorted(parts["guilty"])),
        "flips_voided_by": [] if audit is None else ids(audit.voided_by),
        "opened": _opened(epoch, certified),
        "abandoned_by": ids(certified.signers) if certified.abandoned else [],
        "successor": certified.end.draft.hex()
        if isinstance(certified.end, Resolution) and certified.end.hands_over
        else None,
    }


def _opened(epoch: Epoch, certified: CertifiedRound) -> Document | None:
    """The sum that the committee opened; None where nothing was."""
    if certified.close is not Close.OPENED:
        return None
    shape = epoch.setting.shape
    terms = shape.sharing.degree + 1
    return {
        "updates": certified.result.dealers,
        "integers": epoch.setting.relation.opened_length,
        "polynomials": shape.certified_polynomials,
        "bytes": shape.certified_polynomials * terms * shape.field.element_bytes,
        "root": certified.result.polynomials.hex(),
    }
