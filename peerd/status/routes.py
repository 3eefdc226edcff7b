"""Which path answers what, and who may ask: one table (ROUTES).

Pure but for orders: a request target in, a status code and a JSON document out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray

from peerd.audit.chain import encode_chain
from peerd.errors import ConfigError
from peerd.status.board import JsonObject, StatusBoard
from peerd.status.roles import Role

MAX_ROUNDS_LISTED = 1000  # rounds in one answer; since=N reads on, before=N reads back
MAX_ROUNDS_SEARCHED = 10_000  # what the store keeps
MAX_CERTIFICATES_LISTED = 256  # in one answer; ?from=N reads on
MAX_NUMBER_DIGITS = 18
PROPOSED = "propose"
"""As the trail calls an order that waits for a second officer."""
CONFIRM, WITHDRAW = "confirm", "withdraw"
"""The orders about an order that waits."""
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
class Order:
    """What an operator asks for, read and not yet done. ``arguments``: for the trail; ``carry_out``
    gives what there is to answer, and raises ``Refused`` (protocols/session/events.py) or
    PeerdError where the daemon does not do it.
    """

    arguments: JsonObject
    carry_out: Callable[[], Awaitable[JsonObject | None]]


def _no_orders(act: str, document: JsonObject) -> Order:
    raise ConfigError("this daemon takes no orders yet", "its group is not founded")


@dataclass(frozen=True, slots=True)
class Views:
    """Where the answers come from. Each is called on the event loop and must be quick.

    ``peers()`` → one object per roster peer; ``rounds(limit)`` → the last ``limit`` summaries, in
    ascending order of "round", and ``counted()`` → how many there are; ``round(n)`` → one round's
    whole record, or None; ``transcript(n)`` → what an auditor gets; ``model(n)`` → the certified
    model, float32 (d,); ``certificate(n)`` → the round's; ``blame()`` → one object per blame;
    ``evidence(hash)`` → the piece with this hash (hexadecimal); ``metrics()`` → what Prometheus
    reads; ``dashboard()`` → an address of the page, that lets its reader in once, or None;
    ``order(act, document)`` → an order that was read. PeerdError where it is none.
    ``waiting()`` → orders that wait for a second officer, and ``waiting_order(digest)`` → one of
    them with its document.
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
    order: Callable[[str, JsonObject], Order] = _no_orders
    waiting: Callable[[], Sequence[JsonObject]] = list
    waiting_order: Callable[[str], JsonObject | None] = lambda digest: None


@dataclass(frozen=True, slots=True)
class Request:
    """``headers``: pairs of a name in small letters and a value, in their order; bounded in all."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


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


@dataclass(frozen=True, slots=True)
class Asked:
    """``name``: what stands in the place of a path's ``*``; ``query``: behind its question mark."""

    board: StatusBoard
    views: Views
    name: str
    query: str


@dataclass(frozen=True, slots=True)
class Route:
    """``path``: a piece ``*`` is any; ``act``: what the trail calls it, None for what only tells.
    ``answer``: None for an order, which the daemon answers. GET on an order's path says whether
    whoever asks may give it, and does nothing.
    """

    path: str
    role: Role
    answer: Callable[[Asked], Response] | None
    act: str | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        return ("POST", "GET", "HEAD") if self.answer is None else ("GET", "HEAD")

    def matches(self, pieces: list[str]) -> bool:
        own = self.path.split("/")[1:]
        pairs = zip(own, pieces, strict=False)
        return len(own) == len(pieces) and all(one in ("*", other) for one, other in pairs)

    def name(self, pieces: list[str]) -> str:
        own = self.path.split("/")[1:]
        return pieces[own.index("*")] if "*" in own else ""


def _listed(asked: Asked) -> Answer:
    return Answer(200, _rounds(asked.views, _numbers(asked.query, "since", "before", "limit")))


def _transcript(asked: Asked) -> Response:
    return _bytes(asked.name, asked.views.transcript, "transcript")


def _model(asked: Asked) -> Response:
    return _bytes(asked.name, lambda n: _little_endian(asked.views.model(n)), "model")


def _evidence(asked: Asked) -> Response:
    data = asked.views.evidence(asked.name)
    return _error(404, "no such evidence is kept") if data is None else Bytes(data)


def _waiting(asked: Asked) -> Answer:
    found = asked.views.waiting_order(asked.name)
    return _error(404, "no such order waits") if found is None else Answer(200, found)


def _audited(what: str) -> Callable[[Asked], Response]:
    def answer(asked: Asked) -> Response:
        audit = asked.views.audit
        return _unknown() if audit is None else _audit(audit, what, asked.query)

    return answer


ROUTES: tuple[Route, ...] = (
    Route("/v1/status", Role.VIEWER, lambda asked: Answer(200, asked.board.snapshot())),
    Route(
        "/v1/peers", Role.VIEWER, lambda asked: Answer(200, {"peers": list(asked.views.peers())})
    ),
    Route("/v1/rounds", Role.VIEWER, _listed),
    Route("/v1/rounds/*", Role.VIEWER, lambda asked: _one_round(asked.views, asked.name)),
    Route(
        "/v1/rounds/*/certificate",
        Role.VIEWER,
        lambda asked: _bytes(asked.name, asked.views.certificate, "certificate"),
    ),
    Route(
        "/v1/blame", Role.VIEWER, lambda asked: Answer(200, {"blamed": list(asked.views.blame())})
    ),
    Route(
        "/v1/pending",
        Role.VIEWER,
        lambda asked: Answer(200, {"pending": list(asked.views.waiting())}),
    ),
    Route("/v1/pending/*", Role.VIEWER, _waiting),
    Route("/v1/genesis", Role.VIEWER, _audited("genesis")),
    Route("/v1/lineage", Role.VIEWER, _audited("lineage")),
    Route("/v1/certificates", Role.VIEWER, _audited("certificates")),
    Route("/v1/kept", Role.VIEWER, _audited("kept")),
    Route(
        "/v1/events",
        Role.VIEWER,
        lambda asked: EventStream(_numbers(asked.query, "since").get("since")),
    ),
    Route("/metrics", Role.VIEWER, lambda asked: Bytes(asked.views.metrics(), PROMETHEUS)),
    Route(
        "/v1/dashboard",
        Role.VIEWER,
        lambda asked: _dashboard(asked.views.dashboard()),
        "enter the page",
    ),
    Route("/v1/rounds/*/transcript", Role.OPERATOR, _transcript, "export transcript"),
    Route("/v1/rounds/*/model", Role.OPERATOR, _model, "export model"),
    Route("/v1/blame/*/evidence", Role.OPERATOR, _evidence, "export evidence"),
    Route("/v1/orders/pause", Role.OPERATOR, None, "pause"),
    Route("/v1/orders/resume", Role.OPERATOR, None, "resume"),
    Route("/v1/orders/drain", Role.OPERATOR, None, "drain"),
    Route("/v1/orders/reload", Role.OPERATOR, None, "reload"),
    Route("/v1/orders/enroll", Role.OFFICER, None, "enroll"),
    Route("/v1/orders/confirm", Role.OFFICER, None, CONFIRM),
    Route("/v1/orders/withdraw", Role.OFFICER, None, WITHDRAW),
    Route("/v1/orders/sign", Role.OFFICER, None, "sign"),
    Route("/v1/orders/rotate", Role.OFFICER, None, "rotate"),
    Route("/v1/orders/abandon", Role.OFFICER, None, "abandon"),
    Route("/v1/orders/approve-handover", Role.OFFICER, None, "approve handover"),
    Route("/v1/orders/approve-pause", Role.OFFICER, None, "approve pause"),
    Route("/v1/orders/approve-resume", Role.OFFICER, None, "approve resume"),
)
"""All that is answered, and who may ask. What changes something, or leaves with who asks, has an
act: nothing is carried out, and nothing leaves, before that is in the trail.
"""
PATHS = [each.path for each in ROUTES if each.answer is not None and "*" not in each.path]


def found(board: StatusBoard, views: Views, method: str, target: str) -> tuple[Route, Asked]:
    """Whom a request is for. NoRoute has the answer where there is nobody."""
    try:
        parts = urlsplit(target)
    except ValueError as error:
        raise NoRoute(_error(400, str(error))) from None
    pieces = [piece for piece in parts.path.split("/") if piece]
    there = [each for each in ROUTES if each.matches(pieces)]
    if not there:
        raise NoRoute(_unknown())
    if method not in there[0].methods:
        use = there[0].methods[0]
        raise NoRoute(_error(405, f"{method} is not served here; use {use}"))
    return there[0], Asked(board, views, there[0].name(pieces), parts.query)


class NoRoute(Exception):
    """``answer``: what to send instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def told(route: Route, asked: Asked) -> Response:
    """What a route that is no order answers. Nothing that a client sends makes this raise."""
    assert route.answer is not None
    try:
        return route.answer(asked)
    except (BadQuery, ValueError) as error:
        return _error(400, str(error))


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


def _unknown() -> Answer:
    return _error(404, f"unknown path; GET {', '.join(PATHS)}")


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"error": message})
