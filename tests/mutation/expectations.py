"""What no run shows by itself: forgeries that verification must refuse, made from real rounds.

Material comes from a sound run, once a seed: every attack is first run against sound code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.oracle import demand
from peerd.laboratory.simulation.world import World
from protocols.errors import ProtocolError
from protocols.field import P16
from protocols.hashing import digest
from protocols.opening import (
    Undecodable,
    encode_polynomials,
    open_sum,
    polynomial_bytes,
    polynomial_path,
    polynomial_root,
    verify_polynomial,
)
from protocols.ports import Forgetful
from protocols.proof import BIT, DealingShape, Verdict, check, deal, one_segment
from protocols.record.certificate import Certificate, verify_certificate
from protocols.record.cohort import Findings, Panel, decide
from protocols.record.door import read_statement
from protocols.record.effects import Ask, Record
from protocols.record.elected import ElectionCertificate, elected, panel_of
from protocols.record.election import Election
from protocols.record.evidence import Evidence, Fault, judge_bytes
from protocols.record.position import first_position
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.session.local import LocalPeer
from protocols.session.session import Session
from protocols.wire.canonical import pack
from protocols.wire.payloads import Ballot, Check, Commit, Kind, Report, Reveal
from protocols.wire.statement import Slot, Statement, sign
from tests.mutation.liars import Sparer
from tests.simulation.swarm import EIGHT, FOUR, setting_of, swarm


@cache
def rounds(seed: int) -> World:
    """Two certified rounds of eight."""
    world = swarm(EIGHT, 2, rounds=2, seed=seed, parameters=3, traced=False)
    world.run()
    return world


def setting_in(world: World) -> Setting:
    """Its own, without what was verified before: a planted bug must be met."""
    return replace(world.setting, memory=Forgetful())


def election_leader(round_: int, seed: int) -> int:
    """Who leads view 0 of an election of eight where nobody is excluded."""
    roster = setting_of(EIGHT, 2, seed=seed).roster
    place = round_.to_bytes(8, "little"), bytes(8)
    return min(range(8), key=lambda peer: digest("peerd/leader", *place, roster[peer]))


def refused(what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except ProtocolError:
        return
    demand(False, "accepted", what)


def certificates(seed: int) -> None:
    """Fewer signers, one twice, one without a seat, and a quorum of the roster that is none."""
    world = rounds(seed)
    setting = setting_in(world)
    record = world.nodes[0].completed[1].certificate
    certificate = Certificate.decode(record)
    verify_certificate(setting, record)
    results = certificate.results
    needed = setting.plan.quorum
    votes = certificate.election.votes
    short = replace(certificate.election, votes=votes[: setting.roster_quorum - 1])
    twice = replace(certificate.election, votes=(*short.votes, short.votes[-1]))
    other = replace(certificate.election, votes=Certificate.decode(_first(world)).election.votes)
    forged: dict[str, Certificate] = {
        "too few signatures": replace(certificate, results=results[: needed - 1]),
        "a signer twice": replace(certificate, results=(*results[: needed - 1], results[0])),
        "too few votes for its election": replace(certificate, election=short),
        "a voter twice": replace(certificate, election=twice),
        "votes of another round's election": replace(certificate, election=other),
    }
    for what, forgery in forged.items():
        data = forgery.encode()
        refused(what, lambda data=data: verify_certificate(setting, data))  # type: ignore[misc]


def _first(world: World) -> bytes:
    return world.nodes[0].completed[0].certificate


def seats(seed: int) -> None:
    """An outsider with a round key (it is elected, and has no seat) signs no result."""
    from protocols.record import elected as module

    world = rounds(seed)
    setting = setting_in(world)
    certificate = Certificate.decode(world.nodes[0].completed[1].certificate)
    sound = module.seats_of
    signer = read_statement(setting, certificate.results[0]).signer
    needed = setting.plan.quorum
    data = replace(certificate, results=certificate.results[:needed]).encode()
    # The committee is drawn without it, as in a roster larger than its committee.
    module.seats_of = lambda setting, election, place: tuple(  # type: ignore[assignment]
        peer for peer in sound(setting, election, place) if peer != signer
    )
    try:
        refused("a result by a peer without a seat", lambda: verify_certificate(setting, data))
    finally:
        module.seats_of = sound


@cache
def rounds_elsewhere(seed: int) -> World:
    """The same group with another history."""
    world = swarm(EIGHT, 2, rounds=2, seed=seed, parameters=3, traced=False)
    update = world.update
    world.update = lambda peer, round_, model: update(peer, round_ + 2, model)
    world.run()
    return world


def chains(seed: int) -> None:
    """Catching up: no gap, no other history, no other model."""
    done = [rounds(seed).nodes[1].completed[round_] for round_ in (0, 1)]
    strange = rounds_elsewhere(seed).nodes[1].completed[1]
    first, second = (record.certificate for record in done)
    demand(_led(seed, [first, second], done[1].model) == 2, "refused", "the group's own rounds")
    for what, offered, model in (
        ("a chain with a gap", [second, second], done[1].model),
        ("a certificate that follows another", [first, strange.certificate], strange.model),
        ("a model that is not certified", [first, second], done[1].model + np.float32(1)),
    ):
        demand(_led(seed, offered, model) == 0, "accepted", what)


def _led(seed: int, certificates: list[bytes], model: npt.NDArray[np.float32]) -> int:
    """Where a peer ahead of round 0 gets to that is shown these, and the last one's model."""
    world = rounds(seed)
    position = first_position(world.setting, world.model)
    secret = world.nodes[1].secret
    peer = LocalPeer(setting_in(world), 1, secret, lambda r, k: Secret(bytes(32)))
    session, last = Session(peer, position, rounds=2), len(certificates) - 1
    asked = [*chain.from_iterable(session.start({0, 1}))]
    for effect in asked:  # the answers go on asking
        match effect:
            case Ask(_, Record.HEAD):
                said = pack(last)
            case Ask(_, Record.CERTIFICATE, round_):
                said = certificates[round_]
            case Ask(_, Record.MODEL, round_):
                said = model.astype("<f4").tobytes() if round_ == last else b""
            case _:
                continue
        asked += chain.from_iterable(session.on_answer(effect, said))
    return session.position.round


@dataclass
class Signed:
    """Statements by one key, to relabel."""

    secret: bytes
    slot: Slot


def binding(seed: int) -> None:
    """A signature holds for its group, round, attempt, kind, subject, view, signer and payload."""
    setting = setting_of(FOUR, 1, seed=seed, parameters=1)
    secret = digest("lab/secret", bytes([seed]))
    public = setting.crypto.signing_public(secret)
    payload = Ballot(digest("lab/outcome"))
    slot = Slot(3, 1, Kind.FIRST_VOTE, 2, 1, 1)
    said = sign(setting.crypto, secret, setting.group, slot, payload)
    demand(said.signed_by(setting.crypto, public), "binding", "a signature does not verify")
    others: list[tuple[str, bytes, Slot, Ballot]] = [
        ("group", b"h" * 32, slot, payload),
        ("round", setting.group, slot._replace(round=4), payload),
        ("attempt", setting.group, slot._replace(attempt=2), payload),
        ("kind", setting.group, slot._replace(kind=Kind.SECOND_VOTE), payload),
        ("subject", setting.group, slot._replace(subject=1), payload),
        ("view", setting.group, slot._replace(view=2), payload),
        ("signer", setting.group, slot._replace(signer=2), payload),
        ("payload", setting.group, slot, Ballot(digest("lab/other"))),
    ]
    for what, group_, place, content in others:
        other = sign(setting.crypto, secret, group_, place, content)
        moved = replace(other, signature=said.signature)
        holds = moved.signed_by(setting.crypto, public)
        demand(not holds, "binding", f"a signature that holds for another {what}")


def contexts(seed: int) -> None:
    """A dealing holds in its own context, and in no other; a commitment for its own peer."""
    setting = setting_of(FOUR, 1, seed=seed, parameters=3)
    election, base = digest("lab/election"), digest("lab/base")
    mine = (1, 0, election, base, 2)
    context = setting.dealing_context(*mine)
    values = np.array([1, 0, 1], np.uint32)
    dealing = deal(setting.shape, values, digest("lab/s", bytes([seed])), context)
    others = [
        (2, 0, election, base, 2),
        (1, 1, election, base, 2),
        (1, 0, base, base, 2),
        (1, 0, election, election, 2),
        (1, 0, election, base, 3),
    ]
    for place in (mine, *others):
        verdict = check(
            setting.shape,
            3,
            setting.dealing_context(*place),
            dealing.root,
            dealing.proof,
            dealing.packages[3],
        )
        expected = Verdict.VALID if place == mine else Verdict.INVALID
        demand(verdict is expected, "context", f"{place}: {verdict}")
    nonce = digest("lab/nonce")
    places = [(1, 0, 2), (2, 0, 2), (1, 1, 2), (1, 0, 3)]
    made = {setting.commitment(*place, nonce) for place in places}
    demand(len(made) == len(places), "context", "one commitment for two places")


def openings(seed: int) -> None:
    """t + 1 liars who know the honest words can't complete them to a sum of their own: with two
    honest ones they are five, and six must agree.
    """
    setting = setting_of(EIGHT, 2, seed=seed, parameters=3)
    shape, plan = setting.shape, setting.plan
    rng = np.random.default_rng(seed)
    terms, p = plan.degree + 1, shape.field.p
    points = shape.sharing.seat_powers[:terms]
    honest = rng.integers(0, p, (shape.polynomials, terms)).astype(np.uint64)
    words = shape.field.matmul(honest, points)
    lie = rng.integers(1, p, (shape.polynomials, 1)).astype(np.uint64)
    roots = shape.sharing.seats[:2].astype(object)
    vanishing = [(roots[0] * roots[1]) % p, (-(roots[0] + roots[1])) % p, 1]
    bent = (honest + lie * np.array([int(c) for c in vanishing], np.uint64)) % p
    wrong = shape.field.matmul(bent, points)
    for used in range(5, 9):
        liars = (2, 3, 4)
        offered = {s: (wrong if s in liars else words)[:, s].astype(np.uint16) for s in range(used)}
        try:
            opened = open_sum(shape, offered, bytes(32))
        except Undecodable:
            continue
        right = bool((opened.polynomials == honest).all())
        demand(right, "opening", f"{used} words, three of them wrong, opened a wrong sum")
    offered = {s: words[:, s].astype(np.uint16) for s in range(plan.committee)}
    offered[6] = wrong[:, 6].astype(np.uint16)
    opened = open_sum(shape, offered, bytes(32))
    same = bool((opened.polynomials == honest).all()) and [s for s, _ in opened.liars] == [6]
    demand(same, "opening", "one wrong word of eight is not found")


def cohort(seed: int) -> None:
    """A dealing stands with m - t - e OKs and no fewer, and with an ask t + 1 relays attest."""
    panel = Panel(FOUR, (0, 1, 2, 3), (0, 1, 2, 3), 1)
    header = digest("lab/header", bytes([seed]))

    def findings(oks: int, *, attested: int | None = None) -> Findings:
        found = Findings()
        for member in range(oks + (attested is not None)):
            ask = member == oks
            words = tuple(
                (dealer, int(Check.ASK if ask else Check.OK), header) for dealer in range(4)
            )
            slot = Slot(0, 0, Kind.REPORT, 0, 0, member)
            name = digest("lab/report", bytes([member]))
            found.reports[member] = Statement(slot, Report(words), b"", b"", b"", name)
            for dealer in range(4):
                for relay in panel.relays(member)[: attested or 0]:
                    found.attestations.setdefault((dealer, member), set()).add(relay)
        everything = frozenset(report.hash for report in found.reports.values())
        found.seen = dict.fromkeys(range(4), everything)
        found.settle(panel)
        return found

    for oks, attested, stands in ((3, None, True), (2, None, False), (3, 2, True), (3, 1, False)):
        decided = decide(panel, findings(oks, attested=attested)).dealers
        what = f"{oks} OKs, an ask attested by {attested}: {len(decided)} dealers"
        demand(bool(decided) is stands, "cohort", what)


def panels(seed: int) -> None:
    """Of four peers one was convicted earlier, or is in this flip: another may lie by now."""
    setting = setting_of(FOUR, 1, seed=seed)
    seats = tuple(
        (peer, bytes([peer]) * 32, digest("lab/nonce", bytes([seed]))) for peer in range(4)
    )
    for election in (Election(seats[:3], (), (), ()), Election(seats, (), ((3, bytes(32)),), ())):
        certificate = ElectionCertificate(0, 0, election.encode(), ())
        panel = panel_of(setting, elected(setting, certificate))
        size = len(panel.selected), panel.smallest_cohort
        demand(size == (3, 3), "cohort-size", f"of {size[0]} dealers {size[1]} make a cohort")


def spared(seed: int) -> None:
    """A leader leaves out proof against its accomplice, and another convicts it in that flip."""
    leader = election_leader(1, seed)
    accomplice = (leader + 1) % 8
    lies = {leader: Lie(Sparer), accomplice: ALL["HighDegree"]}
    world = swarm(EIGHT, 2, rounds=2, seed=seed, parameters=3, lies=lies, traced=False)
    world.run(until=600_000)
    for node in world.nodes:
        if node.honest:
            certified = verify_certificate(world.setting, node.completed[1].certificate)
            named = {peer for peer, _ in certified.election.guilty}
            demand(named == {accomplice}, "blame", f"{named} are named, not {accomplice}")


def worthless(seed: int) -> None:
    """Evidence about the honest, true in all of its parts but the one that would convict."""
    world = rounds(seed)
    certificate = Certificate.decode(world.nodes[0].completed[1].certificate)
    record = certificate.encode()
    setting = setting_in(world)
    nonce = digest("lab/nonce")
    commitment = setting.commitment(1, 0, 2, nonce)
    commit, reveal = (
        sign(
            setting.crypto,
            world.nodes[2].secret.reveal(),
            setting.group,
            Slot(1, 0, kind, 0, 0, 2),
            payload,
        )
        for kind, payload in (
            (Kind.COMMIT, Commit(commitment, bytes(32))),
            (Kind.REVEAL, Reveal(nonce)),
        )
    )
    result = read_statement(setting, certificate.results[0])
    rest: tuple[bytes, ...]
    for fault, statements, rest in (
        (Fault.EQUIVOCATION, (commit, commit), ()),
        (Fault.EQUIVOCATION, (commit, reveal), ()),
        (Fault.WRONG_REVEAL, (commit, reveal), ()),
        (Fault.WRONG_RESULT, (result,), (record,)),
    ):
        data = Evidence(fault, certificate.election, statements, rest).encode()
        refused(f"{fault.name} of an honest peer", lambda data=data: judge_bytes(setting, data))  # type: ignore[misc]


def leaves(seed: int) -> None:
    """A certified polynomial shown in the place of its neighbour under the same leaf: an honest
    word would be wrong beside it.
    """
    shape = DealingShape(EIGHT, P16, one_segment(5000, BIT))
    random = np.random.default_rng(seed)
    rows = random.integers(0, shape.field.p, (5000, EIGHT.degree + 1)).astype(np.uint64)
    encoded, size = encode_polynomials(shape, rows), polynomial_bytes(shape)
    root = polynomial_root(shape, encoded)
    for index in random.integers(0, 5000, 20).tolist():
        path = polynomial_path(shape, encoded, index)
        for other in (index, index ^ 1):
            shown = encoded[other * size : (other + 1) * size]
            proven = verify_polynomial(shape, root, index, shown, path)
            demand(proven == (other == index), "framed", f"polynomial {other} in place {index}")
