"""The fields of a status as people read them: names for ids, sentences for objects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from peerd.cli.output import size
from peerd.cli.rounds import over_all
from peerd.errors import printable
from peerd.labels import label

Names = Mapping[str, str]
"""By peer id."""


def lines(document: dict[str, Any], names: Names) -> list[str]:
    """A field a line; of several things a line each."""
    if document.get("name") is None:
        document = {key: value for key, value in document.items() if key != "name"}
    width = max(map(len, document))
    told = []
    for name, value in document.items():
        shown = _field(name, value, document, names)
        told += [
            f"{field.ljust(width)}  {each}"
            for field, each in zip((name, *[""] * len(shown)), shown, strict=False)
        ]
    return told


def _field(name: str, value: Any, document: dict[str, Any], names: Names) -> list[str]:
    if name == "waiting" and isinstance(value, list):
        from peerd.status.waiting import away, sentence

        return [sentence(value, document.get("peer")) or away(value) or "-"]
    if name == "approvals" and isinstance(value, list):
        from peerd.status.approvals import sentence as approved

        return [approved(value, document.get("quorum")) or "-"]
    if value is None or value in ([], {}):
        return ["-"]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [printable(label(names[each], each) if each in names else each) for each in value]
    try:
        return [printable(FIELDS[name](value, names))] if name in FIELDS else [_plain(value)]
    except (LookupError, TypeError, ValueError, AttributeError):  # of another version's daemon
        return [_plain(value)]


def _plain(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _peer(value: Any, names: Names) -> str:
    from peerd.identity import with_checksum

    return with_checksum(str(value))


def _away(value: Any, names: Names) -> str:
    each = (f"{label(names.get(peer), peer)} from round {at} on" for peer, at in value.items())
    return ", ".join(each)


def _absent(value: Any, names: Names) -> str:
    return ", ".join(label(each["name"], each["peer"]) for each in value)


def _best(value: Any, names: Names) -> str:
    return f"that of round {value['round']}: accuracy {over_all(value)}"


def _evaluation(value: Any, names: Names) -> str:
    what = "" if value["accuracy"] is None else "accuracy "
    return f"{what}{over_all(value)} held-out rows of {value['sites']} sites"


def _storage(value: Any, names: Names) -> str:
    oldest = value["oldest_transcript"]
    since = "" if oldest is None else f" from round {oldest} on"
    budget = "no budget" if value["budget"] is None else f"a budget of {size(value['budget'])}"
    blame = value["transcripts_with_blame"]
    return (
        f"{size(value['bytes'])}, {budget}; {value['transcripts']} transcripts{since}"
        f" (keep {value['keep']}), {blame} of them of rounds with blame"
    )


def _privacy(value: Any, names: Names) -> str:
    opened, most = value["rounds_opened"], value["rounds_max"]
    return (
        f"epsilon {value['epsilon_spent']:.6f} of {value['epsilon_budget']:g} spent, to each"
        f" {value['unit']}; {opened} of {most} rounds, {max(most - opened, 0)} left"
    )


def _pending(value: Any, names: Names) -> str:
    each = (f"{one['act']} by {one['by']}, {one['id']}" for one in value)
    return f"{'; '.join(each)}: another officer says 'peerd officer confirm ID'"


def _trail(value: Any, names: Names) -> str:
    return f"{value['records']} records, the last with the hash {value['head']}"


def _measures(value: Any, names: Names) -> str:
    lacking = [name for name, state in value.items() if state != "ok"]
    said = f"all but {', '.join(lacking)}" if lacking else "all"
    return f"{said}, of what levels ask of the configuration: peerd doctor --level LEVEL"


def _next_round(value: Any, names: Names) -> str:
    from peerd.group.rhythm import at_in

    return at_in(value, time.time())


FIELDS: dict[str, Callable[[Any, Names], str]] = {
    "peer": _peer,
    "away": _away,
    "absent": _absent,
    "best": _best,
    "evaluation": _evaluation,
    "storage": _storage,
    "next_round_at": _next_round,
    "privacy": _privacy,
    "pending": _pending,
    "trail": _trail,
    "measures": _measures,
}
