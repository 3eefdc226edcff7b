"""What the protocol waits for, one type each. A timer's place says in which attempt."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.record.effects import Event, Timer


@dataclass(frozen=True, slots=True)
class OfAttempt(Event):
    """Of an attempt, and of nothing once its round is over."""


def is_over(timer: Timer, round_: int) -> bool:
    """Whether a peer that stands in ``round_`` has nothing to do when it rings."""
    return isinstance(timer.event, OfAttempt) and timer.place[0] < round_


# -- an agreement (§5) ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfView(OfAttempt):
    topic: int
    view: int


@dataclass(frozen=True, slots=True)
class ViewOver(OfView):
    """The time of a view has passed."""


@dataclass(frozen=True, slots=True)
class LocksDue(OfView):
    """The leader's wait for the locks of all has passed."""


@dataclass(frozen=True, slots=True)
class ViewWaits(OfView):
    """Still without a quorum that has announced this view: say it again."""


# -- an election (§2) -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommitsDue(OfAttempt):
    """``grace``: the short wait, for those alone that were absent before."""

    grace: bool = False


@dataclass(frozen=True, slots=True)
class RevealsDue(OfAttempt):
    pass


# -- a committee (§3, §5, §6) ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DealingsDue(OfAttempt):
    """``hurry``: more than t others have reported."""

    hurry: bool = False


@dataclass(frozen=True, slots=True)
class ReportsDue(OfAttempt):
    pass


@dataclass(frozen=True, slots=True)
class ReportsCompared(OfAttempt):
    pass


@dataclass(frozen=True, slots=True)
class ListsDue(OfAttempt):
    """``settled``: so long after a quorum of lists that all honest members' are here."""

    settled: bool = False


@dataclass(frozen=True, slots=True)
class AttestDue(OfAttempt):
    """What a relay has not been sent by now it does not wait for."""


@dataclass(frozen=True, slots=True)
class RelaysDue(OfAttempt):
    pass


@dataclass(frozen=True, slots=True)
class EvidenceCompared(OfAttempt):
    pass


@dataclass(frozen=True, slots=True)
class HaveDue(OfAttempt):
    """What has changed since is told to those that compare."""


@dataclass(frozen=True, slots=True)
class PatienceOver(OfAttempt):
    """From now on this member may give up on a cohort."""


@dataclass(frozen=True, slots=True)
class StillUndecided(OfAttempt):
    """Giving up should have worked twice over."""


@dataclass(frozen=True, slots=True)
class SumsDue(OfAttempt):
    """``last``: whoever was asked for the certificate since has not sent one."""

    last: bool = False


# -- a session (§6) -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SurveyOver(Event):
    """Whoever has not said where it stands is not waited for."""


@dataclass(frozen=True, slots=True)
class OfPeer(Event):
    peer: int


@dataclass(frozen=True, slots=True)
class AskAgain(OfPeer):
    """It gave no head: it may be starting itself."""


@dataclass(frozen=True, slots=True)
class FollowDue(OfPeer):
    """It showed that a round is over, and the certificate has not come of itself."""


@dataclass(frozen=True, slots=True)
class TooSlow(OfPeer):
    """Whether it has led on by enough rounds is looked at now. ``model``: it has none to give."""

    model: bool = False


@dataclass(frozen=True, slots=True)
class FetchAgain(OfAttempt):
    """No signer gave the certified sum: they are asked once more."""


@dataclass(frozen=True, slots=True)
class RecallOver(Event):
    """Whoever has not said what this peer signed may be lying."""


@dataclass(frozen=True, slots=True)
class CertificateLate(Event):
    """Others are a round further, and the certificate has not come."""


@dataclass(frozen=True, slots=True)
class AnswersDue(Event):
    """What some asked too often is answered now."""


@dataclass(frozen=True, slots=True)
class TimeCome(Event):
    """By this machine's clock the round's time has come; ``over``: none begins any more. The answer
    to ``AwaitTime``, given by the driver.
    """

    over: bool = False


@dataclass(frozen=True, slots=True)
class ReadyAgain(Event):
    """The round's time has come, and too few have said so: say it again."""


@dataclass(frozen=True, slots=True)
class RetryDue(OfAttempt):
    """The time is over in which those come back without whom an attempt had no quorum."""
