"""Who broke the protocol, and what proves it, in words."""

from __future__ import annotations

from collections.abc import Sequence

from peerd.cli.output import size
from peerd.dashboard.evidence import Proof
from peerd.dashboard.markup import Html, join, link, pairs, safe, tag
from peerd.dashboard.sources import Names, Sources

NOTE = (
    "Whoever is named here has broken the protocol, and what it signed proves it to anybody who has"
    " the genesis. Whoever was merely silent is absent, and not to blame."
)
HELD = {
    True: ("verified here", "good"),
    False: ("does not hold: it convicts nobody", "bad"),
    None: ("not here: ask another member for it", "note"),
}


def page(sources: Sources, proofs: Sequence[Proof]) -> Html:
    """One after the other, by round."""
    names = Names(sources.views.peers())
    if not proofs:
        nobody = tag(
            "p", "Nobody: there is no evidence against anybody here.", class_="verdict verified"
        )
        return join((tag("h1", "Blame"), nobody, tag("p", NOTE, class_="note")))
    shown = (_one(each, names) for each in proofs)
    return join((tag("h1", "Blame"), tag("p", NOTE, class_="note"), *shown))


def _one(proof: Proof, names: Names) -> Html:
    listed = proof.listed
    round_, number = listed["round"], listed["number"]
    said, kind = HELD[proof.holds]
    where = "a round before" if round_ is None else link(f"/rounds/{round_}", f"round {round_}")
    told: list[tuple[object, object]] = [
        ("what", listed["reason"]),
        ("where", where),
        ("evidence", tag("span", said, class_=kind)),
    ]
    if proof.words:
        told.append(("it holds", proof.words))
    if proof.holds is not None:
        kept = "kept" if listed["transcript"] else "not kept any more"
        told += [
            ("its hash", tag("code", listed["evidence"])),
            ("its size", size(proof.bytes)),
            ("the round's transcript", kept),
            ("as a file", tag("code", f"peerd blame export {number} --out proof.bin")),
        ]
    heading = tag("h2", safe(names.of(listed)))
    return tag("section", heading, pairs(told), class_="card blamed")
