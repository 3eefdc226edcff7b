"""The chain of certificates, and its verification here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from peerd.dashboard.certificates import Told
from peerd.dashboard.markup import NOTHING, Html, join, link, pairs, table, tag
from peerd.dashboard.sources import Sources
from peerd.dashboard.verifier import Idle, Running, State, Verdict

NOTE = (
    "Each round ends with a certificate, which a quorum signs and which names the one before. From"
    " the genesis on they are a chain, in which nothing can be changed afterwards."
)
NOT_PROVEN = (
    "Who trusts neither this node nor its software runs “peerd audit” on a machine of his own, over"
    " what this one hands out."
)


def page(sources: Sources, listed: Sequence[Told], state: State) -> Html:
    """The latest first."""
    groups = [
        (
            f"{each.genesis.name}, from round {each.first} on",
            tag("code", each.genesis.group_id.hex()),
        )
        for each in sources.epochs()
    ]
    asks = {"hx_get": "/part/verify/start", "hx_target": "#verdict", "hx_swap": "innerMorph"}
    start = link("/chain/verify", "Verify here", class_="button", **asks)
    return join(
        (
            tag("h1", "Chain of certificates"),
            tag("p", NOTE, class_="note"),
            tag("p", start),
            tag("div", verdict(state), id="verdict", role="status"),
            tag("h2", "From which genesis"),
            pairs(groups),
            tag("h2", "Certificates"),
            _certificates(listed),
            tag("p", NOT_PROVEN, class_="note"),
        )
    )


def verdict(state: State) -> Html:
    """What became of the verification; while it goes on, this asks for itself again."""
    match state:
        case Idle():
            return NOTHING
        case Running(done, head):
            bar = tag(
                "progress", max=max(head + 1, 1), value=done, aria_label="certificates verified"
            )
            asks = {"hx_get": "/part/verify", "hx_trigger": "every 1s", "hx_target": "#verdict"}
            said = f"verifying: {done} of {head + 1} "
            return tag("p", said, bar, **asks, hx_swap="innerHTML")
        case Verdict():
            return _verdict(state)


def _verdict(found: Verdict) -> Html:
    stamp = time.strftime("%H:%M:%S", time.localtime(found.at))
    count = f"{found.rounds} round" + ("" if found.rounds == 1 else "s")
    until = (
        f"{count} ({found.first} to {found.first + found.rounds - 1})"
        if found.rounds
        else "0 rounds"
    )
    if found.fault is not None:
        lines = (
            tag("strong", f"FAILED: {found.fault}"),
            tag("p", f"What holds before it: {until}; {stamp}"),
        )
        return tag("div", *lines, class_="verdict failed")
    since = (
        "from the genesis on" if found.whole else "from the handover on by which this node joined"
    )
    return tag(
        "div",
        tag("strong", f"VERIFIED: {until}, {since}"),
        tag("p", f"at {stamp}"),
        class_="verdict verified",
    )


def _certificates(listed: Sequence[Told]) -> Html:
    if not listed:
        return tag("p", "There is none yet.")
    last = listed[-1].round
    older = link(f"/chain?before={last}", "older ones") if last else NOTHING
    header = ("round", "outcome", "signed by", "certificate", "model")
    return join(
        (table("Certificates that are kept here", header, map(_row, listed)), tag("p", older))
    )


def _row(each: Told) -> Sequence[object]:
    number = link(f"/rounds/{each.round}", each.round)
    told = each.told
    if told is None:
        return number, tag("span", f"does not hold: {each.fault}", class_="bad"), None, None, None
    return (
        number,
        told["outcome"],
        len(told["signed"]),
        tag("code", told["certificate"]),
        tag("code", told["model_hash"]),
    )
