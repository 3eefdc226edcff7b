"""What an exported model says of itself, and what of that the genesis document proves."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from peerd.errors import PeerdError, StorageError, VerificationError
from peerd.group import Genesis, load
from peerd.group.members import told
from peerd.group.vector import own_part
from peerd.learning.origin import Origin
from peerd.runner.resume import setting_of
from peerd.tensor_file import OWN, read_export
from protocols.aggregation import model_hash
from protocols.aggregation.contract import Model
from protocols.errors import ProtocolError
from protocols.record.certificate import CertifiedRound, verify_certificate

VERSION = 1
STATE = "optimizer"
"""Of a description: what the certificate covers behind the model's own numbers, float32."""
MAX_STATE_BYTES = 1 << 23


def describe(genesis: Genesis, certificate: bytes, vector: Model) -> dict[str, Any]:
    """The description of the model in ``vector``, the certified one. VerificationError unless it is
    that; StorageError where what of it is an optimizer's is more than the description carries.
    """
    certified = _certified(genesis, certificate, vector)
    model = own_part(genesis, vector)
    rest = vector[model.size :].astype("<f4").tobytes()
    if len(rest) > MAX_STATE_BYTES:
        raise StorageError(
            f"the optimizer's state, which the certificate covers, takes {len(rest)} bytes: more"
            f" than the {MAX_STATE_BYTES} that an exported model carries"
        )
    state = {STATE: base64.b64encode(rest).decode()} if rest else {}
    return state | {
        "version": VERSION,
        "group": genesis.group_id.hex(),
        "name": genesis.name,
        "task": genesis.task,
        "task_options": genesis.task_options,
        **Origin.of(genesis).described(),
        "round": certified.round,
        "parameters": model.size,
        "model_hash": certified.end.model.hex(),
        "certificate_hash": certified.hash.hex(),
        "certificate": base64.b64encode(certificate).decode(),
    }


def verify_export(path: Path, *genesis_paths: Path) -> dict[str, Any]:
    """The description, all of it proven: what is in the file is what the group certified. Not so
    running statistics of the peer that exported it: what it says of them (``own``) is unproven.
    ``genesis_paths``: of the group, and of those that it goes on from as far as they are given.

    VerificationError says what does not hold. The names of layers are no part of it: they come from
    the task's code, which a certificate does not bind.
    """
    groups = [load(each) for each in genesis_paths]
    for each in groups:
        each.verify()
    claimed, _ = read_export(path)
    return proven_export(path, _group_of(claimed, path, groups))


def proven_export(path: Path, genesis: Genesis) -> dict[str, Any]:
    """The same for a genesis that is read and verified."""
    claimed, model = read_export(path)
    if model is None:
        raise VerificationError(
            f"{path} is a state_dict: only a pickle leads to its numbers, and can lie, or run code",
            "have it exported to FILE.safetensors",
        )
    try:
        certificate = base64.b64decode(claimed["certificate"], validate=True)
        rest = base64.b64decode(claimed.get(STATE, ""), validate=True)
        vector = np.concatenate([model, np.frombuffer(rest, "<f4")])
    except (KeyError, TypeError, ValueError):
        raise VerificationError(f"{path}: there is no certificate in it") from None
    try:
        proven = describe(genesis, certificate, vector)
    except PeerdError as error:
        raise VerificationError(f"{path}: {error.message}", error.hint) from None
    own = {OWN: claimed.pop(OWN)} if OWN in claimed else {}
    for name in sorted(proven.keys() | claimed.keys()):
        # By their text: 1, 1.0 and true are equal, and not the same.
        if name not in proven or name not in claimed or _text(claimed, name) != _text(proven, name):
            raise VerificationError(f"{path}: what it says of {name!r} is not what was certified")
    return proven | own


def _group_of(claimed: dict[str, Any], path: Path, groups: list[Genesis]) -> Genesis:
    """The genesis of the group that the file names. VerificationError where no document leads from
    it to another that is given.
    """
    known = {each.group_id: each for each in groups}
    named = (each for each in groups if each.group_id.hex() == claimed.get("group"))
    found = next(named, groups[0])
    line = _line(found, known)
    for each in groups:
        if each not in line and found not in _line(each, known):
            follows = line[-1].follows
            missing = "none that it follows" if follows is None else follows.group.hex()[:16] + "…"
            raise VerificationError(
                f"{path}: nothing leads from its group, {found.name!r}"
                f" ({found.group_id.hex()[:16]}…), to {each.group_id.hex()[:16]}…: the genesis of"
                f" the group before is missing: {missing}",
                "name that as well with --genesis FILE, or the file's own group alone",
            )
    return found


def _line(genesis: Genesis, known: dict[bytes, Genesis]) -> list[Genesis]:
    """From a group to those that it goes on from, as far as they are known."""
    line = [genesis]
    while (follows := line[-1].follows) is not None and follows.group in known:
        line.append(known[follows.group])
    return line


def own_in_words(own: dict[str, Any]) -> str:
    """What a description says of them, for a person."""
    since = "as the first model has them" if own["round"] is None else f"after round {own['round']}"
    names = f": {', '.join(own['names'])}" if own["names"] else ""
    return f"the exporting peer's own, {since}, under no certificate{names}"


def _text(description: dict[str, Any], name: str) -> str:
    return json.dumps(description[name], sort_keys=True)


def _certified(genesis: Genesis, certificate: bytes, vector: Model) -> CertifiedRound:
    try:
        certified = verify_certificate(setting_of(genesis), certificate)
    except ProtocolError as error:
        why = told(genesis, error)
        raise VerificationError(
            f"the certificate proves nothing to the group {genesis.name!r}: {why}",
            "is it of this genesis, or of a group that goes on from it?",
        ) from None
    if model_hash(vector) != certified.end.model:
        raise VerificationError(
            f"the model is not the one that the group certified in round {certified.round}"
        )
    return certified
