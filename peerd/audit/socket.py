"""A running daemon's history, over its status socket. Nothing that it answers is believed."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import trio

from peerd.audit.chain import decode_chain, encode_chain, place_of
from peerd.audit.files import take_chain
from peerd.audit.material import Broken, Gone, KeptModel, Lie, Material, Piece
from peerd.errors import GroupError
from peerd.group.document import parse
from peerd.status.client import StatusAnswerError, get, get_bytes
from peerd.status.remote import Place
from protocols.aggregation.contract import Model
from protocols.errors import WireError
from protocols.wire.canonical import unpack


def read_socket(path: Place) -> Material:
    """All that the daemon hands out. NotRunningError, StatusAnswerError."""
    found = Material()
    groups = _tables(trio.run(get, path, "/v1/lineage").get("groups"))
    found.whole = not groups or groups[0].get("first_round") == 0  # who joins has what came since
    try:
        for group in groups:
            told = parse(json.dumps(group.get("genesis")).encode())
            found.geneses.append((str(path), told))
    except GroupError as error:
        found.lies.append(Lie(str(path), error.message))
    chain = fetch_certificates(path)
    try:
        take_chain(str(path), unpack(encode_chain(chain)), found)
    except WireError as error:
        found.lies.append(Lie(str(path), str(error)))
    kept = trio.run(get, path, "/v1/kept")
    for round_ in _numbers(path, kept.get("transcripts")):
        place = f"/v1/rounds/{round_}/transcript"
        found.transcripts.append(Piece(f"{path}, {place}", partial(_ask, path, place), round_))
    for name in _evidence(path, trio.run(get, path, "/v1/blame").get("blamed")):
        place = f"/v1/blame/{name}/evidence"
        found.evidence.append(Piece(f"{path}, {place}", partial(_ask, path, place)))
    for round_ in _numbers(path, kept.get("models")):
        place = f"/v1/rounds/{round_}/model"
        read = partial(_model, path, place)
        found.kept_models.append(KeptModel(f"{path}, {place}", round_, read))
    return found


def fetch_certificates(path: Place) -> list[bytes]:
    """Every certificate that the daemon has, page by page. NotRunningError, StatusAnswerError."""
    chain: list[bytes] = []
    first = 0
    while True:
        data = trio.run(get_bytes, path, f"/v1/certificates?from={first}")
        try:
            page = decode_chain(unpack(data))
            last = place_of(page[-1])[1] if page else first
        except WireError as error:
            raise StatusAnswerError(f"the daemon at {path}: its certificates: {error}") from None
        if not page:
            return chain
        if last < first:
            raise StatusAnswerError(f"the daemon at {path} gives the same certificates again")
        chain += page
        first = last + 1


def _tables(value: object) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else []
    return [each if isinstance(each, dict) else {} for each in found]


def _numbers(path: Place, value: object) -> list[int]:
    if not isinstance(value, list) or not all(type(each) is int for each in value):
        raise StatusAnswerError(f"the daemon at {path} does not say what it keeps")
    return value


def _evidence(path: Place, value: object) -> list[str]:
    """Hashes of the evidence that is there."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise StatusAnswerError(f"the daemon at {path} does not say whom it blames")
    return [str(each["evidence"]) for each in value if each.get("evidence") is not None]


def _ask(path: Place, place: str) -> bytes:
    try:
        return trio.run(get_bytes, path, place)
    except StatusAnswerError as error:
        raise Gone(str(error)) from None


def _model(path: Place, place: str) -> Model:
    data = _ask(path, place)
    if len(data) % 4:
        raise Broken("it is no model: its length is odd")
    return np.frombuffer(data, "<f4").astype(np.float32)
