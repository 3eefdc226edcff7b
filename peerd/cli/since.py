"""From when on events are told: ``10m``, a moment, or a round."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from peerd.errors import ConfigError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
HINT = "such as: --since 10m, --since 2026-03-01T14:00, --since 14:00, --since round:7"


@dataclass(slots=True)
class Since:
    """Once an event is of then, all that follow are. ``time``: Unix time."""

    time: float | None = None
    round: int | None = None
    _begun: bool = False

    def reached(self, event: Mapping[str, object]) -> bool:
        at, number = event.get("time"), event.get("round")
        if self.time is not None and isinstance(at, int | float):
            self._begun = self._begun or at >= self.time
        if self.round is not None and isinstance(number, int):
            self._begun = self._begun or number >= self.round
        return self._begun


def parse_since(text: str, now: Callable[[], float] = time.time) -> Since:
    """ConfigError for anything else. A moment without a zone is in local time; one without a date
    is the last such time of day.
    """
    if found := re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII):
        return Since(time=now() - int(found[1]) * UNITS[found[2]])
    if found := re.fullmatch(r"round:(\d{1,18})", text, re.ASCII):
        return Since(round=int(found[1]))
    if re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", text, re.ASCII):
        return Since(time=_time_of_day(text, now()))
    try:
        return Since(time=datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        raise _refused(text) from None


def _time_of_day(text: str, now: float) -> float:
    today = datetime.fromtimestamp(now)
    try:
        moment = datetime.combine(today.date(), datetime.strptime(text, _format(text)).time())
    except ValueError:
        raise _refused(text) from None
    at = moment.timestamp()
    return at if at <= now else at - UNITS["d"]


def _format(text: str) -> str:
    return "%H:%M:%S" if text.count(":") == 2 else "%H:%M"


def _refused(text: str) -> ConfigError:
    return ConfigError(f"--since {text!r} is no duration, no moment and no round", HINT)
