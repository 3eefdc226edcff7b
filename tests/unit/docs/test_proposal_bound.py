"""How large a proposal may be (docs/protocol.md §7): the formula, and the worst that liars sign."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.swarm import EIGHT, FOUR, NINE, SEATED, setting_of
from protocols.plan import CommitteePlan, plan_group
from protocols.record.asks import box_bytes
from protocols.record.brief import restore, shorten
from protocols.record.cohort import Panel, decide, gather
from protocols.record.inbox import Inbox
from protocols.record.setting import Setting
from protocols.sizes import largest_brief
from protocols.wire.canonical import pack
from protocols.wire.payloads import (
    Answer,
    Check,
    Delivery,
    Header,
    Kind,
    Payload,
    Report,
    Seen,
    Topic,
)
from protocols.wire.statement import Slot, Statement, sign
from tests.tiers import later

CRYPTO = Pretend()
DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"


def setting_at(peers: int, beta: Fraction, parameters: int) -> Setting:
    plan, liars = plan_group(peers, beta, Fraction(0)), int(beta * peers)
    return setting_of(plan, liars, peers=peers, parameters=parameters)


@cache
def largest() -> Setting:
    return setting_at(500, Fraction(1, 5), 100_000)


def in_the_document(setting: Setting) -> int:
    """The ``bound`` block, line by line."""
    plan, shape = setting.plan, setting.shape
    header, package = shape.header_bytes, shape.package_bytes(plan.committee - 1)
    s = setting.clients or setting.peers
    known = {
        "m": plan.committee,
        "t": plan.threshold,
        "e": plan.absent,
        "s": s,
        "b_s": setting.liars_among(s, setting.peers),
        "e_r": setting.roster_absent,
        "R": min(2 * plan.threshold + plan.absent + 1, plan.committee - 1),
        "P": 4 * 128 + box_bytes(setting.version) - 48 + header + package,
    }
    _, _, rest = DOCUMENT.read_text().partition("```bound\n")
    for line in rest.partition("```")[0].splitlines():
        name, _, expression = line.partition(" = ")
        known[name] = eval(expression, {"max": max}, known)
    return known["LARGEST_BRIEF"]


PLANS = [(FOUR, 1, None), (EIGHT, 2, None), (NINE, 2, None), (SEATED, 1, 24)]


@pytest.mark.parametrize(("plan", "liars", "peers"), PLANS)
def test_the_code_has_the_documents_formula(
    plan: CommitteePlan, liars: int, peers: int | None
) -> None:
    setting = setting_of(plan, liars, peers=peers, parameters=500)
    assert largest_brief(setting) == in_the_document(setting)


def test_the_largest_group_fits() -> None:
    setting = largest()
    assert in_the_document(setting) == largest_brief(setting) <= 16 << 20


class Worst:
    """All that liars can sign, and have honest members sign, without more than t + e askers of a
    dealer. Half of the liars are proven guilty, and half are not.
    """

    def __init__(self, setting: Setting, seed: int) -> None:
        plan = setting.plan
        self.setting = setting
        self.lot = random.Random(seed)
        seats = tuple(range(plan.committee))
        self.panel = Panel(plan, seats, seats, setting.liars)
        self.liars = set(seats[-plan.threshold :])
        self.guilty = set(seats[-(plan.threshold // 2) :]) if plan.threshold > 1 else set()
        self.header = [self.lot.randbytes(32) for _ in seats]

    def say(self, signer: int, kind: Kind, payload: Payload, subject: int = 0) -> Statement:
        slot = Slot(1 << 20, 3, kind, subject, 0, signer)
        return sign(CRYPTO, signer.to_bytes(32, "little"), self.setting.group, slot, payload)

    def report(self, member: int) -> Statement:
        """An honest one differs on the liars' dealings, a liar's on all."""
        words = []
        for dealer in self.panel.selected:
            asks = member in self.liars or dealer in self.liars
            word, data = (Check.ASK, self.lot.randbytes(32)) if asks else (Check.OK, b"")
            if member not in self.liars and dealer in self.liars and self.lot.random() < 0.8:
                word, data = Check.OK, self.lot.randbytes(32)
            words.append((dealer, int(word), data or self.header[dealer]))
        return self.say(member, Kind.REPORT, Report(tuple(words)))

    def statements(self) -> Iterator[Statement]:
        panel, plan = self.panel, self.panel.plan
        reports = [self.report(member) for member in panel.seats]
        yield from reports
        yield from (self.report(member) for member in self.guilty)
        held = [report.hash for report in reports]
        unseen = [self.lot.randbytes(32) for _ in range(plan.threshold)]
        for member in panel.seats[: plan.quorum]:
            named = Seen(tuple(sorted([*held, *unseen])), ())
            yield self.say(member, Kind.SEEN, named, Topic.COHORT)
        for relay in set(panel.seats) - self.guilty:
            asking = [asker for asker in panel.seats if relay in panel.relays(asker)]
            carried = [(dealer, asker) for dealer in panel.selected for asker in asking]
            yield self.say(relay, Kind.ATTESTATION, panel.attestation(relay, carried))
        for dealer in panel.selected:
            for asker in sorted(self.liars)[: panel.most_askers]:
                errand = panel.errand(dealer, asker)
                yield self.say(asker, Kind.ANSWER, Answer(self.header[dealer]), errand)
        for liar in self.guilty:
            yield from (self.delivery(liar, turn) for turn in range(2))

    def delivery(self, dealer: int, turn: int) -> Statement:
        """One of two in a slot."""
        shape = self.setting.shape
        proof = Header(bytes(32), bytes(32), bytes(shape.header_bytes))
        header = self.say(dealer, Kind.HEADER, proof)
        package = bytes(shape.package_bytes(len(self.panel.seats) - 1))
        size = box_bytes(self.setting.version) + len(pack([header.wire, package]))
        errand = self.panel.errand(dealer, 0)
        return self.say(dealer, Kind.DELIVERY, Delivery(bytes([turn]) * 32, bytes(size)), errand)


SETTINGS = {
    "nine": lambda: setting_of(NINE, 2, parameters=500),
    "sixty": lambda: setting_at(60, Fraction(1, 5), 1000),
    "five hundred": largest,
}


@pytest.mark.parametrize("name", ["nine", "sixty", *later(["five hundred"])])
def test_the_worst_that_liars_sign_stays_below(name: str) -> None:
    setting = SETTINGS[name]()
    worst = Worst(setting, 7)
    statements = list(worst.statements())
    findings = gather(worst.panel, statements, worst.guilty)
    inputs = shorten(statements, worst.panel, findings.usual(worst.panel))
    size = sum(len(item) + 5 for item in inputs)
    assert 0.5 * largest_brief(setting) < size <= largest_brief(setting)
    honest = set(worst.panel.seats) - worst.liars
    assert honest <= set(decide(worst.panel, findings).peers), "and shuts out no honest dealer"
    place = statements[0].slot.place
    restored = restore(Inbox(setting, place), worst.panel, inputs)
    assert {said.wire for said in restored} == {said.wire for said in statements}
