"""The genesis as a file that people read: JSON, peers by their peer ids, hashes in hex.

The canonical bytes, and with them the group id, are computed from the values and never from the
text, so that white space and the order of keys don't matter; everything else is strict.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from peerd.errors import GroupError, IdentityError
from peerd.group import fields as rules
from peerd.group.genesis import MAX_GENESIS_BYTES, Genesis
from peerd.group.succession import LEAVES, Follows
from peerd.identity import peer_id_of, public_of
from peerd.storage.durable import write_durably
from peerd.text import NotText, decode, read_text


def save(genesis: Genesis, path: Path) -> None:
    """Writes the file, whole or not at all. GroupError says why not."""
    try:
        write_durably(path, render(genesis).encode(), 0o644)
    except OSError as error:
        raise GroupError(f"can't write the genesis {path}: {error.strerror}") from None


def load(path: Path) -> Genesis:
    """The genesis in a file; GroupError names file and field. Signatures are not verified yet."""
    try:
        return _parse(read_text(path, MAX_GENESIS_BYTES))
    except OSError as error:
        raise GroupError(
            f"can't read the genesis {path}: {error.strerror}", "make one with 'peerd group new'"
        ) from None
    except NotText as error:
        raise GroupError(f"{path}: {error.message}; this is no genesis", error.hint) from None
    except GroupError as error:
        raise GroupError(f"{path}: {error.message}", error.hint) from None


def render(genesis: Genesis) -> str:
    """The JSON text of a genesis."""
    content = genesis._content()
    content["roster"] = [peer_id_of(public) for public in genesis.roster]
    content["first_model"] = genesis.first_model.hex()
    if genesis.fixed:
        content["fixed"] = genesis.fixed.hex()
    if genesis.weights:
        content["weights"] = dict(zip(content["roster"], genesis.weights, strict=True))
    if genesis.names:
        content["names"] = dict(zip(content["roster"], genesis.names, strict=True))
    if genesis.follows is not None:
        content["follows"] = _follows_text(genesis.follows)
    if genesis.evaluation is not None:
        rows = dict(zip(content["roster"], genesis.evaluation.rows, strict=True))
        content["evaluation"]["rows"] = rows
    content["signatures"] = {
        peer_id_of(public): genesis.signatures[public].hex()
        for public in sorted(genesis.signatures)
    }
    if genesis.addresses:
        content["addresses"] = {
            peer_id_of(public): address for public, address in genesis.addresses.items()
        }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def parse(data: bytes) -> Genesis:
    """The genesis in a JSON text. GroupError for everything else."""
    try:
        return _parse(decode(data))
    except NotText as error:
        raise GroupError(f"genesis: {error.message}", error.hint) from None


def _parse(text: str) -> Genesis:
    try:
        document = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise GroupError(f"genesis: not JSON: {error.msg} at line {error.lineno}") from None
    except RecursionError:
        raise GroupError("genesis: nested too deep") from None
    except ValueError:
        raise GroupError("genesis: holds a number with too many digits") from None
    content = dict(rules.check_mapping("the document", document))
    signatures = rules.check_mapping("signatures", content.pop("signatures", None))
    addresses = rules.check_mapping("addresses", content.pop("addresses", {}))
    roster = content.get("roster")
    if isinstance(roster, list):
        content["roster"] = [_key(f"roster[{i}]", peer) for i, peer in enumerate(roster)]
        if "weights" in content:
            content["weights"] = _by_member("weights", content["weights"], content["roster"])
        if "names" in content:
            content["names"] = _by_member("names", content["names"], content["roster"])
        if "evaluation" in content:
            content["evaluation"] = _evaluation(content["evaluation"], content["roster"])
    if "follows" in content:
        content["follows"] = _follows(content["follows"])
    for name in ("first_model", "fixed"):
        if name in content:
            content[name] = _hex(name, content[name])
    return Genesis.from_content(
        content,
        {
            public: _hex(f"signatures.{peer_id_of(public)}", signature)
            for public, signature in _by_key("signatures", signatures).items()
        },
        _by_key("addresses", addresses),
    )


def _follows_text(follows: Follows) -> dict[str, object]:
    keys = {peer_id_of(old): peer_id_of(new) if new else None for old, new in follows.keys}
    said = {"group": follows.group.hex(), "first": follows.first, "last": follows.last}
    lost = {"lost": [peer_id_of(key) for key in follows.lost]} if follows.lost else {}
    return said | {"keys": keys} | lost


def _follows(value: object) -> dict[str, object]:
    given = dict(rules.check_mapping("follows", value))
    named = _by_key("follows.keys", rules.check_mapping("follows.keys", given.get("keys")))
    given["keys"] = [
        (old, LEAVES if new is None else _key("follows.keys", new))
        for old, new in sorted(named.items())
    ]
    if isinstance(given.get("lost"), list):
        given["lost"] = [_key("follows.lost", peer) for peer in given["lost"]]
    given["group"] = _hex("follows.group", given.get("group"))
    return given


def _evaluation(value: object, roster: list[bytes]) -> dict[str, object]:
    given = dict(rules.check_mapping("evaluation", value))
    return given | {"rows": _by_member("evaluation.rows", given.get("rows"), roster)}


def _by_member(field: str, value: object, roster: list[bytes]) -> list[object]:
    """By peer id in the file, so that people see whose each is; in roster order in the content."""
    given = _by_key(field, rules.check_mapping(field, value))
    for public in given:
        if public not in roster:
            raise rules.refused(field, f"name {peer_id_of(public)}, who is not in the roster")
    for public in roster:
        if public not in given:
            raise rules.refused(field, f"leave out {peer_id_of(public)}")
    return [given[public] for public in roster]


def _by_key(field: str, named: dict[str, Any]) -> dict[bytes, Any]:
    found = {_key(field, peer): value for peer, value in named.items()}
    if len(found) != len(named):
        raise rules.refused(field, "name somebody twice, with the checksum and without")
    return found


def _key(field: str, peer: object) -> bytes:
    if not isinstance(peer, str):
        raise rules.refused(field, f"must be the peer id of a member, not {rules.shown(peer)}")
    try:
        return public_of(peer)
    except IdentityError as error:
        said = rules.refused(field, f"must be the peer id of a member: {error.message}")
        raise GroupError(said.message, error.hint) from None


def _hex(field: str, text: object) -> bytes:
    try:
        if isinstance(text, str) and text == text.lower().strip():
            data = bytes.fromhex(text)
            if data.hex() == text:
                return data
    except ValueError:
        pass
    raise rules.refused(field, f"must be lower-case hex, not {rules.shown(text)}")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise GroupError(f"genesis: {rules.shown(twice)} appears twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise GroupError(f"genesis: {name} is no number of this format")
