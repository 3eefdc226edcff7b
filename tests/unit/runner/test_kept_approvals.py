"""What operators approve: left for the daemon once, kept while it may count, shown as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from peerd.errors import ConfigError, GroupError
from peerd.group.document import render
from peerd.runner.operators.approvals import (
    FILE,
    counting,
    give,
    keep_approval,
    kept_approvals,
    shown,
    take,
)
from peerd.runner.operators.orders import Orders
from peerd.runner.operators.orders import give as give_order
from peerd.runner.succession.lineage import Epoch, kept_draft
from peerd.storage import Store
from protocols.record.approval import MAX_WINDOW
from protocols.record.ledger import Ledger
from protocols.record.resolution import Tip
from protocols.session.events import Approval, Order
from protocols.wire.payloads import Act, Approve, Kind
from protocols.wire.statement import Slot, sign
from tests.unit.group.successions import (
    MEMBERS,
    NEW,
    changes,
    draft,
    group,
    signed,
    successor,
)

FIRST, *_ = MEMBERS
DRAFT = successor(group(), keys={FIRST.public: NEW.public})
HANDOVER = Approval(Act.HANDOVER, DRAFT.group_id, 3, 9)


@pytest.mark.parametrize(
    ("approval", "goes_with"),
    [
        (HANDOVER, DRAFT),
        (Approval(Act.PAUSE), None),
        (Approval(Act.PAUSE, last=77), None),
        (Approval(Act.RESUME), None),
    ],
    ids=["handover", "pause", "pause within", "resume"],
)
def test_an_order_is_taken_once(tmp_path: Path, approval: Approval, goes_with: Any) -> None:
    assert take(tmp_path) is None
    give(tmp_path, approval, goes_with)
    assert take(tmp_path) == (approval, goes_with)
    assert take(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


GOOD = {"act": "handover", "first": 3, "last": 9, "draft": render(DRAFT)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\x00" * 99,
        "null",
        '"handover"',
        json.dumps(GOOD | {"act": "destroy"}),
        json.dumps(GOOD | {"act": 3}),
        json.dumps(GOOD | {"act": None}),
        json.dumps(GOOD | {"first": "3"}),
        json.dumps(GOOD | {"first": True}),
        json.dumps(GOOD | {"last": 9.0}),
        json.dumps(GOOD | {"draft": None}),
        json.dumps(GOOD | {"draft": 7}),
        json.dumps(GOOD | {"draft": "rubbish"}),
        json.dumps(GOOD | {"draft": "{}"}),
        json.dumps(GOOD | {"act": "pause"}),
        "[" * 100_000,
    ],
)
def test_rubbish_is_no_order_and_is_gone(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises((ConfigError, GroupError)):
        take(tmp_path)
    assert take(tmp_path) is None


def test_a_draft_is_kept_ahead_of_its_approval(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        orders = Orders(store, group())
        give(tmp_path, HANDOVER, DRAFT)
        assert orders.take() == HANDOVER
        assert kept_draft(store, DRAFT.group_id) == DRAFT
        assert orders.take() is None


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (draft(group(), changes()), "have not signed"),
        (signed(draft(group(), changes(keys={FIRST.public: NEW.public})), [NEW]), "have not sign"),
        (successor(group(name="autumn")), "follows the group"),
        (group(), "is no draft of a successor"),
    ],
    ids=["unsigned", "without the old key", "of another group", "no draft"],
)
def test_a_draft_that_this_peer_can_not_follow_is_refused(
    tmp_path: Path, bad: Any, said: str
) -> None:
    with Store.open(tmp_path) as store:
        give(tmp_path, Approval(Act.HANDOVER, bad.group_id, 3, 9), bad)
        with pytest.raises(GroupError, match=said):
            Orders(store, group()).take()
        assert kept_draft(store, bad.group_id) is None


def test_two_kinds_of_orders_are_taken_one_after_the_other(tmp_path: Path) -> None:
    order = Order(3, 1, bytes(range(32)))
    with Store.open(tmp_path) as store:
        give(tmp_path, Approval(Act.PAUSE), None)
        give_order(tmp_path, order)
        orders = Orders(store, group())
        assert [orders.take(), orders.take(), orders.take()] == [
            order,
            Approval(Act.PAUSE),
            None,
        ]


# -- kept --------------------------------------------------------------------------------------

SETTING = Epoch(0, group()).setting()


def said(
    act: Act, about: bytes, first: int, last: int, signer: int = 0, of: Any = SETTING
) -> bytes:
    identity = next(one for one in MEMBERS if one.public == of.roster[signer])
    slot = Slot(first, 0, Kind.APPROVE, 0, 0, signer)
    approval = Approve(int(act), about, first, last)
    return sign(of.crypto, identity.secret.reveal(), of.group, slot, approval).wire


def test_what_may_count_is_kept_and_the_rest_goes(tmp_path: Path) -> None:
    early = said(Act.PAUSE, bytes(32), 0, 4)
    late = said(Act.HANDOVER, DRAFT.group_id, 3, 9, 1)
    with Store.open(tmp_path) as store:
        for each in (early, late, late):
            keep_approval(store, SETTING.group, each, 2)
        assert list(kept_approvals(store, SETTING.group)) == [early, late]
        newest = said(Act.PAUSE, bytes(32), 5, 5 + MAX_WINDOW - 1, 2)
        keep_approval(store, SETTING.group, newest, 5)
        assert list(kept_approvals(store, SETTING.group)) == [late, newest]
    with Store.open(tmp_path) as store:
        assert list(kept_approvals(store, SETTING.group)) == [late, newest]


def test_a_successor_begins_with_none_of_them(tmp_path: Path) -> None:
    """They were of another group, and its statements are nothing in this one."""
    later = Epoch(0, successor(group())).setting()
    with Store.open(tmp_path) as store:
        keep_approval(store, SETTING.group, said(Act.PAUSE, bytes(32), 0, 99), 2)
        assert kept_approvals(store, later.group) == []
        mine = said(Act.PAUSE, bytes(32), 0, 99, of=later)
        keep_approval(store, later.group, mine, 2)
        assert list(kept_approvals(store, later.group)) == [mine]


def test_what_is_shown_can_still_count() -> None:
    since, previous = b"s" * 32, b"p" * 32
    tip = Tip(5, previous, bytes(32), Ledger(), since)
    counts = [
        said(Act.PAUSE, since, 2, 5, 0),
        said(Act.RESUME, previous, 4, 4, 1),
        said(Act.HANDOVER, DRAFT.group_id, 6, 9, 2),
    ]
    over = [
        said(Act.PAUSE, bytes(32), 2, 9, 0),
        said(Act.PAUSE, since, 2, 4, 0),
        said(Act.RESUME, since, 5, 5, 1),
        said(Act.HANDOVER, DRAFT.group_id, 2, 4, 2),
    ]
    found = [shown(each) for each in counting([*over, *counts], SETTING.group, tip)]
    assert [(each["act"], each["first"], each["last"]) for each in found] == [
        ("pause", 2, 5),
        ("resume", 4, 4),
        ("handover", 6, 9),
    ]
    assert found[2]["about"] == DRAFT.group_id.hex()
