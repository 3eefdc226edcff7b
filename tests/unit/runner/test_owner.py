"""A data directory is of one key in one group: under another it would guard no signature."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.errors import StorageError
from peerd.laboratory.simulation.swarm import FOUR, swarm
from peerd.runner.resume import check_owner, claim
from peerd.storage import Store

GROUP, OTHER_GROUP = b"g" * 32, b"h" * 32
KEY, OTHER_KEY = b"k" * 32, b"l" * 32


def test_the_first_key_keeps_it(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        check_owner(store, GROUP, KEY)
        assert store.owner() is None
        claim(store, GROUP, KEY)
    with Store.open(tmp_path / "data") as store:
        claim(store, GROUP, KEY)
        assert store.owner() == GROUP + KEY


@pytest.mark.parametrize(("group", "public"), [(GROUP, OTHER_KEY), (OTHER_GROUP, KEY)])
def test_another_key_and_another_group_are_refused(
    tmp_path: Path, group: bytes, public: bytes
) -> None:
    with Store.open(tmp_path / "data") as store:
        claim(store, GROUP, KEY)
        with pytest.raises(StorageError, match="another group or another key; name the one"):
            claim(store, group, public)
        assert store.owner() == GROUP + KEY


def test_a_store_that_names_no_owner_is_known_by_its_certificates(tmp_path: Path) -> None:
    world = swarm(FOUR, 1, rounds=1)
    world.run()
    with Store.open(tmp_path / "data") as store:
        store.put_certificate(0, world.nodes[0].completed[0].certificate)
        with pytest.raises(StorageError, match="another group"):
            claim(store, OTHER_GROUP, KEY)
        assert store.owner() is None
        claim(store, world.setting.group, KEY)
        assert store.owner() == world.setting.group + KEY
