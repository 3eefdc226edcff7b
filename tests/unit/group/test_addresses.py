"""Where members can be reached first: in the genesis file, and no part of what is signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peerd.config_values import MAX_ADDRESS
from peerd.discovery.address_book import AddressBook
from peerd.errors import GroupError
from peerd.group import Genesis, document, load, merge, save, sign
from peerd.group.addresses import as_bootstraps, is_address
from peerd.group.drafting import draft
from peerd.identity import peer_id_of
from tests.unit.group.successions import MEMBERS, NEW, changes, group

WHERE = "/dns4/peerd.example/tcp/4001"


def with_address(address: object = WHERE) -> Genesis:
    old = group()
    return group(addresses={old.roster[0]: address})


def test_an_address_is_no_part_of_what_is_signed() -> None:
    assert with_address().group_id == group().group_id
    assert with_address().encode() == group().encode()


def test_a_file_keeps_them(tmp_path: Path) -> None:
    genesis = with_address()
    save(genesis, tmp_path / "genesis.json")
    assert load(tmp_path / "genesis.json") == genesis
    assert '"addresses"' not in document.render(group())


@pytest.mark.parametrize(
    "address",
    ["", "10.0.0.1:4001", "/ip4/10.0.0.1/udp/4001", "/ip4/10.0.0.1/tcp/0", 7, None, "/ip4/x" * 99],
    ids=["empty", "colon", "udp", "no-port", "number", "none", "long"],
)
def test_what_is_no_address_is_refused(address: object) -> None:
    with pytest.raises(GroupError, match="addresses must look like /ip4/"):
        with_address(address)


@pytest.mark.parametrize("length", [MAX_ADDRESS - 1, MAX_ADDRESS, MAX_ADDRESS + 1, 250])
def test_what_a_genesis_takes_an_address_book_takes(length: int, tmp_path: Path) -> None:
    """Else one member's address would end the start of everybody's daemon."""
    host = "a." * length
    address = f"/dns/{host[: length - len('/dns//tcp/4001') - 1]}a/tcp/4001".replace("..", ".")
    genesis = group()
    member = genesis.roster[0]
    book = AddressBook(tmp_path / "book.json", genesis.roster, genesis.group_id)
    if not is_address(address):
        assert length > MAX_ADDRESS
        with pytest.raises(GroupError, match="addresses must look like"):
            with_address(address)
        return
    assert len(address) <= MAX_ADDRESS
    book.add_hint(member, with_address(address).addresses[member])
    assert book.addresses(member) == (address,)


def test_a_stranger_has_none() -> None:
    with pytest.raises(GroupError, match="not in the roster"):
        group(addresses={bytes(32): WHERE})


def test_a_file_that_says_one_twice_is_refused() -> None:
    text = document.render(with_address())
    peer = peer_id_of(group().roster[0])
    line = f'"{peer}": "{WHERE}"'
    with pytest.raises(GroupError, match="appears twice"):
        document.parse(text.replace(line, f"{line},\n{line}").encode())


@pytest.mark.parametrize("value", [[], "x", 3], ids=["list", "text", "number"])
def test_addresses_are_by_member(value: object) -> None:
    content = json.loads(document.render(group())) | {"addresses": value}
    with pytest.raises(GroupError, match="addresses"):
        document.parse(json.dumps(content).encode())


def test_merging_keeps_the_first_files_and_adds_the_others() -> None:
    one, other = group().roster[:2]
    mine = group(addresses={one: WHERE})
    theirs = group(addresses={one: "/ip4/10.0.0.9/tcp/1", other: "/ip4/10.0.0.2/tcp/4001"})
    assert merge(mine, [theirs]).addresses == {one: WHERE, other: "/ip4/10.0.0.2/tcp/4001"}


def test_a_signature_keeps_them() -> None:
    assert sign(with_address(), MEMBERS[0]).addresses == with_address().addresses


def test_they_are_bootstraps() -> None:
    (found,) = as_bootstraps(with_address().addresses)
    assert found == f"{WHERE}/p2p/{peer_id_of(group().roster[0])}"


def test_a_successor_knows_where_those_are_that_stay_or_have_another_key() -> None:
    old = group()
    stays, rotates, leaves = old.roster[:3]
    told = {each: f"/ip4/10.0.0.{number}/tcp/4001" for number, each in enumerate(old.roster[:3])}
    fresh = NEW.public
    found = draft(
        group(addresses=told),
        changes(keys={rotates: fresh}, leaving=frozenset({leaves})),
    )
    assert found.addresses == {stays: told[stays], fresh: told[rotates]}
