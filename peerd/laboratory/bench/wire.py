"""The bytes of a round of real daemons, by kind of message, against docs/protocol.md §7."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import trio

from peerd.laboratory.bench.counted import kind_of
from peerd.laboratory.bench.keeping import OVER, entries
from peerd.laboratory.bench.round import Asked, Record, counting, counts, undisturbed
from peerd.laboratory.bench.sizes import Place as Attempt
from peerd.laboratory.bench.sizes import Sizes
from peerd.laboratory.swarm.layout import Layout, Place, lay_out
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.laboratory.swarm.orchestrate import run_swarm
from peerd.laboratory.swarm.screen import Screen
from peerd.runner.resume import setting_of
from peerd.transport.frame_wire import HEADER
from protocols.record.certificate import Certificate, decode_certificate
from protocols.record.elected import seats_of
from protocols.record.election import Election
from protocols.record.setting import Setting
from protocols.wire.frames import FRAMES, DealingFrame

FRAMES_FILE = "frames"
Entry = tuple[bytes, bytes]


@dataclass
class Weighed:
    """Of a kind of message, over all daemons and rounds. ``off``: frames of another size than the
    formula's, which a sum may hide."""

    count: int = 0
    bytes: int = 0
    formula_bytes: int = 0
    off: int = 0

    def add(self, size: int, expected: int) -> None:
        self.count += 1
        self.bytes += size
        self.formula_bytes += expected
        self.off += size != expected


def measure(asked: Asked, screen: Screen) -> dict[str, Any]:
    """docs/schemas/bench-wire.json. Raises ConfigError, Unmeasured, and what ends a swarm."""
    options = asked.options()
    directory = Path(tempfile.mkdtemp(prefix="peerd-bench-"))
    try:
        layout, counted = trio.run(_play, options, directory, screen)
        setting = setting_of(layout.genesis)
        kept = [place.directory / FRAMES_FILE for place in layout.places]
        sizes = Sizes(setting, committees(setting, entries(kept[0])))
        weighed = weigh(sizes, (after_the_first(entries(path)) for path in kept))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    sent = sum(line["bytes_sent"] for lines in counted for line in lines[1:])
    plan, rounds = options.plan, asked.rounds - 1
    return {
        "role": "wire",
        "aggregator": asked.aggregator,
        "peers": asked.peers,
        "params": asked.params,
        "plan": {**asdict(plan), "degree": plan.degree},
        "rounds": rounds,
        **summary(weighed, sent, asked.params, asked.peers * rounds),
    }


async def _play(
    options: SwarmOptions, directory: Path, screen: Screen
) -> tuple[Layout, list[list[Record]]]:
    layout = await lay_out(options, directory)
    run = await run_swarm(options, layout, screen, _keeping)
    for witness in run.witnesses:
        undisturbed(witness.rounds.values())
    return layout, counts(layout)


def _keeping(place: Place) -> list[str]:
    module, frames = "peerd.laboratory.bench.keeping", str(place.directory / FRAMES_FILE)
    return [sys.executable, "-m", module, "--frames", frames, *counting(place)]


def after_the_first(kept: Iterable[Entry]) -> Iterator[Entry]:
    """The frames of the rounds after the first that came to their end."""
    over, waiting = 0, list[Entry]()
    for entry in kept:
        if entry[0] != OVER:
            waiting += [entry] if over else []
            continue
        yield from waiting
        over += 1
        waiting.clear()


def committees(setting: Setting, kept: Iterable[Entry]) -> dict[Attempt, tuple[int, ...]]:
    """Who sat in each round, in order of seats: as its certificate says."""
    found = {}
    for to, data in kept:
        if to == OVER:
            certificate = decode_certificate(data)
            assert isinstance(certificate, Certificate)
            elected = certificate.election
            place = elected.round, elected.attempt
            found[place] = seats_of(setting, Election.decode(elected.outcome), elected.place)
    return found


def weigh(sizes: Sizes, daemons: Iterable[Iterable[Entry]]) -> dict[str, Weighed]:
    """Every frame against its formula."""
    index = {public: peer for peer, public in enumerate(sizes.setting.roster)}
    found: dict[str, Weighed] = {}
    for kept in daemons:
        last, kind, expected = b"", "", 0
        for to, data in kept:
            dealing = FRAMES[data[2]] is DealingFrame
            if dealing or data != last:  # as the same one goes to many
                kind, expected = kind_of(sizes.group, data), sizes.frame(data, index[to])
                last = data
            found.setdefault(kind, Weighed()).add(len(data), expected)
    return found


# -- what it comes to ------------------------------------------------------------------------------


def summary(weighed: Mapping[str, Weighed], sent: int, params: int, shares: int) -> dict[str, Any]:
    """Means of a daemon and round: ``shares`` is their number. ``sent``: at all sockets."""
    total = Weighed()
    for each in weighed.values():
        total.count += each.count
        total.bytes += each.bytes
        total.formula_bytes += each.formula_bytes
        total.off += each.off
    framing = HEADER.size * total.count
    return {
        "messages": {kind: _mean(weighed[kind], shares) for kind in _heaviest(weighed)},
        "total": _mean(total, shares),
        "bytes_sent": round(sent / shares),
        "overhead": {
            "framing": round(framing / shares),
            "below": round((sent - total.bytes - framing) / shares),
            "ratio": round(sent / total.bytes, 4),
        },
        "bytes_a_parameter": round(sent / shares / params, 3),
    }


def _heaviest(weighed: Mapping[str, Weighed]) -> Sequence[str]:
    return sorted(weighed, key=lambda kind: -weighed[kind].bytes)


def _mean(each: Weighed, shares: int) -> dict[str, float]:
    return {
        "count": round(each.count / shares, 3),
        "bytes": round(each.bytes / shares),
        "formula_bytes": round(each.formula_bytes / shares),
        "ratio": each.bytes / each.formula_bytes,
        "off": each.off,
    }
