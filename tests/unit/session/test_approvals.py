"""What is kept of operators' approvals, and what is forgotten (docs/protocol.md §6)."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import FOUR, first_model, setting_of
from protocols.errors import WireError
from protocols.record.approval import MAX_WINDOW, check_approval
from protocols.record.effects import Approved, Keep, Send
from protocols.record.ledger import Ledger
from protocols.record.position import Position, first_position
from protocols.session.approvals import MAX_APPROVALS_OF_ONE, Approvals
from protocols.session.events import Approval, Refused
from protocols.session.local import LocalPeer
from protocols.wire.payloads import Act, Approve, Kind
from protocols.wire.schema import MAX_ROUND
from protocols.wire.statement import Slot, Statement, decode_statement, sign

SETTING = setting_of(FOUR, 1)
SECRETS, _ = swarm_secrets(SETTING.crypto, 4, 1)
PEER = LocalPeer(SETTING, 0, SECRETS[0], lambda round_, key: SECRETS[0])
START = first_position(SETTING, first_model(1, 7))
PAUSE = b"p" * 32
RESTED = Position(1, START.model, PAUSE, Ledger(resolved=PAUSE))


def said(
    signer: int,
    about: bytes = START.previous,
    first: int = 0,
    last: int = 9,
    act: Act = Act.PAUSE,
    key: int | None = None,
) -> Statement:
    slot = Slot(first, 0, Kind.APPROVE, 0, 0, signer)
    secret = SECRETS[signer if key is None else key]
    payload = Approve(int(act), about, first, last)
    return sign(SETTING.crypto, secret.reveal(), SETTING.group, slot, payload)


def test_what_is_heard_is_kept_once_and_told_to_whoever_connects() -> None:
    approvals = Approvals(PEER, START)
    assert [type(effect) for effect in approvals.hear(said(1), 0)] == [Keep, Approved]
    assert not list(approvals.hear(said(1), 0))
    (told,) = approvals.greet({0, 2})
    assert isinstance(told, Send) and told.peers == (2,)
    assert not list(approvals.greet({0}))


def test_one_too_many_is_nobody_s_fault_who_passes_it_on() -> None:
    approvals = Approvals(PEER, START)
    for last in range(MAX_APPROVALS_OF_ONE + 4):
        approvals.hear(said(1, last=last), 0)
    assert len(approvals.held()) == MAX_APPROVALS_OF_ONE
    assert list(approvals.hear(said(2), 0))


@pytest.mark.parametrize(
    "bad",
    [
        said(1, key=2),
        said(1, first=3, last=2),
        said(1, last=MAX_WINDOW),
        sign(
            SETTING.crypto,
            SECRETS[1].reveal(),
            SETTING.group,
            Slot(5, 0, Kind.APPROVE, 0, 0, 1),
            Approve(int(Act.PAUSE), PAUSE, 0, 9),
        ),
    ],
    ids=["forged", "no window", "for ever", "in another round's slot"],
)
def test_what_is_no_approval(bad: Statement) -> None:
    with pytest.raises(WireError):
        Approvals(PEER, START).hear(bad, 0)


def test_an_approval_of_a_pause_is_forgotten_with_that_pause() -> None:
    approvals = Approvals(PEER, START)
    kept = said(2, PAUSE), said(3, b"d" * 32, act=Act.HANDOVER)
    for each in (said(1), *kept, said(1, PAUSE, 0, 0)):
        approvals.hear(each, 0)
    approvals.forget_over(START, RESTED)
    assert approvals.held() == kept


def test_so_it_is_after_a_restart() -> None:
    kept = said(2, PAUSE), said(3, b"d" * 32, act=Act.HANDOVER)
    stored = [each.wire for each in (said(1), *kept, said(1, PAUSE, 0, 0))]
    assert Approvals(PEER, RESTED, stored).held() == kept


def test_a_group_goes_on_by_the_word_of_a_quorum_on_this_very_pause() -> None:
    approvals = Approvals(PEER, RESTED)
    for signer, about in ((1, PAUSE), (2, PAUSE), (3, START.previous)):
        approvals.hear(said(signer, about, 1, 1, Act.RESUME), 1)
    assert not approvals.may_go_on(RESTED)
    approvals.order(Approval(Act.RESUME), RESTED)
    assert approvals.may_go_on(RESTED)


def test_an_order_is_given_once_more_and_signed_once() -> None:
    approvals = Approvals(PEER, START)
    first = list(approvals.order(Approval(Act.PAUSE), START))
    later = Position(5, START.model, b"x" * 32, START.ledger)
    again = list(approvals.order(Approval(Act.PAUSE), later))
    assert {type(effect) for effect in first} == {Keep, Approved, Send}
    assert [effect for effect in again if isinstance(effect, Send)] == [
        effect for effect in first if isinstance(effect, Send)
    ]
    assert not any(isinstance(effect, Keep) for effect in again)


def test_a_group_that_rests_is_not_paused_once_more() -> None:
    """It would count for the next pause, which nobody has in mind yet."""
    with pytest.raises(Refused, match="rests already"):
        Approvals(PEER, RESTED).order(Approval(Act.PAUSE), RESTED)


def test_behind_a_handover_nothing_is_approved() -> None:
    over = Position(1, START.model, PAUSE, Ledger(resolved=PAUSE, handed_over=True))
    for act in Act:
        with pytest.raises(Refused, match="successor"):
            Approvals(PEER, over).order(Approval(act, b"d" * 32), over)


@pytest.mark.parametrize("act", [Act.PAUSE, Act.HANDOVER])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (-5, 5),
        (10**30, 10**30),
        (MAX_ROUND - 1, MAX_ROUND + 1),
        (MAX_ROUND + 1, MAX_ROUND + 1),
        (5, 4),
    ],
)
def test_what_no_statement_can_say_is_never_signed(act: Act, first: int, last: int) -> None:
    approvals = Approvals(PEER, START)
    with pytest.raises(Refused, match="no window"):
        approvals.order(Approval(act, b"d" * 32, first, last), START)
    assert approvals.held() == ()


def test_a_window_ends_with_the_last_round_that_has_a_number() -> None:
    approvals = Approvals(PEER, START)
    approvals.order(Approval(Act.PAUSE, b"", MAX_ROUND - 5), START)
    (said,) = approvals.held()
    assert check_approval(PEER.setting, decode_statement(said.wire, PEER.setting.group)) == said
    assert said.payload.last == MAX_ROUND
