"""What the protocol waits for, one type each. A timer's place says in which attempt."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.record.effects import Event

# -- an agreement (§5) ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfView(Event):
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
class CommitsDue(Event):
    """``grace``: the short wait, for those alone that were absent before."""

    grace: bool = False


@dataclass(frozen=True, slots=True)
class RevealsDue(Event):
    pass


# -- a committee (§3, §5, §6) ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DealingsDue(Event):
    """``hurry``: more than t others have reported."""

    hurry: bool = False


@dataclass(frozen=True, slots=True)
class ReportsDue(Event):
    pass


@dataclass(frozen=True, slots=True)
class ReportsCompared(Event):
    pass


@dataclass(frozen=True, slots=True)
class ListsDue(Event):
    """``settled``: so long after a quorum of lists that all honest members' are here."""

    settled: bool = False


@dataclass(frozen=True, slots=True)
class AttestDue(Event):
    """What a relay has not been sent by now it does not wait for."""


@dataclass(frozen=True, slots=True)
class RelaysDue(Event):
    pass


@dataclass(frozen=True, slots=True)
class EvidenceCompared(Event):
    pass


@dataclass(frozen=True, slots=True)
class HaveDue(Event):
    """What has changed since is told to those that compare."""


@dataclass(frozen=True, slots=True)
class PatienceOver(Event):
    """From now on this member may give up on a cohort."""


@dataclass(frozen=True, slots=True)
class StillUndecided(Event):
    """Giving up should have worked twice over."""


@dataclass(frozen=True, slots=True)
class SumsDue(Event):
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
class FetchAgain(Event):
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
class RetryDue(Event):
    """The time is over in which those come back without whom an attempt had no quorum."""
