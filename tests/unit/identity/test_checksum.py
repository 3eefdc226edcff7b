"""A peer id that is mistyped, wherever people type one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.cli.members import members
from peerd.config import Config
from peerd.errors import ConfigError, GroupError, IdentityError, PeerdError
from peerd.group import document
from peerd.identity import Identity, checksum, is_public_key, public_of, with_checksum
from tests.unit.group.test_genesis import signed

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
IDENTITIES = [Identity(bytes([number]) * 32) for number in range(1, 9)]
PEER = IDENTITIES[0].peer_id


def typos(text: str) -> Iterator[str]:
    """Every other character of base 58 and some that are none, in each place."""
    for place, right in enumerate(text):
        for wrong in BASE58 + "0OIl _é":
            if wrong != right:
                yield text[:place] + wrong + text[place + 1 :]


def swaps(text: str, distance: int = 1) -> Iterator[str]:
    for place in range(len(text) - distance):
        one, other = text[place], text[place + distance]
        if one != other:
            middle = text[place + 1 : place + distance]
            yield text[:place] + other + middle + one + text[place + distance + 1 :]


def slips(text: str) -> Iterator[str]:
    """One character left out, doubled, or of the other case; the end cut off."""
    for place, char in enumerate(text):
        yield text[:place] + text[place + 1 :]
        yield text[:place] + char + text[place:]
        if char.swapcase() != char:
            yield text[:place] + char.swapcase() + text[place + 1 :]
        yield text[:place]


MISTAKES: dict[str, Callable[[str], Iterator[str]]] = {
    "typos": typos,
    "swaps": swaps,
    "jumps": lambda text: swaps(text, 2),
    "slips": slips,
}


@pytest.mark.parametrize("kind", MISTAKES)
@pytest.mark.parametrize("who", IDENTITIES, ids=range(len(IDENTITIES)))
def test_with_its_checksum_no_mistake_passes(kind: str, who: Identity) -> None:
    shown = with_checksum(who.peer_id)
    assert public_of(shown) == who.public
    tried = 0
    for wrong in MISTAKES[kind](who.peer_id):
        with pytest.raises(IdentityError, match="copy it again"):
            public_of(f"{wrong}-{checksum(who.peer_id)}")
        tried += 1
    assert tried > 40


@pytest.mark.parametrize("who", IDENTITIES, ids=range(len(IDENTITIES)))
def test_a_mistake_in_the_checksum_itself_is_one(who: Identity) -> None:
    right = checksum(who.peer_id)
    assert public_of(f"{who.peer_id}-{right.upper()}") == who.public
    wrong = {right[:i] + c + right[i + 1 :] for i in range(4) for c in "0123456789abcdefgz-"}
    wrong |= {"", right[:3], right + "0", f" {right}", f"{right}-{right}", right[::-1]}
    for each in wrong - {right}:
        with pytest.raises(IdentityError):
            public_of(f"{who.peer_id}-{each}")


def test_without_a_checksum_what_is_no_key_is_refused_all_the_same() -> None:
    passed = tried = 0
    for who in IDENTITIES:
        assert public_of(who.peer_id) == who.public
        for wrong in [*typos(who.peer_id), *swaps(who.peer_id)]:
            tried += 1
            try:
                assert is_public_key(public_of(wrong)) and wrong != who.peer_id
                passed += 1
            except IdentityError:
                pass
    assert 0 < passed < tried / 15  # as docs/operate/found.md says; hence the checksum


def test_the_right_checksum_is_not_told_to_who_types_a_wrong_one() -> None:
    """It would be copied, and the mistake in the peer id with it."""
    wrong = "0000" if checksum(PEER) != "0000" else "0001"
    with pytest.raises(IdentityError) as caught:
        public_of(f"{PEER}-{wrong}")
    assert checksum(PEER) not in str(caught.value).replace(PEER, "")


# --- where they are typed ----------------------------------------------------------------------


def option(text: str, _: Path) -> bytes:
    (public,) = members([text])
    return public


def listed(text: str, folder: Path) -> bytes:
    path = folder / "members.txt"
    path.write_text(f"# us\n{text}   # St. Mary's\n")
    (public,) = members([str(path)])
    return public


def weighed(text: str, folder: Path) -> bytes:
    path = folder / "members.txt"
    path.write_text(f"{text}=1437\n")
    assert list(members([str(path)]).values()) == [1437]
    return listed(text, folder)


def bootstrap(text: str, folder: Path) -> bytes:
    path = folder / "peerd.toml"
    address = f"/dns4/peer-one.example/tcp/4001/p2p/{text}"
    path.write_text(
        f'data = "d"\nkey = "k"\ngenesis = "g"\nbootstrap = ["{address}"]\n', encoding="utf-8"
    )
    (read,) = Config.load(path).bootstrap
    assert read == f"/dns4/peer-one.example/tcp/4001/p2p/{PEER}", "the checksum is left out"
    return public_of(read.rpartition("/")[2])


TYPED = {"option": option, "file": listed, "weights": weighed, "bootstrap": bootstrap}


@pytest.mark.parametrize("place", TYPED)
def test_a_checksum_is_taken_and_may_be_left_out(place: str, tmp_path: Path) -> None:
    for text in (PEER, with_checksum(PEER)):
        assert TYPED[place](text, tmp_path) == IDENTITIES[0].public


@pytest.mark.parametrize("place", TYPED)
def test_a_mistake_is_refused_where_it_is_typed(place: str, tmp_path: Path) -> None:
    alike = [*swaps(PEER), *[wrong for wrong in typos(PEER) if wrong.isalnum()][::29]]
    for wrong in alike:
        with pytest.raises(ConfigError, match=r"mistyped|not the peer id|must look like"):
            TYPED[place](f"{wrong}-{checksum(PEER)}", tmp_path)


def test_a_list_says_the_line(tmp_path: Path) -> None:
    path = tmp_path / "members.txt"
    lines = [with_checksum(one.peer_id) for one in IDENTITIES]
    lines[5] = next(swaps(lines[5][9:]))
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=r"members\.txt line 6: "):
        members([str(path)])


def test_a_mistyped_hex_key_is_refused_when_it_is_no_key() -> None:
    key = IDENTITIES[0].public.hex()
    assert list(members([key])) == [IDENTITIES[0].public]
    refused = 0
    for place in range(64):
        wrong = key[:place] + ("0" if key[place] != "0" else "1") + key[place + 1 :]
        try:
            members([wrong])
        except PeerdError:
            refused += 1
    assert refused > 48


def edited(change: Callable[[dict[str, str]], None], field: str) -> bytes:
    text = json.loads(document.render(signed()))
    change(text[field])
    return json.dumps(text).encode()


def test_a_genesis_is_read_with_checksums_and_is_the_same() -> None:
    text = json.loads(document.render(signed()))
    text["roster"] = [with_checksum(peer) for peer in text["roster"]]
    text["signatures"] = {with_checksum(peer): each for peer, each in text["signatures"].items()}
    assert document.parse(json.dumps(text).encode()) == signed()


def test_a_genesis_with_a_mistake_or_a_name_twice_is_refused() -> None:
    text = json.loads(document.render(signed()))
    peer = text["roster"][2]
    for wrong in swaps(peer):
        text["roster"][2] = f"{wrong}-{checksum(peer)}"
        with pytest.raises(GroupError, match=r"genesis: roster\[2\] must be the peer id"):
            document.parse(json.dumps(text).encode())
    twice = edited(lambda names: names.update({with_checksum(peer): "00" * 64}), "signatures")
    with pytest.raises(GroupError, match="signatures name somebody twice"):
        document.parse(twice)


def test_what_init_and_show_print_can_be_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "peer")]) == 0
    printed = capsys.readouterr().out.splitlines()[0]
    assert "-" in printed
    assert public_of(printed) == Identity.load(tmp_path / "peer" / "peer.key").public
    document.save(signed(), tmp_path / "genesis.json")
    assert main(["group", "show", str(tmp_path / "genesis.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split()[1] for line in lines if line.startswith("member ")]
    assert [public_of(each) for each in shown] == list(signed().roster)
    assert all("-" in each for each in shown)
