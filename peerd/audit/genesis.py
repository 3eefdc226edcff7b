"""Which genesis an audit starts from: the one thing that the auditor knows by himself."""

from __future__ import annotations

import re
from pathlib import Path

from peerd.audit.material import Lie, Material
from peerd.errors import ConfigError, GroupError
from peerd.group import Genesis, load, merge

_HASH = re.compile(r"[0-9a-fA-F]{64}")


def given_genesis(given: str | None) -> Genesis | None:
    """The document that ``--genesis`` names, signed by all; None where it names a hash, or nothing.
    GroupError.
    """
    if given is None or is_hash(given):
        return None
    genesis = load(Path(given))
    genesis.verify()
    return genesis


def is_hash(given: str) -> bool:
    """Whether these are the 64 digits of a group id; a file of such a name comes first."""
    return _HASH.fullmatch(given) is not None and not Path(given).exists()


def found_genesis(given: str | None, material: Material) -> Genesis | None:
    """The one among the pieces, by its hash if that is given. None where it lies, or where no
    document has the hash: then the material's lies say so. ConfigError where there is none, or
    nothing says which.
    """
    groups: dict[bytes, tuple[str, Genesis]] = {}
    for file, genesis in material.geneses:
        _, known = groups.get(genesis.group_id, (file, genesis))
        groups[genesis.group_id] = file, merge(known, [genesis])  # each may lack signatures
    if given is not None:
        group = bytes.fromhex(given)
        if group not in groups:
            named = (f"{file} ({each.hex()[:16]}…)" for each, (file, _) in groups.items())
            others = ", ".join(named) or "none"
            reason = f"no genesis document has the hash {given}; there are: {others}"
            material.lies.append(Lie("the genesis", reason))
            return None
    elif len(first := _first(groups)) == 1:
        (group,) = first
    elif not groups:
        if material.lies:
            return None
        raise ConfigError(
            "there is no genesis among these files", "name it, or its hash: --genesis FILE|HASH"
        )
    else:
        raise ConfigError(
            f"there are {len(groups)} genesis documents",
            "say from which the history starts: --genesis FILE|HASH",
        )
    return _signed(groups[group], material)


def _first(groups: dict[bytes, tuple[str, Genesis]]) -> list[bytes]:
    """Those that go on from none of the others."""
    return [
        group
        for group, (_, genesis) in groups.items()
        if genesis.follows is None or genesis.follows.group not in groups
    ]


def _signed(found: tuple[str, Genesis], material: Material) -> Genesis | None:
    file, genesis = found
    try:
        genesis.verify()
    except GroupError as error:
        material.lies.append(Lie(file, error.message))
        return None
    return genesis
