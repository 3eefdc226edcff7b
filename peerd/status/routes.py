"""Which path answers what. Pure: a request target in, a status code and a JSON document out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray

from peerd.audit.chain import encode_chain
from peerd.status.board import JsonObject, StatusBoard

MAX_ROUNDS_LISTED = 1000  # rounds in one answer; since=N reads on, before=N reads back
MAX_ROUNDS_SEARCHED = 10_000  # what the store keeps
MAX_CERTIFICATES_LISTED = 256  # in one answer; ?from=N reads on
MAX_NUMBER_DIGITS = 18
PATHS = (
    "/v1/status",
    "/v1/peers",
    "/v1/rounds",
    "/v1/blame",
    "/v1/events",
    "/v1/dashboard",
    "/metrics",
)
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class AuditViews:
    """What an auditor asks for, beside transcripts and models: ``genesis()`` → the document's JSON;
    ``lineage()`` → those of all groups that this peer was in, the oldest first, each with the first
    round that is here; ``certificates(first, limit)`` → certificates from a round on; ``kept()`` →
    of which rounds there are transcripts and models.
    """

    genesis: Callable[[], bytes]
    lineage: Callable[[], Sequence[JsonObject]]
    certificates: Callable[[int, int], list[bytes]]
    kept: Callable[[], JsonObject]


@dataclass(frozen=True, slots=True)
class Views:
    """Where the answers come from. Each is called on the event loop and must be quick.

    ``peers()`` → one object per roster peer; ``rounds(limit)`` → the last ``limit`` summaries, in
    ascending order of "round", and ``counted()`` → how many there are; ``round(n)`` → one round's
    whole record, or None; ``transcript(n)`` → what an auditor gets; ``model(n)`` → the certified
    model, float32 (d,); ``certificate(n)`` → the round's; ``blame()`` → one object per blame;
    ``evidence(hash)`` → the piece with this hash (hexadecimal); ``metrics()`` → what Prometheus
    reads; ``dashboard()`` → an address of the page, that lets its reader in once, or None.
    """

    peers: Callable[[], Sequence[JsonObject]]
    rounds: Callable[[int], Sequence[JsonObject]]
    round: Callable[[int], JsonObject | None]
    transcript: Callable[[int], bytes | None] = lambda number: None
    model: Callable[[int], NDArray[np.float32] | None] = lambda number: None
    metrics: Callable[[], bytes] = bytes
    certificate: Callable[[int], bytes | None] = lambda number: None
    blame: Callable[[], Sequence[JsonObject]] = tuple
    evidence: Callable[[str], bytes | None] = lambda name: None
    counted: Callable[[], int] = lambda: 0
    audit: AuditViews | None = None
    dashboard: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Request:
    """``headers``: pairs of a name in small letters and a value, in their order; bounded in all."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finite answer: one JSON document."""

    status: int
    document: object


@dataclass(frozen=True, slots=True)
class Bytes:
    """A finite answer that is no JSON."""

    data: bytes = field(repr=False)
    kind: str = "application/octet-stream"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


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
        case ["v1", "rounds"]:
            return Answer(200, _rounds(views, _numbers(query, "since", "before", "limit")))
        case ["v1", "rounds", number]:
            return _one_round(views, number)
        case ["v1", "rounds", number, "transcript"]:
            return _bytes(number, views.transcript, "transcript")
        case ["v1", "rounds", number, "model"]:
            return _bytes(number, lambda n: _little_endian(views.model(n)), "model")
        case ["v1", "genesis" | "lineage" | "certificates" | "kept" as what] if (
            views.audit is not None
        ):
            return _audit(views.audit, what, query)
        case ["v1", "rounds", number, "certificate"]:
            return _bytes(number, views.certificate, "certificate")
        case ["v1", "blame"]:
            return Answer(200, {"blamed": list(views.blame())})
        case ["v1", "blame", name, "evidence"]:
            data = views.evidence(name)
            return _error(404, "no such evidence is kept") if data is None else Bytes(data)
        case ["v1", "dashboard"]:
            return _dashboard(views.dashboard())
        case ["v1", "events"]:
            return EventStream(_numbers(query, "since").get("since"))
        case ["metrics"]:
            return Bytes(views.metrics(), PROMETHEUS)
    return _error(404, f"unknown path; GET {', '.join(PATHS)}")


def metrics_alone(metrics: Callable[[], bytes], method: str, target: str) -> Answer | Bytes:
    """The answer where nothing but the metrics is served."""
    if method not in ("GET", "HEAD"):
        return _error(405, f"{method} is not served here; use GET")
    if target.partition("?")[0] != "/metrics":
        return _error(404, "only GET /metrics is served here")
    return Bytes(metrics(), PROMETHEUS)


def _rounds(views: Views, query: dict[str, int]) -> JsonObject:
    """The first ones after ``since``, or the last ones (before ``before``); and how many there are
    in all, or after ``since``.
    """
    limit = min(query.get("limit", MAX_ROUNDS_LISTED), MAX_ROUNDS_LISTED)
    if "since" not in query and "before" not in query:
        listed = list(views.rounds(limit)) if limit else []
        return {"rounds": listed, "total": max(views.counted(), len(listed))}
    since, before = query.get("since", -1), query.get("before")
    rounds = [(each["round"], each) for each in views.rounds(MAX_ROUNDS_SEARCHED)]
    after = [(n, each) for n, each in rounds if isinstance(n, int) and n > since]
    found = [each for n, each in after if before is None or n < before]
    last = found[max(0, len(found) - limit) :]
    return {"rounds": found[:limit] if "since" in query else last, "total": len(after)}


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


def _audit(views: AuditViews, what: str, query: str) -> Answer | Bytes:
    first = _numbers(query, "from").get("from", 0) if what == "certificates" else 0
    if what == "certificates":
        return Bytes(encode_chain(views.certificates(first, MAX_CERTIFICATES_LISTED)))
    if what == "lineage":
        return Answer(200, {"groups": list(views.lineage())})
    return Bytes(views.genesis()) if what == "genesis" else Answer(200, views.kept())


def _dashboard(address: str | None) -> Answer:
    if address is None:
        return _error(
            404,
            'no page is served: [dashboard] in peerd.toml says listen = "off", or not every member'
            " has signed the genesis yet",
        )
    return Answer(200, {"address": address})


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
