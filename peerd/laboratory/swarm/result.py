"""From what each daemon remembers to one document, and to a verdict. Pure functions.

The document is described by docs/schemas/swarm.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from peerd.laboratory.adversaries.names import ABSENT, PROVEN
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.runner.spending import BUDGET_SPENT

Record = Mapping[str, object]
Document = dict[str, object]

COMPLETED = "completed"
FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Witness:
    """One daemon at the end of the swarm: its peer id, its lie, and its rounds by number."""

    peer: str
    lie: str | None
    rounds: Mapping[int, Record]

    @property
    def honest(self) -> bool:
        """Whether it was told to lie."""
        return self.lie is None


def witness(peer: str, lie: str | None, records: Iterable[Record]) -> Witness:
    """A witness from the daemon's ``/v1/rounds``."""
    return Witness(peer, lie, {number_of(record): record for record in records})


def number_of(record: Record) -> int:
    """The round's number; ValueError when a record has none."""
    number = record.get("round")
    if not isinstance(number, int):
        raise ValueError("a round without its number")
    return number


def blamed_in(record: Record) -> list[dict[str, object]]:
    """``[{peer, reason, evidence}]`` of one record."""
    found = record.get("blamed")
    return [dict(each) for each in found] if isinstance(found, list) else []


def absent_in(record: Record) -> list[str]:
    """Peer ids left out without blame in one record."""
    found = record.get("absent")
    named = found if isinstance(found, list) else []
    return [str(each.get("peer") if isinstance(each, dict) else each) for each in named]


def document(
    options: SwarmOptions,
    witnesses: Sequence[Witness],
    baselines: Mapping[str, Sequence[float | None]],
    privacy: Document | None = None,
) -> Document:
    """The swarm's result, as ``--json`` writes it. ``privacy``: the privacy report."""
    numbers = sorted({n for each in witnesses if each.honest for n in each.rounds})
    return {
        "seed": options.seed,
        "task": options.work.task,
        "aggregator": options.work.aggregator,
        "attack": options.attack,
        "outcome": FINISHED if privacy is None or privacy["rounds_left"] else BUDGET_SPENT,
        "privacy": privacy,
        "peers": [_peer(each) for each in witnesses],
        "rounds": [_merged(number, witnesses) for number in numbers],
        "baselines": {name: list(curve) for name, curve in baselines.items()},
    }


def _peer(each: Witness) -> Document:
    completed = [n for n, record in each.rounds.items() if record.get("model_hash")]
    last = each.rounds[max(completed)] if completed else {}
    blamed = {str(b["peer"]) for record in each.rounds.values() for b in blamed_in(record)}
    absent = {name for record in each.rounds.values() for name in absent_in(record)}
    return {
        "id": each.peer,
        "honest": each.honest,
        "model_hash": last.get("model_hash"),
        "blamed": sorted(blamed),
        "absent": sorted(absent),
    }


def _merged(number: int, witnesses: Sequence[Witness]) -> Document:
    """One round as the honest peers saw it; ``check`` says where they disagree."""
    seen = [each.rounds[number] for each in witnesses if each.honest and number in each.rounds]
    outcome = _most(record.get("outcome") for record in seen)
    alike = [record for record in seen if record.get("outcome") == outcome]
    blamed: dict[tuple[object, object], dict[str, object]] = {}
    for record in alike:
        for each in blamed_in(record):
            blamed.setdefault((each.get("peer"), each.get("reason")), each)
    metrics = _metrics(alike)
    sent = [sent_in(each.rounds[number]) for each in witnesses if number in each.rounds]
    return {
        "round": number,
        "outcome": outcome,
        "reason": _reason(alike),
        "group": next((each["group"] for each in alike if each.get("group")), None),
        "accuracy": _most(record.get("accuracy") for record in alike),
        "model_hash": _most(record.get("model_hash") for record in alike),
        "blamed": [
            {key: each.get(key) for key in ("peer", "reason", "evidence")}
            for each in blamed.values()
        ],
        "absent": sorted({name for record in alike for name in absent_in(record)}),
        "seconds": max((_float(record.get("seconds")) for record in alike), default=0.0),
        "bytes": sum(sent),
        **({"metrics": metrics} if metrics else {}),
    }


def _metrics(records: Sequence[Record]) -> dict[str, object]:
    """What else the task measures, by name."""
    found = [each for record in records if isinstance(each := record.get("metrics"), dict)]
    names = sorted({str(name) for each in found for name in each})
    return {name: _most(each.get(name) for each in found) for name in names}


def _reason(records: Sequence[Record]) -> object:
    """Why; None when one peer needs no reason (others may have missed the round)."""
    reasons = [record.get("reason") for record in records]
    return None if None in reasons else _most(reasons)


def sent_in(record: Record) -> int:
    """Bytes that a daemon sent: what another received is not counted again."""
    sent = record.get("bytes_out", record.get("bytes"))
    return sent if isinstance(sent, int) else 0


def _most(values: Iterable[object]) -> object:
    """The most frequent value that is not None (the first of them on a tie)."""
    counted = Counter(value for value in values if value is not None)
    return counted.most_common(1)[0][0] if counted else None


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def check(options: SwarmOptions, witnesses: Sequence[Witness]) -> list[str]:
    """What is wrong, one line each; nothing when the swarm kept every promise."""
    honest = [each for each in witnesses if each.honest]
    names = {each.peer: f"peer {index}" for index, each in enumerate(witnesses)}
    return [
        *_unfinished(options, honest, names),
        *_disagreements(honest, names),
        *_framed(honest, names),
        *_uncaught(honest, witnesses, names),
    ]


def _unfinished(
    options: SwarmOptions, honest: Sequence[Witness], names: Mapping[str, str]
) -> Iterable[str]:
    for each in honest:
        # A peer that was killed learns the result of the round it missed from a certificate.
        missing = options.rounds - len(each.rounds)
        if missing > 0:
            yield f"{names[each.peer]} finished {len(each.rounds)} of {options.rounds} rounds"
    for number in sorted({n for each in honest for n in each.rounds}):
        seen = [each.rounds[number] for each in honest if number in each.rounds]
        if not any(record.get("outcome") == COMPLETED for record in seen):
            reason = _most(record.get("reason") for record in seen)
            yield f"round {number} did not complete: {reason or 'no reason given'}"


def _disagreements(honest: Sequence[Witness], names: Mapping[str, str]) -> Iterable[str]:
    for number in sorted({n for each in honest for n in each.rounds}):
        models: dict[object, list[str]] = {}
        for each in honest:
            held = each.rounds.get(number, {}).get("model_hash")
            if held is not None:
                models.setdefault(held, []).append(names[each.peer])
        if len(models) > 1:
            sides = " against ".join(", ".join(side) for side in models.values())
            yield f"round {number}: honest peers hold {len(models)} different models: {sides}"


def _framed(honest: Sequence[Witness], names: Mapping[str, str]) -> Iterable[str]:
    innocent = {each.peer for each in honest}
    for each in honest:
        for number, record in sorted(each.rounds.items()):
            for blame in blamed_in(record):
                if blame.get("peer") in innocent:
                    framed = names[str(blame["peer"])]
                    yield (
                        f"round {number}: {names[each.peer]} blames {framed}, which is honest: "
                        f"{blame.get('reason')}"
                    )


def _was_away(each: Witness, liar: Witness, honest: Sequence[Witness]) -> bool:
    """Whether it learnt the round in which the others blamed the liar from a certificate only."""
    named = {
        number
        for other in honest
        for number, record in other.rounds.items()
        if any(blame.get("peer") == liar.peer for blame in blamed_in(record))
    }
    return any(each.rounds.get(number, {}).get("reason") is not None for number in named)


def _uncaught(
    honest: Sequence[Witness], witnesses: Sequence[Witness], names: Mapping[str, str]
) -> Iterable[str]:
    """Liars in the protocol that some honest peer did not name, or did not miss."""
    for liar in witnesses:
        for each in honest:
            records = each.rounds.values()
            blamed = any(b.get("peer") == liar.peer for r in records for b in blamed_in(r))
            absent = any(liar.peer in absent_in(record) for record in records)
            who, what = names[each.peer], f"{names[liar.peer]} ({liar.lie})"
            if liar.lie in PROVEN and not blamed and not _was_away(each, liar, honest):
                yield f"{who} never blamed {what}"
            elif liar.lie in ABSENT and blamed:
                yield f"{who} blames {what}, whose silence proves nothing"
            elif liar.lie in ABSENT and not absent:
                yield f"{who} never found {what} absent"
