"""Whom a peer waits for in a flip of the coin. Reads the machine, and changes nothing."""

from __future__ import annotations

from protocols.agreement.awaiting import awaited
from protocols.election.flip import Flip
from protocols.election.states import FlipState
from protocols.record.timers import CommitsDue, RevealsDue
from protocols.record.waits import Awaiting, Wait, wait
from protocols.wire.payloads import Topic

VOTE = {Topic.COMMITS: Awaiting.COMMITS_VOTE, Topic.REVEALS: Awaiting.REVEALS_VOTE}


def flip_waits(flip: Flip) -> tuple[Wait, ...]:
    match flip.state:
        case FlipState.COMMITTING:
            due = (CommitsDue(), CommitsDue(grace=True)) if flip._grace else (CommitsDue(),)
            return wait(Awaiting.COMMITMENT, _uncommitted(flip), due)
        case FlipState.REVEALING:
            return wait(Awaiting.REVEAL, _unrevealed(flip), (RevealsDue(),))
        case FlipState.AGREEING_COMMITS:
            return _agreement(flip, Topic.COMMITS)
        case FlipState.AGREEING_REVEALS:
            return _agreement(flip, Topic.REVEALS)
    return ()


def _uncommitted(flip: Flip) -> frozenset[int]:
    """The connected ones; anybody, for a peer that is cut off from a quorum."""
    if len(flip._present) < flip.party.setting.roster_quorum:
        return flip._heard.eligible - flip._heard.commits.keys()
    return flip._missing()


def _unrevealed(flip: Flip) -> frozenset[int]:
    commitments = flip._heard.commitments
    committed = commitments.commits if commitments is not None else ()
    return frozenset(peer for peer, _, _ in committed) - flip._heard.reveals.keys()


def _agreement(flip: Flip, topic: Topic) -> tuple[Wait, ...]:
    seen = flip._heard.seen[topic].keys()
    quorum = flip.party.setting.roster_quorum
    unheard = frozenset(flip.party.everyone()) - seen if len(seen) < quorum else frozenset()
    return awaited(flip.agreement(topic), VOTE[topic], unheard)
