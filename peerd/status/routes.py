"""Which path answers what. Pure: a request target in, a status code and a JSON document out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray

from peerd.status.board import JsonObject, StatusBoard

MAX_ROUNDS_LISTED = 1000  # rounds in one answer; ?since=N&limit=M reads on
MAX_ROUNDS_SEARCHED = 10_000  # what the store keeps
MAX_NUMBER_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Views:
    """Where the answers come from. Each is called on the event loop and must be quick.

    ``peers()`` → one object per roster peer; ``rounds(limit)`` → the last ``limit`` summaries, in
    ascending order of "round"; ``round(n)`` → one round's whole record, or None;
    ``transcript(n)`` → what an auditor gets; ``model(n)`` → the certified model, float32 (d,).
    ``genesis(n)`` → that of the group of round n, as its file holds it; None: of the one that the
    daemon is in now.
    """

    peers: Callable[[], Sequence[JsonObject]]
    rounds: Callable[[int], Sequence[JsonObject]]
    round: Callable[[int], JsonObject | None]
    transcript: Callable[[int], bytes | None] = lambda number: None
    model: Callable[[int], NDArray[np.float32] | None] = lambda number: None
    genesis: Callable[[int | None], JsonObject] = lambda number: {}


@dataclass(frozen=True, slots=True)
class Answer:
    """A finite answer: one JSON document."""

    status: int
    document: object


@dataclass(frozen=True, slots=True)
class Bytes:
    """A finite answer that is no JSON."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EventStream:
    """An endless answer: events after number ``since`` (None: only new ones)."""

    since: int | None


Response: TypeAlias = "Answer | Bytes | EventStream"


class BadQuery(Exception):
    """The query string asks for what can't be read."""


def route(board: StatusBoard, views: Views, method: str, target: str) -> Response:
    """The answer to a request. Nothing that a client sends makes this raise."""
    try:
        parts = urlsplit(target)
        return _route(board, views, method, parts.path, parts.query)
    except (BadQuery, ValueError) as error:
        return _error(400, str(error))


def _route(board: StatusBoard, views: Views, method: str, path: str, query: str) -> Response:
    if method not in ("GET", "HEAD"):
        return _error(405, f"{method} is not served here; use GET")
    match [piece for piece in path.split("/") if piece]:
        case ["v1", "status"]:
            return Answer(200, board.snapshot())
        case ["v1", "peers"]:
            return Answer(200, {"peers": list(views.peers())})
        case ["v1", "genesis"]:
            return Answer(200, views.genesis(_numbers(query, "round").get("round")))
        case ["v1", "rounds"]:
            return Answer(200, {"rounds": _rounds(views, _numbers(query, "since", "limit"))})
        case ["v1", "rounds", number]:
            return _one_round(views, number)
        case ["v1", "rounds", number, "transcript"]:
            return _bytes(number, views.transcript, "transcript")
        case ["v1", "rounds", number, "model"]:
            return _bytes(number, lambda n: _little_endian(views.model(n)), "model")
        case ["v1", "events"]:
            return EventStream(_numbers(query, "since").get("since"))
    return _error(
        404, "unknown path; GET /v1/status, /v1/peers, /v1/genesis, /v1/rounds, /v1/events"
    )


def _rounds(views: Views, query: dict[str, int]) -> list[JsonObject]:
    limit = min(query.get("limit", MAX_ROUNDS_LISTED), MAX_ROUNDS_LISTED)
    if "since" not in query:
        return list(views.rounds(limit)) if limit else []
    rounds = views.rounds(MAX_ROUNDS_SEARCHED)
    after = [each for each in rounds if isinstance(n := each["round"], int) and n > query["since"]]
    return after[:limit]


def _one_round(views: Views, number: str) -> Answer:
    if not _is_number(number):
        return _error(400, "the number of a round is a decimal number")
    record = views.round(int(number))
    return _error(404, f"no record of round {number}") if record is None else Answer(200, record)


def _bytes(number: str, read: Callable[[int], bytes | None], what: str) -> Answer | Bytes:
    if not _is_number(number):
        return _error(400, "the number of a round is a decimal number")
    data = read(int(number))
    return _error(404, f"no {what} of round {number} is kept") if data is None else Bytes(data)


def _little_endian(model: NDArray[np.float32] | None) -> bytes | None:
    return None if model is None else model.astype("<f4").tobytes()


def _numbers(query: str, *names: str) -> dict[str, int]:
    found = parse_qs(query, keep_blank_values=True, max_num_fields=8)
    unknown = found.keys() - set(names)
    if unknown:
        raise BadQuery(f"unknown parameter; known here: {', '.join(names)}")
    for name, values in found.items():
        if len(values) != 1 or not _is_number(values[0]):
            raise BadQuery(f"{name} takes one decimal number")
    return {name: int(values[0]) for name, values in found.items()}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_DIGITS


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"error": message})
