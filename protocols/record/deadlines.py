"""How long each phase waits: derived from what a group assumes of its network and its machines.

docs/protocol.md §0 ("Deadlines") has the same table with a proof for each line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from protocols.errors import ProtocolError

PATIENCE = 12
"""A member gives up on a cohort after so many times the agreement's deadline (§6)."""
MAX_PATIENCE = 8
"""The timeout of a view grows with its number up to this many times the deadline."""
PHASES = ("commit", "agreement", "deal", "check", "relay", "open", "result")
"""The deadlines that a group may lengthen; the others are parts of these."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes that one honest peer sends in a step, or receives, whichever is more
    (protocols/sizes.py). ``fetched`` is 0 where everybody has a seat and opens the sum, ``coins``
    where there is no noise.
    """

    recalled: int = 0
    commits: int = 0
    proposals: int = 0
    contested: int = 0
    locks: int = 0
    dealings: int = 0
    lists: int = 0
    evidence: int = 0
    deliveries: int = 0
    coins: int = 0
    sums: int = 0
    fetched: int = 0
    caught_up: int = 0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Milliseconds. The defaults are what Δ = 1 s and 18 s of training ask for, and no bytes."""

    commit: int = 4000
    recall: int = 2000
    grace: int = 500
    agreement: int = 4000
    lead: int = 1000
    deal: int = 20000
    check: int = 4000
    hurry: int = 1000
    have: int = 125
    settle: int = 2000
    attest: int = 2000
    relay: int = 6000
    open: int = 8000
    result: int = 8000
    behind: int = 2000

    def __post_init__(self) -> None:
        for item in fields(self):
            if getattr(self, item.name) < 1:
                raise ProtocolError(f"deadline {item.name} must be positive")

    def view(self, view: int) -> int:
        """The time of this view of an agreement."""
        return self.agreement * min(view + 1, MAX_PATIENCE)

    def leads(self, view: int) -> int:
        """How long this view's leader waits for everybody's locks."""
        return self.lead * min(view, MAX_PATIENCE)

    @property
    def lists(self) -> int:
        """How long a member waits for a quorum of lists: one that compares may begin ``check``
        later than the first one that is done, and take as long.
        """
        return 2 * self.check + self.settle

    @property
    def patience(self) -> int:
        """After which a member gives up on a cohort (§6)."""
        return PATIENCE * self.agreement

    def giving_up(self, leaders: int) -> int:
        """How long giving up may take where so many leaders fail, twice over."""
        return 2 * (leaders + 1) * self.view(MAX_PATIENCE)

    @property
    def phases(self) -> dict[str, int]:
        """Those that a group may lengthen."""
        return {name: getattr(self, name) for name in PHASES}

    def lengthened(self, stated: Mapping[str, int]) -> Deadlines:
        """With what a group states instead. ProtocolError where that is shorter: every reason in
        ``derive`` asks for so much at least, and none for no more.
        """
        for name, value in stated.items():
            if value < getattr(self, name):
                raise ProtocolError(
                    f"deadline {name} is {value} ms, and at least {getattr(self, name)} ms follow"
                    " from delta, bandwidth and training"
                )
        return replace(self, **stated)


def derive(delta: int, bandwidth: int, training: int, sizes: Sizes) -> Deadlines:
    """``delta``: milliseconds in which a small message between honest online peers arrives and is
    handled. ``bandwidth``: bytes a second that a peer sends, or receives, or checks and opens.
    ``training``: seconds from a model to a dealing.
    """

    def takes(size: int) -> int:
        return -(-1000 * size // bandwidth)

    # There and back, with what was signed.
    recall = 2 * delta + takes(sizes.recalled)
    # From the first certificate on: the decision is Δ late elsewhere, then a sum, which is opened,
    # then a result.
    behind_first = 3 * delta + takes(2 * sizes.sums)
    coin = delta + takes(sizes.coins) if sizes.coins else 0  # opened ahead of the sum
    behind_first += coin
    if sizes.fetched:  # who has no seat asks for the sum: there and back
        behind_first += 2 * delta + takes(sizes.fetched)
    # Who begins last, in the round or in its life (Δ after the others), is heard Δ later.
    commit = max(behind_first, recall + delta) + delta + takes(sizes.commits)
    # In the longest views all NEW_VIEWs are in: clocks 2Δ apart, and the last one's Δ.
    lead = max(delta, -(-(3 * delta + takes(sizes.locks)) // MAX_PATIENCE))
    # View 0: the last SEEN, proposal, first votes, second votes. The longest views: clocks 2Δ
    # apart, the leader's wait, three messages, with all that liars may add to them.
    longest = 5 * delta + MAX_PATIENCE * lead + takes(sizes.contested)
    agreement = max(4 * delta + takes(sizes.proposals), -(-longest // MAX_PATIENCE))
    # The election ends Δ later at the dealer, and its dealing takes Δ.
    deal = 1000 * training + 2 * delta + takes(sizes.dealings)
    # What a dealer has sent to one member reaches all: the rest of its upload, and Δ.
    hurry = delta + takes(sizes.dealings)
    have = max(1, delta // 8)
    # Reports: the others' (Δ), hurry, the check of all dealings, one's own (Δ), for members that
    # begin Δ apart. Comparisons: begun Δ apart, a HAVE (Δ, delayed by ``have``), what it lacks (Δ).
    check = hurry + 3 * delta + takes(sizes.dealings + sizes.evidence)
    # Once a quorum's lists are here, more than t honest ones are everywhere Δ later; whoever sees
    # so many lists too, and Δ after that all of them are here.
    settle = 2 * delta + takes(sizes.lists)
    # The ask reaches the dealer, and it the relays.
    attest = 2 * delta + takes(sizes.deliveries)
    # Relays begin 3Δ apart at most, with the lists; their word takes Δ. An answer is here before.
    relay = attest + 4 * delta + takes(sizes.lists)
    # Decision, sum, result; for who reconnects in between HELLO, the same again, a result; twice Δ
    # to spare. The sums are opened once they are here.
    open_ = 8 * delta + takes(2 * sizes.sums) + 2 * coin
    # HELLO, certificate, a request, the model; and once more elsewhere, if that was a liar.
    result = 8 * delta + takes(2 * sizes.caught_up)
    return Deadlines(
        commit=commit,
        recall=recall,
        # A courtesy: who misses it is absent once more. The others' commitments are in by then.
        grace=max(1, delta // 2),
        agreement=agreement,
        lead=lead,
        deal=deal,
        check=check,
        hurry=hurry,
        have=have,
        settle=settle,
        attest=attest,
        relay=relay,
        open=open_,
        result=result,
        # A courtesy too: results on their way come in it, and then nobody is asked.
        behind=2 * delta,
    )
