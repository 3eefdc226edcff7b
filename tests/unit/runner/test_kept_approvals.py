"""What operators approve: read with care, kept while it may count, shown as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.errors import ConfigError, GroupError
from peerd.group.document import render
from peerd.runner.operators.approvals import counting, keep_approval, kept_approvals, shown
from peerd.runner.operators.orders import Desk, Event
from peerd.runner.succession.lineage import Epoch, kept_draft
from peerd.storage import Store
from protocols.record.approval import MAX_WINDOW
from protocols.record.ledger import Ledger
from protocols.record.resolution import Tip
from protocols.session.events import Approval
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
from tests.unit.runner.signers import signer

FIRST, *_ = MEMBERS
DRAFT = successor(group(), keys={FIRST.public: NEW.public})
HANDOVER = Approval(Act.HANDOVER, DRAFT.group_id, 3, 9)


def at_desk(store: Store) -> tuple[Desk, list[Event]]:
    """A desk, and what comes to its driver."""
    heard: list[Event] = []

    async def carry_out(event: Event) -> None:
        heard.append(event)

    desk = Desk(store, group(), lambda: None, signer(store))
    desk.carry_out = carry_out
    return desk, heard


def test_a_handover_is_read_with_its_window(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        desk, heard = at_desk(store)
        asked = desk.order("approve handover", {"draft": render(DRAFT)})
        named = {"draft": DRAFT.group_id.hex(), "first": 3, "last": 9}
        assert asked.arguments == named
        assert kept_draft(store, DRAFT.group_id) is None  # it is read, and not carried out
        trio.run(asked.carry_out)
        assert heard == [HANDOVER]
        assert kept_draft(store, DRAFT.group_id) == DRAFT


@pytest.mark.parametrize(
    ("act", "document", "approval"),
    [
        ("approve pause", {}, Approval(Act.PAUSE)),
        ("approve pause", {"last": 77}, Approval(Act.PAUSE, last=77)),
        ("approve resume", {"last": None}, Approval(Act.RESUME)),
    ],
)
def test_acts_of_the_group_are_read(
    tmp_path: Path, act: str, document: dict[str, object], approval: Approval
) -> None:
    with Store.open(tmp_path) as store:
        desk, heard = at_desk(store)
        trio.run(desk.order(act, document).carry_out)
        assert heard == [approval]


@pytest.mark.parametrize(
    ("act", "document"),
    [
        ("approve handover", {}),
        ("approve handover", {"draft": None}),
        ("approve handover", {"draft": 7}),
        ("approve handover", {"draft": "rubbish"}),
        ("approve handover", {"draft": "{}"}),
        ("approve handover", {"draft": "[" * 100_000}),
        ("approve handover", {"draft": "\ud800"}),
        ("approve pause", {"last": "3"}),
        ("approve pause", {"last": True}),
        ("approve pause", {"last": 9.0}),
        ("approve pause", {"last": -1}),
    ],
)
def test_rubbish_is_no_order(tmp_path: Path, act: str, document: dict[str, object]) -> None:
    with Store.open(tmp_path) as store, pytest.raises((ConfigError, GroupError)):
        at_desk(store)[0].order(act, document)


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
    with Store.open(tmp_path) as store, pytest.raises(GroupError, match=said):
        at_desk(store)[0].order("approve handover", {"draft": render(bad)})


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
