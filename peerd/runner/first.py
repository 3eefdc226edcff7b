"""Whether what this machine would start from is the group's first model."""

from __future__ import annotations

from pathlib import Path

from peerd.errors import GroupError
from peerd.group import Genesis

SHOWN = 16  # digits of a hash in a line


def check_start(genesis: Genesis, start_from: Path | None) -> None:
    """GroupError where one of genesis and configuration speaks of a file, and the other doesn't."""
    if genesis.starts_from == "file" and start_from is None:
        raise GroupError(
            "the group starts from a model in a file, with hash"
            f" {_short(genesis.first_model)}, and this peer names none",
            "get the file from the founder, and name it as start_from in [task], or --start-from",
        )
    if genesis.starts_from != "file" and start_from is not None:
        raise GroupError(
            f"the group's first model is drawn from a seed, and this peer would start from"
            f" {start_from}",
            "leave start_from out of [task]",
        )


def check_first(genesis: Genesis, start_from: Path | None, first: bytes, fixed: bytes) -> None:
    """GroupError where the hash of the first model, or of what nobody trains of it, is another
    than the genesis names. It says whose hash is which.
    """
    if start_from is not None and first != genesis.first_model:
        raise GroupError(
            f"this peer's model to start from, {start_from}, is not the group's: its hash is"
            f" {_short(first)}, and that in the genesis {_short(genesis.first_model)}",
            "ask the founder for the file that the group starts from",
        )
    if first != genesis.first_model:
        raise GroupError(
            "this machine computes another first model than the genesis names",
            "the task or its options differ from what the founders had; compare versions",
        )
    check_fixed(genesis, start_from, fixed)


def check_fixed(genesis: Genesis, start_from: Path | None, found: bytes) -> None:
    """GroupError where what of the model nobody trains is not the group's."""
    if found != genesis.fixed:
        also = "" if start_from is None else f", with what {start_from} has of it,"
        raise GroupError(
            f"what of the model nobody trains (frozen layers, constants){also} is here not what the"
            f" genesis names: its hash is {_short(found)}, and that in the genesis"
            f" {_short(genesis.fixed)}",
            "every member needs the same pretrained files, and the same versions of libraries",
        )


def _short(hash_: bytes) -> str:
    return f"{hash_.hex()[:SHOWN]}…" if hash_ else "that of nothing"
