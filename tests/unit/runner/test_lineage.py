"""The groups that a data directory has been in, and whose handovers are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.errors import CorruptError, GroupError, StorageError
from peerd.group import Genesis
from peerd.runner.succession.lineage import (
    Epoch,
    advanced,
    epoch_of,
    handed_over,
    heir,
    keep_draft,
    kept_draft,
    lineage,
    named,
    read_beginning,
    read_draft,
    remember,
    told_beginning,
)
from peerd.storage import Store
from protocols.record.certificate import origin_of
from protocols.record.ledger import Ledger, Lockout
from protocols.wire.canonical import pack
from tests.unit.group.successions import (
    MEMBERS,
    MODEL,
    NEW,
    OTHER_NEW,
    changes,
    draft,
    group,
    handover,
    identities,
    named_group,
    signed,
    successor,
)

FIRST, SECOND, *_, FIFTH = MEMBERS
LAST = 5
"""The round in which the group hands over, here."""


def follow(old: Epoch, to: Genesis, round_: int = LAST) -> Epoch:
    return handed_over(old.genesis, handover(old, to, round_), to)


def put(store: Store, old: Epoch, to: Genesis, round_: int = LAST) -> Epoch:
    """The handover's certificate and model, as the group left them."""
    store.put_model(round_, MODEL)
    store.put_certificate(round_, handover(old, to, round_))
    return follow(old, to, round_)


def ids(epochs: list[Epoch]) -> list[bytes]:
    return [each.genesis.group_id for each in epochs]


# -- one handover ------------------------------------------------------------------------------


def test_a_successor_goes_on_behind_the_handover() -> None:
    old = Epoch(0, group())
    to = successor(old.genesis)
    epoch = follow(old, to)
    setting = epoch.setting()
    assert epoch.first == origin_of(setting).round == LAST + 1
    assert setting.first_model == old.genesis.first_model
    assert setting.group == to.group_id
    assert setting.origin is not None and setting.origin.previous not in (b"", setting.group)


def test_convictions_and_lockouts_go_along_by_key() -> None:
    old = Epoch(0, group())
    roster = old.genesis.roster
    guilty, away, gone = roster[0], roster[1], roster[2]
    to = successor(old.genesis, keys={guilty: NEW.public}, leaving=frozenset({gone}), last=LAST + 4)
    ledger = Ledger(frozenset({0, 2}), {1: Lockout(LAST + 3, 4), 2: Lockout(LAST + 3, 4)})
    certificate = handover(old, to, LAST, ledger=ledger)
    found = origin_of(handed_over(old.genesis, certificate, to).setting()).ledger
    assert found.guilty == {to.index(NEW.public)}
    assert found.lockouts == {to.index(away): Lockout(LAST + 3, 4)}


def test_what_is_no_handover_to_it_begins_nothing() -> None:
    old = Epoch(0, group())
    to = successor(old.genesis)
    other = successor(old.genesis, leaving=frozenset({FIFTH.public}))
    liar = identities(115, 116)[0]
    for certificate, said in (
        (handover(old, other, LAST), "to another group"),
        (handover(old, None, LAST), "to another group"),
        (handover(old, to, 2), "outside of the rounds"),
        (handover(old, to, 10), "outside of the rounds"),
        (handover(old, to, LAST, voters=MEMBERS[:3]), "make a quorum"),
        (handover(Epoch(0, group(name="autumn")), to, LAST), "no handover of 'spring'"),
        (b"rubbish", "no handover"),
        (b"", "no handover"),
    ):
        with pytest.raises(GroupError, match=said):
            handed_over(old.genesis, certificate, to)
    with pytest.raises(ValueError, match="not in"):
        handover(old, to, LAST, voters=[liar])


def test_votes_of_the_new_roster_hand_nothing_over() -> None:
    """Keys that were rotated in, and newcomers, have no vote in the group before."""
    old = Epoch(0, group())
    mine = identities(102, 107)
    to = draft(
        old.genesis,
        changes(
            leaving=frozenset(one.public for one in MEMBERS[:4]),
            joining={one.public: None for one in mine},
        ),
    )
    forged = Epoch(0, signed(to))
    with pytest.raises(GroupError, match="no handover"):
        handed_over(old.genesis, handover(forged, to, LAST), to)


# -- a directory -------------------------------------------------------------------------------


def test_a_new_directory_is_of_the_group_that_the_file_names(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert ids(lineage(store, group())) == [group().group_id]
        assert lineage(store, successor(group()))[0].awaits_handover
        assert not lineage(store, group())[0].awaits_handover


def test_it_is_read_back_whichever_of_them_the_file_names(tmp_path: Path) -> None:
    first = Epoch(0, group())
    with Store.open(tmp_path) as store:
        second = put(store, first, successor(first.genesis))
        third = put(store, second, successor(second.genesis, 8, 12), 9)
        remember(store, [first, second, third])
        ahead = successor(third.genesis, 20, 30)
        for configured in (first.genesis, second.genesis, third.genesis, ahead):
            found = lineage(store, configured)
            assert ids(found) == ids([first, second, third])
            assert [each.first for each in found] == [0, LAST + 1, 10]
            assert found[-1].beginning == third.beginning
        assert [epoch_of(found, round_) for round_ in (0, LAST, LAST + 1, 9, 10, 99)] == [
            found[0],
            found[0],
            found[1],
            found[1],
            found[2],
            found[2],
        ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("another", "of another group or another key"),
        ("beside", "went on as .*, and not as .*, which 'genesis' names"),
        ("far ahead", "of another group than .*, which the one that 'genesis' names goes on from"),
    ],
)
def test_a_foreign_directory_is_refused_and_says_how(tmp_path: Path, name: str, said: str) -> None:
    first = Epoch(0, group())
    with Store.open(tmp_path) as store:
        second = put(store, first, successor(first.genesis))
        remember(store, [first, second])
        configured = {
            "another": group(name="autumn"),
            "beside": successor(first.genesis, leaving=frozenset({FIFTH.public})),
            "far ahead": successor(successor(second.genesis, 20, 30), 40, 50),
        }[name]
        with pytest.raises(StorageError, match=said):
            lineage(store, configured)
        assert ids(lineage(store, first.genesis)) == ids([first, second])


def test_a_directory_that_lost_a_handover_says_which(tmp_path: Path) -> None:
    first = Epoch(0, group())
    with Store.open(tmp_path) as store:
        remember(store, [first, follow(first, successor(first.genesis))])
        with pytest.raises(CorruptError, match=f"the handover of round {LAST} is missing"):
            lineage(store, first.genesis)


# -- a crash between certificate and lineage ---------------------------------------------------


def test_a_start_after_a_crash_goes_over_by_itself(tmp_path: Path) -> None:
    first = Epoch(0, group())
    to = successor(first.genesis)
    with Store.open(tmp_path) as store:
        assert advanced(store, [first]) == [first]
        second = put(store, first, to)
        assert advanced(store, [first]) == [first], "its genesis is not here"
        keep_draft(store, to)
        assert advanced(store, [first]) == [first, second]
        assert advanced(store, [first, second]) == [first, second]


def test_a_pause_leads_nowhere(tmp_path: Path) -> None:
    first = Epoch(0, group())
    with Store.open(tmp_path) as store:
        store.put_certificate(LAST, handover(first, None, LAST))
        assert advanced(store, [first]) == [first]


# -- drafts, and what a newcomer is given ------------------------------------------------------


def test_a_draft_is_believed_by_its_name_and_with_all_signatures(tmp_path: Path) -> None:
    whole = successor(group(), keys={FIRST.public: NEW.public})
    lacking = draft(group(), changes(keys={FIRST.public: NEW.public}))
    assert read_draft(whole.encode(), whole.group_id) == whole
    assert read_draft(whole.encode(), group().group_id) is None
    assert read_draft(lacking.encode(), lacking.group_id) is None
    assert read_draft(signed(lacking, [NEW, *MEMBERS[1:]]).encode(), lacking.group_id) is None
    assert read_draft(b"", whole.group_id) is None
    with Store.open(tmp_path) as store:
        assert kept_draft(store, whole.group_id) is None
        keep_draft(store, whole)
        assert kept_draft(store, whole.group_id) == whole


def test_a_newcomer_believes_the_old_members_votes_and_nothing_else(tmp_path: Path) -> None:
    first = Epoch(0, group())
    to = successor(first.genesis, joining={OTHER_NEW.public: None})
    with Store.open(tmp_path) as store:
        assert told_beginning(store, [first]) == b""
        second = put(store, first, to)
        told = told_beginning(store, [first, second])
        third = put(store, second, successor(to, 8, 12), 9)
        later = told_beginning(store, [first, second, third])
    found = read_beginning(told, to)
    assert found is not None
    assert ids(list(found[:2])) == ids([first, second])
    assert read_beginning(later, to) is None, "of a later handover"
    assert read_beginning(told, successor(first.genesis)) is None, "of another draft"
    for rubbish in (b"", b"\x90", told[:-1], told + b"\x00"):
        assert read_beginning(rubbish, to) is None
    few = Epoch(0, first.genesis)
    forged = [few.genesis.encode(), handover(few, to, LAST, voters=MEMBERS[:3])]
    assert read_beginning(pack(forged), to) is None


# -- keys over the years -----------------------------------------------------------------------


def test_a_key_has_an_heir() -> None:
    first = Epoch(0, named_group())
    second = follow(first, successor(first.genesis, keys={FIRST.public: NEW.public}, joining={}))
    third = follow(
        second,
        successor(
            second.genesis,
            8,
            12,
            keys={NEW.public: OTHER_NEW.public},
            leaving=frozenset({FIFTH.public}),
        ),
        9,
    )
    epochs = [first, second, third]
    assert heir(epochs[:1], FIRST.public) == FIRST.public
    assert heir(epochs[:2], FIRST.public) == NEW.public
    assert heir(epochs, FIRST.public) == heir(epochs, NEW.public) == OTHER_NEW.public
    assert heir(epochs, SECOND.public) == SECOND.public
    assert heir(epochs[:2], FIFTH.public) == FIFTH.public
    assert heir(epochs, FIFTH.public) == b""
    stranger = identities(118, 119)[0].public
    assert heir(epochs, stranger) == stranger
    names = named(epochs)
    assert names[FIRST.peer_id] == names[NEW.peer_id] == names[OTHER_NEW.peer_id] == "St. Mary's"
    assert names[FIFTH.peer_id] == "Fifth House"
