"""When a group's rounds begin, and when they end: its rhythm, as the genesis states it.

Every member's clock is asked, with the rules of docs/protocol.md §6; here is what a clock says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from peerd.errors import GroupError

LONGEST = 10_080 * 60
"""Seconds between two rounds: a week."""
MAX_TIMES = 96
"""Times of day."""
MAX_STOP = 1 << 32
"""Rounds, which are numbered with 32 bits."""
UTC_ZONE = "UTC"

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,2}", re.ASCII)
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
KEYS = ("every", "at", "zone", "stop_after", "stop_at", "patience")
"""What a rhythm may hold; each is left out where it says nothing."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """``every``: seconds, of a grid that begins with 1970 in UTC. ``at``: minutes of the day in
    ``zone``, rising. Neither: a round begins when the one before is over. ``stop_after``: so many
    rounds in all. ``stop_at``: seconds since 1970; from then on none begins. ``patience``: so many
    opened evaluations in a row that are no better; needs a group that evaluates.
    """

    every: int | None = None
    at: tuple[int, ...] = ()
    zone: str = UTC_ZONE
    stop_after: int | None = None
    stop_at: int | None = None
    patience: int | None = None

    @property
    def paced(self) -> bool:
        """Whether a clock has a say in when a round begins."""
        return self.every is not None or bool(self.at) or self.stop_at is not None

    def is_over(self, moment: float) -> bool:
        """Whether no round begins any more at this time."""
        return self.stop_at is not None and moment >= self.stop_at

    def point(self, now: float, pending: float | None) -> float:
        """The time of the next round, in seconds since 1970, for a peer that comes to it ``now``.

        ``pending``: what this said of the round before. Where that is still to come, the others'
        clocks were ahead of this one, and the round of that time is over already: the next is the
        one behind it. A time that passes while a round is made is left out.
        """
        if self.every is None and not self.at:
            return now
        behind = now
        if pending is not None and pending > now:
            nearer = self._before(pending)
            behind = pending if pending - now <= now - nearer else now
        return self._after(behind)

    def _after(self, moment: float) -> float:
        if self.every is not None:
            return float((int(moment // self.every) + 1) * self.every)
        return next(found for found in self._times(moment, 1) if found > moment)

    def _before(self, moment: float) -> float:
        if self.every is not None:
            return float((-(-int(moment) // self.every) - 1) * self.every)
        return next(found for found in self._times(moment, -1) if found < moment)

    def _times(self, moment: float, step: int) -> Iterator[float]:
        """The times of day from about ``moment`` on, one direction or the other."""
        zone = zone_of(self.zone)
        day = datetime.fromtimestamp(moment, zone).date() - timedelta(days=step)
        for number in range(0, 5 * step, step):
            here = day + timedelta(days=number)
            found = sorted(_moment(here, minutes, zone) for minutes in self.at)
            yield from found[::step]


class Schedule:
    """Of one machine: the time of each round to which it comes, by its own clock."""

    def __init__(self, rhythm: Rhythm) -> None:
        self._rhythm = rhythm
        self._known: tuple[int, float] | None = None

    def time_of(self, round_: int, now: float) -> float:
        """Seconds since 1970. The same again, where the same round is asked for again."""
        if self._known is None or self._known[0] != round_:
            before = None if self._known is None else self._known[1]
            self._known = round_, self._rhythm.point(now, before)
        return self._known[1]


def _moment(day: date, minutes: int, zone: tzinfo) -> float:
    """Where clocks are put forward over a time of day, it is as long behind midnight as on any
    other day; where they are put back over it, the first of the two counts.
    """
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)
    return local.timestamp()


def zone_of(name: str) -> tzinfo:
    """GroupError where this machine does not know the zone."""
    if name == UTC_ZONE:
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        pass
    except KeyError:
        pass
    raise GroupError(
        f"genesis: rhythm.zone is {name!r}, which this machine does not know",
        "a name such as Europe/Berlin, or UTC; the system's package tzdata has the zones",
    )


def check_rhythm(value: object) -> Rhythm | None:
    """GroupError that names what is wrong; None where a group has no rhythm."""
    from peerd.group import fields as rules

    if value is None:
        return None
    if isinstance(value, Rhythm):
        value = rhythm_content(value)
    given = rules.check_mapping("rhythm", value)
    if not given:
        raise rules.refused("rhythm", "is left out where there is none")
    unknown = sorted(set(given) - set(KEYS))
    if unknown:
        raise rules.refused(
            f"rhythm.{rules.shown(unknown[0])}", f"is unknown; known are {', '.join(KEYS)}"
        )
    if "every" in given and "at" in given:
        raise rules.refused("rhythm", "has 'every' or 'at', not both")
    if "zone" in given and "at" not in given:
        raise rules.refused("rhythm.zone", "is left out where there are no times of day")
    numbers = {"every": LONGEST, "stop_after": MAX_STOP, "patience": MAX_STOP}
    for name, most in numbers.items():
        if name in given:
            rules.check_integer(f"rhythm.{name}", given[name], 1, most)
    return Rhythm(
        given.get("every"),
        _times(given["at"]) if "at" in given else (),
        _zone(given["zone"]) if "zone" in given else UTC_ZONE,
        given.get("stop_after"),
        _seconds(given["stop_at"]) if "stop_at" in given else None,
        given.get("patience"),
    )


def _times(value: object) -> tuple[int, ...]:
    from peerd.group import fields as rules

    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_TIMES:
        raise rules.refused("rhythm.at", f"must be a list of 1…{MAX_TIMES} times such as 02:00")
    found = [_minutes(each) for each in value]
    if any(one >= other for one, other in pairwise(found)):
        raise rules.refused("rhythm.at", "must rise, each time once")
    return tuple(found)


def _minutes(value: object) -> int:
    from peerd.group import fields as rules

    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise rules.refused("rhythm.at", f"must hold times such as 02:00, not {rules.shown(value)}")
    return 60 * int(match[1]) + int(match[2])


def _zone(value: object) -> str:
    from peerd.group import fields as rules

    if not isinstance(value, str) or len(value) > rules.MAX_NAME or not _ZONE.fullmatch(value):
        raise rules.refused(
            "rhythm.zone", f"must be a name such as Europe/Berlin, not {rules.shown(value)}"
        )
    if value == UTC_ZONE:
        raise rules.refused("rhythm.zone", "is left out where it is UTC")
    zone_of(value)
    return value


def _seconds(value: object) -> int:
    from peerd.group import fields as rules

    try:
        if isinstance(value, str):
            found = datetime.strptime(value, _MOMENT).replace(tzinfo=UTC)
            if found.strftime(_MOMENT) == value and found.timestamp() >= 0:
                return int(found.timestamp())
    except ValueError:
        pass
    raise rules.refused(
        "rhythm.stop_at", f"must be a time such as 2027-01-31T00:00:00Z, not {rules.shown(value)}"
    )


def rhythm_content(rhythm: Rhythm) -> dict[str, Any]:
    """As plain values, which ``check_rhythm`` reads."""
    content: dict[str, Any] = {}
    if rhythm.every is not None:
        content["every"] = rhythm.every
    if rhythm.at:
        content["at"] = [clock(minutes) for minutes in rhythm.at]
        if rhythm.zone != UTC_ZONE:
            content["zone"] = rhythm.zone
    if rhythm.stop_at is not None:
        content["stop_at"] = datetime.fromtimestamp(rhythm.stop_at, UTC).strftime(_MOMENT)
    for name in ("stop_after", "patience"):
        if getattr(rhythm, name) is not None:
            content[name] = getattr(rhythm, name)
    return content


def clock(minutes: int) -> str:
    """A time of day."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def in_words(rhythm: Rhythm | None, budget: int | None = None) -> str:
    """What a person reads before it signs. ``budget``: rounds after which the group's privacy
    budget is spent; None where it has none.
    """
    rhythm = rhythm or Rhythm()
    content = rhythm_content(rhythm)
    ends = []
    if rhythm.stop_after is not None:
        ends.append(f"ends after {_counted(rhythm.stop_after, 'round')}")
    if rhythm.stop_at is not None:
        ends.append(f"no round begins from {content['stop_at']} on")
    if rhythm.patience is not None:
        ends.append(f"pauses when {_counted(rhythm.patience, 'evaluation')} in a row are no better")
    if budget is not None:
        ends.append(f"the privacy budget ends it after {_counted(budget, 'round')}")
    return "; ".join([_when(rhythm, content), *(ends or ["without end"])])


def _when(rhythm: Rhythm, content: Mapping[str, Any]) -> str:
    if rhythm.every is not None:
        return f"a round begins every {spell(rhythm.every)}"
    if rhythm.at:
        return f"a round begins at {', '.join(content['at'])} ({rhythm.zone})"
    return "a round begins when the one before is over"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def at_in(moment: float, now: float) -> str:
    """A time by this machine's clock and zone: ``02:00 (in 3 h 12 min)``."""
    local, today = datetime.fromtimestamp(moment), datetime.fromtimestamp(now).date()
    shown = local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M")
    return f"{shown} (in {spell(moment - now)})"


def spell(seconds: float) -> str:
    """A time as people say it: its two largest units, such as 3 h 12 min."""
    left = int(max(0, seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts[:2])
