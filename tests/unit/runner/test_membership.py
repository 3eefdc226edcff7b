"""Under which key a peer starts, whichever step of a handover a crash came behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerd.errors import GroupError, IdentityError, StorageError
from peerd.group import Genesis
from peerd.identity import Identity, next_key
from peerd.runner.succession.lineage import Epoch, keep_draft, kept_draft, remember
from peerd.runner.succession.membership import Left, check_standing, current
from peerd.storage import Store
from tests.unit.group.successions import (
    MEMBERS,
    MODEL,
    NEW,
    OTHER_NEW,
    group,
    handover,
    identities,
    successor,
)
from tests.unit.runner.test_lineage import LAST, follow

FIRST, SECOND, *_, FIFTH = MEMBERS


class Home:
    """A peer's files."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.key = folder / "peer.key"
        self.data = folder / "data"
        put_key(self.key, identity)

    def starts(self, configured: Genesis) -> tuple[list[bytes], Identity]:
        with Store.open(self.data) as store:
            epochs, identity = current(store, configured, self.key)
            assert store.owner() == epochs[-1].genesis.group_id + identity.public
            return [each.genesis.group_id for each in epochs], identity

    def hand_over(self, old: Epoch, to: Genesis, *, known: bool = True, told: bool = True) -> Epoch:
        """The directory as a crash leaves it behind the certificate: ``known``, with the draft;
        ``told``, with the lineage too.
        """
        with Store.open(self.data) as store:
            store.put_model(LAST, MODEL)
            store.put_certificate(LAST, handover(old, to, LAST))
            if known:
                keep_draft(store, to)
            if told:
                remember(store, [old, follow(old, to)])
        return follow(old, to)


def put_key(path: Path, identity: Identity) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    identity._write(path)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, FIRST)


@pytest.fixture
def old() -> Epoch:
    return Epoch(0, group())


@pytest.fixture
def rotated(old: Epoch) -> Genesis:
    return successor(old.genesis, keys={FIRST.public: NEW.public})


@pytest.fixture
def without(old: Epoch) -> Genesis:
    return successor(old.genesis, leaving=frozenset({FIRST.public}))


def test_a_member_of_one_group_starts_as_ever(home: Home, old: Epoch) -> None:
    groups, identity = home.starts(old.genesis)
    assert (groups, identity.public) == ([old.genesis.group_id], FIRST.public)


@pytest.mark.parametrize("told", [False, True])
def test_the_key_that_waits_takes_the_place_of_the_old_one(
    home: Home, old: Epoch, rotated: Genesis, told: bool
) -> None:
    home.starts(old.genesis)
    put_key(next_key(home.key), NEW)
    assert home.starts(old.genesis)[1].public == FIRST.public, "not before the handover"
    home.hand_over(old, rotated, told=told)
    for _ in range(2):
        groups, identity = home.starts(old.genesis)
        assert groups == [old.genesis.group_id, rotated.group_id]
        assert identity.public == NEW.public
        assert Identity.load(home.key).public == NEW.public
        assert not next_key(home.key).exists()


def test_no_file_holds_the_old_key_afterwards(home: Home, old: Epoch, rotated: Genesis) -> None:
    home.starts(old.genesis)
    put_key(next_key(home.key), NEW)
    kept = os.open(home.key, os.O_RDONLY)  # the inode, which a backup program may have open
    home.hand_over(old, rotated)
    home.starts(old.genesis)
    seed = FIRST.secret.reveal()
    for path in home.key.parent.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert seed not in data and seed.hex().encode() not in data, path
    assert seed.hex().encode() not in os.pread(kept, 1000, 0)
    os.close(kept)


class Crash(Exception):
    pass


def _crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each place in which the promotion of a key may end."""
    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:

            def crash(*_: object) -> None:
                raise Crash

            patch.setattr(f"peerd.identity.os.{name}", crash)
            yield name


def test_a_crash_while_a_key_is_promoted_is_made_good(
    home: Home, old: Epoch, rotated: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.starts(old.genesis)
    put_key(next_key(home.key), NEW)
    home.hand_over(old, rotated)
    for _ in _crashing(monkeypatch):
        with pytest.raises(Crash):
            home.starts(old.genesis)
    with pytest.raises(IdentityError):
        Identity.load(home.key)  # it is overwritten, and the other one is not in its place yet
    assert home.starts(old.genesis)[1].public == NEW.public
    assert home.starts(rotated)[1].public == NEW.public


def test_a_crash_behind_the_promotion_is_made_good(
    home: Home, old: Epoch, rotated: Genesis
) -> None:
    """The directory still says that it is of the old key."""
    home.starts(old.genesis)
    put_key(next_key(home.key), NEW)
    home.hand_over(old, rotated)
    Identity.promote(next_key(home.key), home.key)
    assert home.starts(old.genesis)[1].public == NEW.public


def test_an_old_key_file_that_is_gone_keeps_no_new_one_from_its_place(
    home: Home, old: Epoch, rotated: Genesis
) -> None:
    home.starts(old.genesis)
    put_key(next_key(home.key), NEW)
    home.hand_over(old, rotated)
    home.key.unlink()
    assert home.starts(old.genesis)[1].public == NEW.public


@pytest.mark.parametrize("waits", [None, OTHER_NEW])
def test_a_rotated_member_without_its_new_key_is_told_so_and_keeps_the_old_one(
    home: Home, old: Epoch, rotated: Genesis, waits: Identity | None
) -> None:
    """It has not left: nothing is erased for want of a file."""
    home.starts(old.genesis)
    if waits is not None:
        put_key(next_key(home.key), waits)
    home.hand_over(old, rotated)
    with pytest.raises(IdentityError, match=f"key is {NEW.peer_id} now.*put it where"):
        home.starts(old.genesis)
    assert Identity.load(home.key).public == FIRST.public
    put_key(home.key, NEW)
    assert home.starts(old.genesis)[1].public == NEW.public


@pytest.mark.parametrize("told", [False, True])
def test_a_leaver_is_told_at_every_later_start_and_its_key_is_gone(
    home: Home, old: Epoch, without: Genesis, told: bool
) -> None:
    home.starts(old.genesis)
    home.hand_over(old, without, told=told)
    for configured in (old.genesis, without, old.genesis):
        with pytest.raises(Left, match="went on without this peer, as 'spring'"):
            home.starts(configured)
        assert not home.key.exists()


def test_a_crash_before_a_leavers_key_is_erased_is_made_good(
    home: Home, old: Epoch, without: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.starts(old.genesis)
    home.hand_over(old, without)

    def crash(path: Path) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("peerd.identity._overwrite", crash)
        with pytest.raises(Crash):
            home.starts(old.genesis)
    assert home.key.exists()
    with pytest.raises(Left):
        home.starts(old.genesis)
    assert not home.key.exists()


def test_a_leavers_new_key_is_not_erased_for_the_old_one(
    home: Home, old: Epoch, without: Genesis
) -> None:
    home.starts(old.genesis)
    home.hand_over(old, without)
    with pytest.raises(Left):
        home.starts(old.genesis)
    put_key(home.key, OTHER_NEW)
    with pytest.raises(Left, match="a new key and a new directory"):
        home.starts(old.genesis)
    assert Identity.load(home.key).public == OTHER_NEW.public


def test_a_strangers_key_is_refused_and_stays(home: Home, old: Epoch, without: Genesis) -> None:
    stranger = identities(118, 119)[0]
    home.starts(old.genesis)
    home.hand_over(old, without)
    put_key(home.key, stranger)
    with pytest.raises(GroupError, match="not in the roster"):
        home.starts(old.genesis)
    assert Identity.load(home.key).public == stranger.public


def test_another_members_key_is_refused(home: Home, old: Epoch, rotated: Genesis) -> None:
    """The directory guards the signatures of one key, and of those that took its place."""
    home.starts(old.genesis)
    home.hand_over(old, rotated)
    put_key(home.key, SECOND)
    with pytest.raises(StorageError, match="another key"):
        home.starts(old.genesis)


@pytest.mark.parametrize("late", [False, True])
def test_the_file_may_name_the_draft_before_the_handover_and_after(
    home: Home, old: Epoch, rotated: Genesis, late: bool
) -> None:
    home.starts(old.genesis)
    put_key(next_key(home.key), NEW)
    if not late:
        groups, identity = home.starts(rotated)
        assert (groups, identity.public) == ([old.genesis.group_id], FIRST.public)
        with Store.open(home.data) as store:
            assert kept_draft(store, rotated.group_id) == rotated, "what a crash may need"
    home.hand_over(old, rotated, known=late, told=False)
    groups, identity = home.starts(rotated if not late else old.genesis)
    assert (groups[-1], identity.public) == (rotated.group_id, NEW.public)
    assert home.starts(rotated)[1].public == NEW.public


def test_a_new_key_in_the_old_groups_directory_says_what_to_do(
    home: Home, old: Epoch, rotated: Genesis
) -> None:
    home.starts(old.genesis)
    put_key(home.key, NEW)
    with pytest.raises(GroupError, match=r"no member yet.*name a new directory as 'data'"):
        home.starts(rotated)


def test_a_newcomer_waits_in_a_directory_of_its_own(tmp_path: Path, old: Epoch) -> None:
    to = successor(old.genesis, joining={OTHER_NEW.public: None})
    home = Home(tmp_path, OTHER_NEW)
    with Store.open(home.data) as store:
        (epoch,), identity = current(store, to, home.key)
        assert epoch.awaits_handover and identity.public == OTHER_NEW.public
        store.put_model(LAST, MODEL)
        store.put_certificate(LAST, handover(old, to, LAST))
        remember(store, [old, follow(old, to)])
    assert home.starts(to)[0] == [old.genesis.group_id, to.group_id]


def test_looking_changes_nothing(home: Home, old: Epoch, rotated: Genesis) -> None:
    home.starts(old.genesis)
    put_key(next_key(home.key), NEW)
    home.hand_over(old, rotated, told=False)
    with Store.open(home.data) as store:
        before = store.owner(), store.meta("lineage")
        check_standing(store, old.genesis, home.key)
        assert (store.owner(), store.meta("lineage")) == before
    assert Identity.load(home.key).public == FIRST.public


def test_looking_says_that_a_peer_has_left(home: Home, old: Epoch, without: Genesis) -> None:
    home.starts(old.genesis)
    home.hand_over(old, without)
    with pytest.raises(Left):
        home.starts(old.genesis)
    with Store.open(home.data) as store, pytest.raises(Left):
        check_standing(store, old.genesis, home.key)
