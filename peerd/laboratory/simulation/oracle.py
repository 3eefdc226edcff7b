"""The one oracle: what must hold in every run, whatever the adversary does (docs/protocol.md §0).

Agreement; no honest peer blamed; the result is the plain sum of the cohort's inputs, every honest
online dealer's among them; nothing signed twice differently; an end, with a reason of an
enumeration; and no honest frame refused by an honest peer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from peerd.laboratory.simulation.budgets import check_budget, is_over
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.noised import added_by_all
from peerd.laboratory.simulation.violation import Violation, demand
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World
from protocols.opening import coin_seed, decode_polynomials, noise_dealers, values_of
from protocols.plan import minimum_cohort
from protocols.presence.neighbours import MAX_AHEAD_FRAMES
from protocols.presence.waiting import MAX_WAITING_BYTES
from protocols.proof import BIT
from protocols.record.audit import audit_round
from protocols.record.certificate import CertifiedRound, Close, origin_of, verify_certificate
from protocols.record.effects import Abort, Completed, Stop
from protocols.record.elected import panel_of
from protocols.record.inbox import MAX_STATEMENTS_PER_SIGNER
from protocols.record.resolution import Resolution
from protocols.record.setting import Setting
from protocols.session.approvals import MAX_APPROVALS_OF_ONE
from protocols.session.attempt import MAX_EARLY_FRAMES
from protocols.session.proofs import MAX_EVIDENCE_OF_ONE
from protocols.wire.payloads import Act

__all__ = ["Violation", "Watch", "demand"]
MAX_QUEUE = 100_000
"""Messages under way and timers in a whole swarm: more is a storm."""


def honest(world: World) -> list[Node]:
    return [node for node in world.nodes if node.honest]


def certified_by(world: World, record: Completed) -> CertifiedRound:
    """What a record's certificate says: verified once in a run, whoever holds it."""
    known = world.certified
    if record.certificate not in known:
        known[record.certificate] = verify_certificate(world.setting, record.certificate)
    return known[record.certificate]


def check(
    world: World,
    *,
    guilty: Iterable[int] | None = None,
    away: Iterable[int] = (),
    unknown_inputs: Iterable[int] = (),
    completes: bool = True,
    audited: bool = True,
) -> None:
    """``guilty``: exactly these are blamed, by every honest peer that is up (None: any liars).
    ``away`` may miss a cohort (they crash, or are cut off); of ``unknown_inputs`` nobody knows
    what they dealt.
    """
    check_safety(world, away=away, unknown_inputs=unknown_inputs)
    if completes:
        check_completion(world)
    if guilty is not None:
        for node in honest(world):
            named = {blame.peer for blame in node.blamed}
            if node.up and node.lives == 1:
                demand(named == set(guilty), "blame", (node.index, named, node.blamed))
    if audited:
        check_audits(world)


def check_completion(world: World) -> None:
    """Every honest peer that is up has completed every round, but for one that it sits out."""
    every = list(range(world.first, last_round(world) + 1))
    for node in honest(world):
        if node.up and not sits_out(node):
            done = sorted(node.completed)
            demand(done == every, "termination", (node.index, done, node.aborted, node.stopped))


def last_round(world: World) -> int:
    """Behind which no other is to come: the group has handed over, rests and is not woken, or has
    spent its budget.
    """
    records = [record for node in honest(world) for record in node.completed.values()]
    last = max(records, key=lambda record: record.round, default=None)
    ends = {Close.HANDED_OVER} if world.wakes else {Close.HANDED_OVER, Close.PAUSED}
    spent = is_over(world.setting, records)
    return last.round if last is not None and (last.close in ends or spent) else world.rounds - 1


def sits_out(node: Node) -> bool:
    """Whether this peer's store may be an old backup, so that it takes no part in its round. Of the
    last round of all it hears no more.
    """
    session = node.session
    return session is not None and session.sits_out


def check_safety(
    world: World, *, away: Iterable[int] = (), unknown_inputs: Iterable[int] = ()
) -> None:
    check_peers(world)
    for round_ in range(world.first, world.rounds):
        check_round(world, round_, away=away, unknown_inputs=unknown_inputs)


def check_peers(world: World) -> None:
    """What holds of each honest peer at any time: whom it blames, and why it aborts."""
    liars = {node.index for node in world.nodes if node.lying}
    for node in honest(world):
        framed = [blame for blame in node.blamed if blame.peer not in liars]
        demand(not framed, "framed", f"peer {node.index} blames the honest: {framed}")
        aborts = {item.reason for item in node.aborted}
        demand(aborts <= set(Abort), "reason", aborts)
        stops = {item.reason for item in node.stopped}
        demand(stops <= set(Stop), "reason", stops)
        refused = [item for item in node.dropped if item.peer not in liars]
        demand(not refused, "refused", f"peer {node.index} refused the honest: {refused[:3]}")


def check_round(
    world: World, round_: int, *, away: Iterable[int] = (), unknown_inputs: Iterable[int] = ()
) -> None:
    """Agreement on one round, and its result."""
    records = [n.completed[round_] for n in honest(world) if round_ in n.completed]
    models = {record.model_hash for record in records}
    demand(len(models) <= 1, "agreement", f"two models of {round_}")
    cohorts = {record.dealers for record in records}
    demand(len(cohorts) <= 1, "agreement", f"two cohorts of {round_}")
    closes = {record.close for record in records}
    demand(len(closes) <= 1, "agreement", f"round {round_} ended in several ways: {closes}")
    ends = {certified_by(world, record).hash for record in records}
    demand(len(ends) <= 1, "agreement", f"round {round_} has {len(ends)} ends")
    if records and records[0].opened:
        _check_result(world, round_, away, unknown_inputs)


def _check_result(
    world: World, round_: int, away: Iterable[int], unknown_inputs: Iterable[int]
) -> None:
    setting = world.setting
    record = next(n.completed[round_] for n in honest(world) if round_ in n.completed)
    certified = certified_by(world, record)
    cohort = set(certified.cohort.peers)
    expected = {n.index for n in honest(world)} - set(away)
    if setting.clients is not None:  # the others were not drawn
        expected &= cohort | {peer for peer, _ in certified.cohort.excluded}
    if not expected <= cohort:
        expected -= {peer for flip in _void(world, round_) for peer in flip}
        expected &= set(certified.election.keys) | (expected - _locked_before(world, round_))
        missing = expected - cohort
        demand(not missing, "left-out", f"honest dealers left out of {round_}: {missing}")
    shape = setting.shape
    polynomials = decode_polynomials(shape, record.polynomials)
    opened = values_of(shape, polynomials)
    unknown = cohort & set(unknown_inputs)
    heard = sorted(cohort - unknown)
    if setting.noise is not None:
        coin = coin_seed(shape, certified.result.cohort, polynomials[shape.opened_polynomials :])
        panel = panel_of(setting, certified.elected)
        noisy = noise_dealers(coin, cohort, panel.noise_dealers)
        noise = {peer: world.noise[round_, peer] for peer in heard}
        opened -= added_by_all(shape, noisy, coin, noise)
    weights = setting.weights_of(heard)
    edge = setting.opened_update
    inputs = [world.inputs[round_, peer] for peer in heard]
    known = [w * each[:edge] for w, each in zip(weights, inputs, strict=True)]
    rest = opened[:edge] - np.sum(known, axis=0)
    # Whatever a dealer that nobody knows dealt, its proof bounds; of bits also from below.
    rule = setting.aggregator
    most = rule.largest_sum(setting.parameters, sum(setting.weights_of(unknown)))
    if setting.noise is not None:
        most += len(unknown) * setting.noise.largest
    updates = rule.relation(setting.parameters).segments
    bits = all(s.constraint == BIT for s in updates if s.opened)
    least = 0 if bits or not unknown else -most
    right = bool(np.all((rest >= least) & (rest <= (most if unknown else 0))))
    demand(right, "result", f"round {round_} opened another sum than the inputs'")
    counted = opened[edge:] - np.sum([each[edge:] for each in inputs], axis=0)
    _check_counts(setting, round_, counted, unknown)


def _check_counts(
    setting: Setting, round_: int, rest: npt.NDArray[np.int64], unknown: Collection[int]
) -> None:
    """Every dealer counts once, and a liar no more rows than it holds out."""
    if setting.evaluation is None:
        return
    found = setting.evaluation.read(rest)
    rows = sum(setting.evaluation.rows[peer] for peer in unknown)
    pairs = [(found.right, found.rows), *zip(found.class_right, found.class_rows, strict=True)]
    bounded = all(0 <= right <= of <= rows for right, of in pairs)
    bounded &= sum(found.class_rows) <= found.rows and 0 <= found.sites <= len(unknown)
    bounded &= 0 <= found.loss <= found.sites * setting.evaluation.loss_levels
    demand(bounded, "counts", f"round {round_} opened other counts than the inputs': {found}")


def _void(world: World, round_: int) -> list[tuple[int, ...]]:
    """Whom the void flips of a round locked out, by its transcript."""
    for node in honest(world):
        if round_ in node.completed:
            return [audit_round(world.setting, node.completed[round_].transcript).voided_by]
    return []


def _locked_before(world: World, round_: int) -> set[int]:
    """Peers that the ledger before a round keeps from dealing."""
    ledger = origin_of(world.setting).ledger
    for earlier in range(world.first, round_):
        record = next(n.completed[earlier] for n in honest(world) if earlier in n.completed)
        certified = certified_by(world, record)
        ledger = certified.ledger_after(ledger)
    return set(range(world.setting.peers)) - ledger.eligible(world.setting.peers, round_)


def check_reasons(world: World, watch: Watch, *, away: Iterable[int] = ()) -> None:
    """Where the plan covers what befell the group nobody is ever too few: a flip that somebody
    spoiled may be thrown once more, and nothing else ends an attempt, or the group. A peer that was
    ``away`` may think that the others were.
    """
    away = frozenset(away)
    others = {at: why for at, why in watch.ended.items() if why != Abort.FLIP}
    demand(not others, "abort", f"attempts that ended although the plan covers this: {others}")
    for node in honest(world):
        found = {item.reason for item in node.stopped}
        demand(not found or node.index in away, "abort", f"peer {node.index} stopped: {found}")


def check_waits(world: World, watch: Watch) -> None:
    """Nobody waits out the deadline for commitments."""
    deadline = world.setting.deadlines.commit
    late = {at: waited for at, waited in watch.waited.items() if waited >= deadline}
    demand(not late, "delay", f"(peer, round, attempt) that waited for commitments: {late}")


RETURNS = 3
"""Rounds within which a peer that is back takes part."""


def check_return(world: World, watch: Watch, peer: int, at: int) -> None:
    """One that is back since ``at`` is soon among those that the coin may seat."""
    done = [round_ for round_, when in watch.over.items() if when <= at]
    first = max(done, default=-1) + 1
    due = range(first, first + RETURNS)
    if due[-1] >= world.rounds:
        return
    records = [world.nodes[peer].completed[round_] for round_ in due]
    taken = [peer in certified_by(world, record).election.keys for record in records]
    demand(any(taken), "return", f"peer {peer} is back since {at} ms, and took no part in {due}")


def check_records(world: World, watch: Watch) -> None:
    """Who took part in each round, by every honest peer's certificates."""
    for node in honest(world):
        for record in node.completed.values():
            _check_record(world, watch, node, record)


def _check_record(world: World, watch: Watch, node: Node, record: Completed) -> None:
    certified = certified_by(world, record)
    check_ends(world, watch, node, certified)
    if certified.flip is None:
        return
    keys = frozenset(certified.election.keys)
    committed = watch.committed.get((certified.round, certified.attempt), keys)
    demand(keys == committed, "coin", f"elected by {keys} of {committed} that committed")
    _check_size(world, certified)
    earlier = [node.completed[r] for r in range(record.round) if r in node.completed]
    for before in (certified_by(world, item) for item in earlier):
        guilty = {peer for peer, _ in before.guilty}
        demand(not guilty & keys, "guilty", f"proven guilty, and takes part: {guilty & keys}")
        if before.round == certified.round - 1:
            silent = _silenced(before) & watch.part_in(certified.round)
            demand(not silent, "lock-out", f"locked out, and takes part: {silent}")


def _silenced(before: CertifiedRound) -> set[int]:
    """Whom the round ahead of another keeps out of that."""
    if isinstance(before.end, Resolution):
        return {peer for peer, until, _ in before.end.lockouts if until > before.round}
    return set(before.election.silent)


def check_ends(world: World, watch: Watch, node: Node, certified: CertifiedRound) -> None:
    """Rounds follow each other, none a handover; a resolution opens nothing, spares nobody, and is
    what a quorum of operators approved. Behind a pause a quorum approved that the group goes on.
    """
    earlier = node.completed.get(certified.round - 1)
    before = None if earlier is None else certified_by(world, earlier)
    if before is not None:
        demand(certified.end.previous == before.hash, "fork", "a round that follows another end")
        handed = before.close is Close.HANDED_OVER
        demand(not handed, "fork", f"round {certified.round} beside a handover")
        if before.close is Close.PAUSED:
            _check_approved(world, watch, certified.round, (Act.RESUME, before.hash))
    check_budget(world.setting, node.completed.values(), certified)
    if isinstance(certified.end, Resolution):
        _check_resolution(world, watch, node, certified, certified.end)


def _check_resolution(
    world: World, watch: Watch, node: Node, certified: CertifiedRound, end: Resolution
) -> None:
    rounds = [node.completed[r] for r in sorted(node.completed) if r < certified.round]
    before = [certified_by(world, record) for record in rounds]
    origin = origin_of(world.setting)
    base = before[-1].end.model if before else world.setting.first_model
    demand(end.model == base, "result", "a resolution that changes the model")
    named = {peer for earlier in before for peer, _ in earlier.guilty}
    guilty = named | {peer for peer, _ in end.named} | origin.ledger.guilty
    forgotten = guilty ^ set(end.guilty)
    demand(not forgotten, "guilty", f"a resolution that forgets or adds {forgotten}")
    _check_lockouts(world, certified, end, before)
    pauses = [earlier.hash for earlier in before if earlier.close is Close.PAUSED]
    since = (pauses or [origin.previous])[-1]
    wanted = (Act.HANDOVER, end.draft) if end.hands_over else (Act.PAUSE, since)
    _check_approved(world, watch, certified.round, wanted)


def _check_lockouts(
    world: World, certified: CertifiedRound, end: Resolution, before: list[CertifiedRound]
) -> None:
    """Whoever has voided a flip of this round, or is locked out of the next by an earlier one."""
    ledger = origin_of(world.setting).ledger
    for earlier in before:
        ledger = earlier.ledger_after(ledger)
    kept = {peer for peer, until, _ in end.lockouts if until > certified.round}
    locked = {p for p in range(world.setting.peers) if ledger.locked_out(p, certified.round + 1)}
    demand(locked <= kept, "lock-out", f"a resolution that lets in {locked - kept}")


def _check_approved(world: World, watch: Watch, round_: int, wanted: tuple[Act, bytes]) -> None:
    """By what honest operators ordered; liars may have said anything."""
    said = watch.approved.get((int(wanted[0]), wanted[1]), {})
    willing = {peer for peer, windows in said.items() for a, b in windows if a <= round_ <= b}
    willing |= {node.index for node in world.nodes if not node.honest}
    enough = len(willing) >= world.setting.roster_quorum
    demand(enough, "approved", f"{wanted[0].name} in round {round_}: only {willing} want it")


def _check_size(world: World, certified: CertifiedRound) -> None:
    """§5: never the sum of so few that a liar could subtract its way to one update."""
    setting, guilty = world.setting, {peer for peer, _ in certified.election.guilty}
    able = len(set(certified.election.keys) - guilty)
    selected = able if setting.clients is None else min(able, setting.clients)
    liars = setting.liars_among(selected, able)
    bound = max(minimum_cohort(selected, liars), setting.noise_makers + liars)
    size = len(certified.cohort.dealers)
    demand(size >= min(bound, selected), "cohort-size", f"{size} dealers of at least {bound}")
    most = setting.peers if setting.clients is None else setting.clients
    demand(size <= most, "cohort-size", f"{size} dealers of at most {most}")


def check_audits(world: World) -> None:
    """A third party accepts every transcript, and finds whom honest peers blamed in the end."""
    liars = {node.index for node in world.nodes if node.lying}
    for node in honest(world):
        for record in node.completed.values():
            audit = audit_round(world.setting, record.transcript)
            found = {finding.culprit for finding in audit.findings}
            demand(found <= liars, "audit", f"an auditor blames the honest: {found - liars}")
            same = audit.certified.end.model == record.model_hash
            demand(same, "audit", "an auditor finds another model")


def check_bounds(world: World, node: Node) -> None:
    """What others can make a peer keep stays within the bounds that its code names."""
    session = node.session
    if session is None:
        return
    for waiting in session.neighbours.ahead._items.values():
        demand(len(waiting) <= MAX_AHEAD_FRAMES, "bounds", "frames ahead")
        demand(sum(map(len, waiting)) <= MAX_WAITING_BYTES, "bounds", "bytes ahead")
    demand(len(session.neighbours.certificates) <= 10, "bounds", "certificates")
    approvals = Counter(said.signer for said in session.rounds.approvals.held())
    most_approvals = max(approvals.values(), default=0)
    demand(most_approvals <= MAX_APPROVALS_OF_ONE, "bounds", "approvals of one signer")
    most_blames = MAX_EVIDENCE_OF_ONE * world.setting.peers
    demand(len(session.rounds.proofs.blamed) <= most_blames, "bounds", "blames")
    for round_ in (session.rounds.current, session.rounds.previous):
        attempt = None if round_ is None else round_.attempt
        if attempt is not None:
            early = max(map(len, attempt._early._items.values()), default=0)
            demand(early <= MAX_EARLY_FRAMES, "bounds", "early frames")
            most = MAX_STATEMENTS_PER_SIGNER + 4 * world.setting.peers
            counts = attempt.party.inbox._counts.values()
            demand(max(counts, default=0) <= most, "bounds", "statements of one signer")
    demand(world.waiting <= MAX_QUEUE, "bounds", "a storm of messages")


def check_erased(node: Node) -> None:
    """Of rounds that are certified, a peer that was never interrupted keeps no secret (§6)."""
    if node.session is not None and node.lives == 1:
        stale = [round_ for round_ in node.journal if round_ < node.session.position.round]
        demand(not stale, "erased", f"peer {node.index} keeps the journal of rounds {stale}")
