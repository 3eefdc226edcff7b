"""Which path shows what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

import trio

from peerd.dashboard import blame, chain, charts, members, now, overview, rounds, schema, shell
from peerd.dashboard.certificates import Certificates
from peerd.dashboard.evidence import Proofs
from peerd.dashboard.markup import Html
from peerd.dashboard.sources import Sources
from peerd.dashboard.verifier import Verifier

MAX_DIGITS = 18
WORKING_THREADS = 2
"""Threads that verify what a page shows: beyond them, whoever looks waits."""

G = TypeVar("G")
T = TypeVar("T")
Found: TypeAlias = "Html | bytes"
"""A page or a part of one; a JSON document."""


class Pages:
    """Makes what an entered reader asks for. ``run`` it beside."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._certificates = Certificates(sources)
        self._proofs = Proofs(sources)
        self._verifier = Verifier(sources)
        self._threads = trio.CapacityLimiter(WORKING_THREADS)

    async def run(self) -> None:
        """Verify the chain whenever somebody asks for it; until cancelled."""
        await self._verifier.run()

    async def find(self, path: str, query: Mapping[str, str]) -> Found | None:
        """None where there is nothing."""
        sources = self._sources
        match [piece for piece in path.split("/") if piece]:
            case []:
                return self._whole("Overview", "/", overview.page(sources))
            case ["part", "now"]:
                return now.part(sources)
            case ["part", "members"]:
                return members.part(sources)
            case ["part", "member-rows"]:
                return members.rows(sources)
            case ["part", "rounds"]:
                return overview.rounds_part(sources)
            case ["data", "rounds.json"]:
                return await self._work(charts.data, sources)
            case ["rounds"]:
                return self._whole("Rounds", "/rounds", rounds.all_rounds(sources))
            case ["rounds", number]:
                return await self._round(number)
            case ["blame"]:
                listed = [*sources.views.blame()]
                proven = await self._work(self._proofs.judged, listed)
                return self._whole("Blame", "/blame", blame.page(sources, proven))
            case ["schema"]:
                shown = await self._work(schema.page, sources.genesis)
                return self._whole("What the group agreed on", "/schema", shown)
            case ["chain"]:
                return await self._chain(query.get("before", ""))
            case ["chain", "verify"]:
                self._verifier.ask()
                return await self._chain("")
            case ["part", "verify"]:
                return chain.verdict(self._verifier.state)
            case ["part", "verify", "start"]:
                self._verifier.ask()
                return chain.verdict(self._verifier.state)
        return None

    async def _round(self, number: str) -> Html | None:
        if not _is_number(number):
            return None
        found = self._sources.views.round(int(number))
        certified = await self._work(self._certificates.document, int(number))
        if found is None and certified is None:
            return None
        shown = rounds.page(self._sources, int(number), found, certified)
        return self._whole(f"Round {number}", "/rounds", shown)

    async def _chain(self, before: str) -> Html:
        last = int(before) - 1 if _is_number(before) else None
        listed = await self._work(self._certificates.listed, last)
        shown = chain.page(self._sources, listed, self._verifier.state)
        return self._whole("Chain of certificates", "/chain", shown)

    def _whole(self, title: str, path: str, main: Html) -> Html:
        return shell.page(self._sources, title, path, main)

    async def _work(self, work: Callable[[G], T], given: G) -> T:
        """What takes a while, beside the event loop."""
        return await trio.to_thread.run_sync(work, given, limiter=self._threads)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
