"""One event of a daemon as a line for people: when, and what happened, in a short sentence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

from peerd.cli.output import decimal, measures, size
from peerd.cli.rounds import over_all
from peerd.errors import printable
from peerd.labels import label

Event = Mapping[str, object]
Names = Mapping[str, str]
"""By peer id."""

STAMPS = frozenset({"seq", "boot", "time", "kind"})


def line(event: Event, names: Names) -> str:
    """``14:03:07  round 3 completed in 4.9 s, accuracy 0.578; absent: St. Mary's (…ewkwhP7S)``.
    Of another day than today with its date.
    """
    sentence = SENTENCES.get(str(event.get("kind")), _any)
    return f"{_when(event.get('time'))}  {printable(sentence(event, names))}"


def _when(moment: object) -> str:
    at = time.localtime(float(moment) if isinstance(moment, int | float) else 0.0)
    today = at[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", at)


def who(named: object, names: Names) -> str:
    """From a peer id, or an object with one and perhaps a name."""
    if isinstance(named, Mapping):
        peer, name = named.get("peer"), named.get("name")
        return label(name or names.get(str(peer)), peer)
    return label(names.get(str(named)), named)


def everyone(named: object, names: Names) -> str:
    return ", ".join(who(each, names) for each in named) if isinstance(named, list) else ""


def _round(event: Event) -> str:
    attempt = event.get("attempt")
    return f"round {event.get('round')}" + (f", attempt {attempt}" if attempt else "")


def _phase(event: Event, names: Names) -> str:
    return f"{_round(event)}: {event.get('phase')}"


def _blame(event: Event, names: Names) -> str:
    return f"round {event.get('round')}: {who(event, names)} is blamed: {event.get('reason')}"


def _attempt(event: Event, names: Names) -> str:
    why = event.get("meaning") or event.get("reason")
    return f"{_round(event)} ended without a result: {why}; {event.get('advice')}"


def _completed(event: Event, names: Names) -> str:
    reason, seconds = event.get("reason"), event.get("seconds")
    parts = [f"round {event.get('round')} {event.get('outcome')}"]
    if reason:
        parts[0] += f" ({reason})"
    elif isinstance(seconds, int | float):
        parts[0] += f" in {seconds:.1f} s"
    if measured := _measured(event):
        parts.append(measured)
    if (group := over_all(event.get("group"))) is not None:
        parts.append(f"group before it {group}")
    if isinstance(sent := event.get("bytes"), int | float):
        parts.append(size(sent))
    told = [", ".join(parts)]
    for what in ("absent", "blamed"):
        if named := everyone(event.get(what), names):
            told.append(f"{what}: {named}")
    return "; ".join(told)


def _measured(event: Event) -> str:
    """What the evaluation on this site's own rows gave."""
    accuracy, loss = event.get("accuracy"), event.get("loss")
    if isinstance(accuracy, int | float):
        return f"accuracy {decimal(accuracy)}"
    if found := measures(event.get("metrics")):
        return found
    if isinstance(loss, int | float):
        return f"loss {decimal(loss)}"
    return "accuracy unknown" if event.get("warnings") else ""


def _evaluation(event: Event, names: Names) -> str:
    return f"round {event.get('round')}: the model was evaluated here, {_measured(event) or '-'}"


def _peer(event: Event, names: Names) -> str:
    losses, away, reason = (event.get(name) for name in ("losses", "away_seconds", "reason"))
    often = f" ({losses} times since the last line about it)" if losses else ""
    if event.get("connected"):
        back = isinstance(away, int | float) or losses
        after = f" after {away:.0f} s" if isinstance(away, int | float) else ""
        return f"{who(event, names)} is {'back' if back else 'connected'}{after}{often}"
    return f"{who(event, names)} is lost{often}" + (f": {reason}" if reason else "")


def _stopped(event: Event, names: Names) -> str:
    why = event.get("meaning") or event.get("reason")
    return f"round {event.get('round')}: the group can't go on: {why}; {event.get('advice')}"


def _abandon(event: Event, names: Names) -> str:
    signed = everyone(event.get("signed"), names)
    return f"{_round(event)}: the cohort is given up by {signed or 'nobody yet'}"


def _order(event: Event, names: Names) -> str:
    refused, said = event.get("refused"), event.get("order")
    what = f"the operator's order{f' ({said})' if said else ''}"
    return f"{what} is refused: {refused}" if refused else f"{what} is carried out"


def _away(event: Event, names: Names) -> str:
    since = event.get("from_round")
    if since is None:
        return f"{who(event, names)} takes part again"
    return f"{who(event, names)} is away from round {since} on, as it has announced"


def _approval(event: Event, names: Names) -> str:
    about = f" to {str(event.get('about'))[:16]}…" if event.get("act") == "handover" else ""
    return f"{who(event, names)} approves: {event.get('act')}{about}"


def _text(event: Event, names: Names) -> str:
    return str(event.get("text"))


def _gap(event: Event, names: Names) -> str:
    return f"{event.get('missed')} earlier events are no longer kept"


def _any(event: Event, names: Names) -> str:
    """Of a kind that this version does not know."""
    rest = [f"{name} {_value(v, names)}" for name, v in event.items() if name not in STAMPS]
    return f"{event.get('kind')}: {', '.join(rest)}" if rest else str(event.get("kind"))


def _value(value: object, names: Names) -> str:
    if isinstance(value, str):
        return who(value, names) if value in names else value
    return json.dumps(value, ensure_ascii=False)


SENTENCES: dict[str, Callable[[Event, Names], str]] = {
    "phase": _phase,
    "blame": _blame,
    "attempt": _attempt,
    "round": _completed,
    "evaluation": _evaluation,
    "peer": _peer,
    "stopped": _stopped,
    "abandon": _abandon,
    "order": _order,
    "waiting": _text,
    "alarm": _text,
    "waited": _text,
    "spent": _text,
    "away": _away,
    "approval": _approval,
    "gap": _gap,
}
