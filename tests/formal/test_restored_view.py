"""What the model checker found in the machine itself: a restart must not go back to an old view."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.world import swarm_secrets
from protocols.agreement import rules
from protocols.agreement.locks import Locks
from protocols.agreement.machine import Agreement, Decision
from protocols.record.desk import Desk
from protocols.record.votes import Electorate, outcome_hash
from protocols.wire.frames import ProposalFrame
from protocols.wire.statement import Ballot, Kind, Slot, Statement, Topic, sign
from tests.simulation.swarm import FOUR, setting_of

SETTING = setting_of(FOUR, 1)
SECRETS, _ = swarm_secrets(SETTING.crypto, 4, 1)
LEADERS = (1, 2, 3, 0)
EARLY, LATE = b"the outcome of view 0", b"the outcome of view 1"
Journal = dict[str, bytes]


def life(journal: Journal) -> tuple[Agreement, list[Decision]]:
    """Member 0 of four, with what its journal remembers."""
    decisions: list[Decision] = []
    desk = Desk(SETTING, 0, SECRETS[0], 0, 0, journal, [])
    desk.take_round_keys(dict(enumerate(SETTING.roster)), SECRETS[0])
    electorate = Electorate((0, 1, 2, 3), 3, 1, desk.key_of)
    agreement = Agreement(
        desk,
        Topic.COHORT,
        electorate,
        LEADERS,
        propose=lambda: None,
        judge=lambda outcome, inputs: True,
        decided=decisions.append,
    )
    agreement.begin()
    return agreement, decisions


def said(signer: int, kind: Kind, view: int, outcome: bytes) -> Statement:
    slot = Slot(0, 0, kind, int(Topic.COHORT), view, signer)
    ballot = Ballot(outcome_hash(Topic.COHORT, outcome))
    return sign(SETTING.crypto, SECRETS[signer].reveal(), SETTING.group, slot, ballot)


def propose(agreement: Agreement, view: int, outcome: bytes) -> None:
    statement = said(LEADERS[view], Kind.PROPOSAL, view, outcome)
    agreement.on_proposal(statement, ProposalFrame(statement.wire, outcome, (), ()))


def signed_second(journal: Journal) -> list[int]:
    """The views in which member 0 signed a second vote."""
    prefix = f"slot/0/{int(Kind.SECOND_VOTE)}/{int(Topic.COHORT)}/"
    return sorted(int(key.split("/")[4]) for key in journal if key.startswith(prefix))


def locked_in_view_1_then_restarted() -> tuple[Agreement, Journal]:
    journal: Journal = {}
    agreement, _ = life(journal)
    propose(agreement, 0, EARLY)
    agreement.on_timeout(0)
    propose(agreement, 1, LATE)
    for signer in (2, 3):
        agreement.on_vote(said(signer, Kind.FIRST_VOTE, 1, LATE))
    assert signed_second(journal) == [1]
    again, _ = life(journal)
    propose(again, 0, EARLY)
    for signer in (1, 2, 3):
        again.on_vote(said(signer, Kind.FIRST_VOTE, 0, EARLY))
    return again, journal


def test_a_restarted_member_goes_on_in_the_view_in_which_it_voted() -> None:
    agreement, journal = locked_in_view_1_then_restarted()
    assert agreement.view == 1
    assert signed_second(journal) == [1]


def test_a_member_that_moved_on_without_voting_does_not_go_back_either() -> None:
    journal: Journal = {}
    agreement, _ = life(journal)
    agreement.on_timeout(0)
    agreement.on_timeout(1)
    again, _ = life(journal)
    assert again.view == 2


def test_going_back_would_sign_for_two_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two second votes that can both belong to a quorum: what the rule is there for."""
    monkeypatch.setattr(rules, "restored_view", lambda signed: 0)
    monkeypatch.setattr(Locks, "reached", lambda self, view: view)
    _, journal = locked_in_view_1_then_restarted()
    assert signed_second(journal) == [0, 1]
