"""What the model checker found in the machine itself: a restart must not go back to an old view."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.seeded import swarm_secrets
from protocols.agreement import rules
from protocols.agreement.locks import Locks
from protocols.agreement.machine import Agreement
from protocols.agreement.terms import Terms
from protocols.record.effects import NOTHING, Step
from protocols.record.elected import key_lookup
from protocols.record.journal import Journal
from protocols.record.party import Party
from protocols.record.timers import ViewOver
from protocols.record.votes import Electorate, outcome_hash
from protocols.wire.frames import ProposalFrame
from protocols.wire.payloads import Ballot, Kind, Topic
from protocols.wire.statement import Slot, Statement, sign
from tests.simulation.swarm import FOUR, setting_of

SETTING = setting_of(FOUR, 1)
SECRETS, _ = swarm_secrets(SETTING.crypto, 4, 1)
LEADERS = (1, 2, 3, 0)
EARLY, LATE = b"the outcome of view 0", b"the outcome of view 1"
Disk = dict[str, bytes]


class NoOpinion:
    """Proposes nothing, and takes whatever is proposed."""

    def propose(self) -> None:
        return None

    def judge(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bool, Step]:
        return True, NOTHING


class Life:
    """Member 0 of four, with what its disk remembers."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        party = Party(SETTING, 0, SECRETS[0], 0, Journal(0, disk))
        keys = dict(enumerate(SETTING.roster))
        party.take_round_keys(keys, SECRETS[0])
        electorate = Electorate((0, 1, 2, 3), 3, 1, key_lookup(SETTING, keys))
        self.agreement = Agreement(party, Terms(Topic.COHORT, electorate, LEADERS, NoOpinion()))
        self.take(self.agreement.begin())

    def take(self, step: Step) -> None:
        self.disk |= {effect.key: effect.value for effect in step.persist}

    def time_out(self, view: int) -> None:
        self.take(self.agreement.on_timer(ViewOver(int(Topic.COHORT), view)))

    def vote(self, statement: Statement) -> None:
        self.take(self.agreement.on_vote(statement))

    def propose(self, view: int, outcome: bytes) -> None:
        statement = said(LEADERS[view], Kind.PROPOSAL, view, outcome)
        frame = ProposalFrame(statement.wire, outcome, (), ())
        self.take(self.agreement.on_proposal(statement, frame))


def said(signer: int, kind: Kind, view: int, outcome: bytes) -> Statement:
    slot = Slot(0, 0, kind, int(Topic.COHORT), view, signer)
    ballot = Ballot(outcome_hash(Topic.COHORT, outcome))
    return sign(SETTING.crypto, SECRETS[signer].reveal(), SETTING.group, slot, ballot)


def signed_second(disk: Disk) -> list[int]:
    """The views in which member 0 signed a second vote."""
    prefix = f"slot/0/{int(Kind.SECOND_VOTE)}/{int(Topic.COHORT)}/"
    return sorted(int(key.split("/")[4]) for key in disk if key.startswith(prefix))


def locked_in_view_1_then_restarted() -> tuple[Agreement, Disk]:
    disk: Disk = {}
    life = Life(disk)
    life.propose(0, EARLY)
    life.time_out(0)
    life.propose(1, LATE)
    for signer in (2, 3):
        life.vote(said(signer, Kind.FIRST_VOTE, 1, LATE))
    assert signed_second(disk) == [1]
    again = Life(disk)
    again.propose(0, EARLY)
    for signer in (1, 2, 3):
        again.vote(said(signer, Kind.FIRST_VOTE, 0, EARLY))
    return again.agreement, disk


def test_a_restarted_member_goes_on_in_the_view_in_which_it_voted() -> None:
    agreement, disk = locked_in_view_1_then_restarted()
    assert agreement.view == 1
    assert signed_second(disk) == [1]


def test_a_member_that_moved_on_without_voting_does_not_go_back_either() -> None:
    disk: Disk = {}
    life = Life(disk)
    life.time_out(0)
    life.time_out(1)
    assert Life(disk).agreement.view == 2


def test_going_back_would_sign_for_two_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two second votes that can both belong to a quorum: what the rule is there for."""
    monkeypatch.setattr(rules, "restored_view", lambda signed: 0)
    monkeypatch.setattr(Locks, "reached", lambda self, view: view)
    _, disk = locked_in_view_1_then_restarted()
    assert signed_second(disk) == [0, 1]
