"""The report's sentences, for text and page alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from peerd.labels import label
from protocols.record.abandonment import WORDS

DRAW = (
    "Why these members sat: each member first commits to a random number, and reveals it once all"
    " have committed, so that nobody chooses it knowing another's. The hash of all revealed numbers"
    " is the round's seed. The seed alone puts the members in an order, by a shuffle that anybody"
    " can repeat, and the first ones of that order take the committee's seats. Where the committee"
    " is the whole group, the seed decides the order of the seats alone."
)
ORDER = (
    "Why these members sat: the committee is the whole group, so that nobody is drawn. The seed is"
    " a hash of the group, the round and the attempt, and orders the seats by a shuffle that"
    " anybody can repeat. Nothing that a member says goes into it."
)
ABANDONED = f"What the operators of an abandoned round signed: “{WORDS}”"
RESOLVED = {
    "paused": "the group rests until a quorum of its operators lets it go on",
    "handed over": "the group is over, and goes on as",
}
"""How a round ends that the operators ended, before anybody was elected in it."""
NOT_PROVEN = (
    "Verified is what a quorum signed, and that each round leads on from the one before. That the"
    " members' data are what they say, and that the computers of a quorum were their own, no"
    " signature can show. Rounds that come after the last one here may exist."
)


MAX_LISTED = 5
"""Files that are not read, by name; of the others their number."""


class Names:
    """How members are called: by their peer id, over all groups of a history."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._names = {
            member["peer"]: member["name"]
            for group in document["groups"]
            for member in group["members"]
        }

    def of(self, peer: str) -> str:
        """Its name, and the end of its id."""
        return label(self._names.get(peer), peer)

    def all(self, peers: Iterable[str]) -> str:
        """Several of them; “nobody” for none."""
        return ", ".join(map(self.of, peers)) or "nobody"


def verdict(document: Mapping[str, Any]) -> str:
    """One line: VERIFIED and what, or FAILED."""
    if document["verdict"] != "verified":
        return "FAILED: this history is not what it claims to be"
    extent = "from the genesis on" if document["from_genesis"] else "by itself"
    return f"VERIFIED: {rounds_in(document)}, {extent}"


def failure(lie: Mapping[str, Any]) -> str:
    """The first lie: what, where."""
    where = "" if lie["round"] is None else f"round {lie['round']}, "
    return f"{where}{lie['file']}: {lie['reason']}"


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is verified, as pairs of a heading and a sentence."""
    found = []
    if (lie := document["first_failure"]) is not None:
        found.append(("the first lie", failure(lie)))
        found.append(("verified before it", rounds_in(document)))
    for number, group in enumerate(document["groups"]):
        heading = "group" if not number else f"after handover {number}"
        found.append((heading, f"{group['name']}, genesis {group['group']}"))
    if not document["genesis_given"] and document["groups"]:
        said = "was found among these files: compare its hash with one that you trust"
        found.append(("the genesis", said))
    if not document["from_genesis"] and document["rounds"]:
        found.append(("not shown", f"what came before: {_begins(document)}"))
    found.append(("by transcript", _numbers(document, transcript=True)))
    found.append(("by certificate alone", _numbers(document, transcript=False)))
    model = document["model"]
    if model is None and document["first_failure"] is not None:
        found.append(("model", "none is verified"))
    elif model is None:
        found.append(("model", "none was given to compare"))
    else:
        said = f"{model['file']} is the one that round {model['round']} certified"
        found.append(("model", f"{said}; its hash is {model['hash']}"))
    if document["skipped"]:
        found.append(("not read", _listed(document["skipped"])))
    return found


def _begins(document: Mapping[str, Any]) -> str:
    if document["rounds"] == 1:
        return "this is a round without its predecessors"
    return "this history begins with a handover, as that of a member that joined does"


def rounds_in(document: Mapping[str, Any]) -> str:
    """How many, and which."""
    count = document["rounds"]
    if not count:
        return "0 rounds"
    numbers = [each["round"] for each in document["history"]]
    if count == 1:
        return f"1 round (round {numbers[0]})"
    return f"{count} rounds ({numbers[0]} to {numbers[-1]})"


def _listed(files: list[str]) -> str:
    """The first ones by name."""
    rest = len(files) - MAX_LISTED
    return ", ".join(files[:MAX_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _numbers(document: Mapping[str, Any], *, transcript: bool) -> str:
    numbers = [each["round"] for each in document["history"] if each["transcript"] is transcript]
    if not numbers:
        return "no round"
    return f"{len(numbers)} {'round' if len(numbers) == 1 else 'rounds'}: {ranges(numbers)}"


def ranges(numbers: list[int]) -> str:
    """Rising numbers for people: 0 to 3, 5, 8 to 9."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join(" to ".join(map(str, part)) for part in parts)


def blames(document: Mapping[str, Any], names: Names) -> list[str]:
    """A sentence for each proof."""
    return [
        f"{names.of(each['peer'])} {each['reason']} (round {each['round']}, by its own signature)"
        for each in document["blamed"]
    ]


def drew(each: Mapping[str, Any]) -> bool:
    """Whether a coin drew this round's committee."""
    return bool(each["revealed"])


def seating(rounds: Iterable[Mapping[str, Any]]) -> list[str]:
    """Why members sat in these rounds."""
    kinds = {drew(each) for each in rounds if each["seed"] is not None}
    return [said for is_drawn, said in ((True, DRAW), (False, ORDER)) if is_drawn in kinds]


def round_in_words(each: Mapping[str, Any], names: Names) -> list[tuple[str, str]]:
    """A round, as pairs of a heading and a sentence."""
    opened = each["opened"]
    if each["outcome"] in RESOLVED:
        return _resolution_in_words(each, names)
    found = [("took part", names.all(each["took_part"]))]
    for key, heading in (
        ("away", "away"),
        ("undrawn", "not drawn to deal"),
        ("guilty", "left out as guilty"),
        ("flips_voided_by", "voided a flip of the coin by silence"),
        ("abandoned_by", "given up by"),
    ):
        if each[key]:
            found.append((heading, names.all(each[key])))
    what = f"numbers of {len(each['revealed'])} members" if drew(each) else "group and the attempt"
    hashed = f"the {what} hash to the seed {each['seed']}"
    found.append(("seats in order", names.all(each["committee"])))
    found.append(("because", f"{hashed}, which puts them in this order"))
    found.append(("signed by", names.all(each["signed"])))
    if opened is None:
        found.append(("opened", "nothing: the cohort was given up, and the model stayed"))
    else:
        said = f"the sum of {opened['updates']} updates alone: {opened['integers']} integers"
        size = f"{opened['polynomials']} polynomials, {opened['bytes']} bytes in all"
        found.append(("opened", f"{said}, in {size}, under the hash {opened['root']}"))
    found.append(("model", each["model_hash"]))
    how = "transcript and certificate" if each["transcript"] else "certificate alone"
    found.append(("certificate", f"{each['certificate']}, verified by {how}"))
    return found


def _resolution_in_words(each: Mapping[str, Any], names: Names) -> list[tuple[str, str]]:
    said, goes_on = RESOLVED[each["outcome"]], each["successor"]
    how = "transcript and certificate" if each["transcript"] else "certificate alone"
    return [
        ("decided", said if goes_on is None else f"{said} {goes_on}"),
        ("signed by", names.all(each["signed"])),
        ("model", f"{each['model_hash']}, as before"),
        ("certificate", f"{each['certificate']}, verified by {how}"),
    ]
