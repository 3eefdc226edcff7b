"""The states of a committee member, up to the decision on the cohort (docs/protocol.md §3, §5)."""

from __future__ import annotations

from enum import Enum


class Seat(Enum):
    """Where a committee member stands up to the decision on the cohort (§3, §5)."""

    DEALING = "waiting for dealings"
    REPORTING = "collecting reports"
    COMPARING = "comparing reports"
    LISTING = "collecting lists of the reports that members hold"
    RELAYING = "delivering what was asked for"
    ECHOING = "comparing evidence"
    AGREEING = "agreeing on the cohort"
    DECIDED = "cohort decided"


class SeatEvent(Enum):
    DEALT = "all dealings are in, or their deadline has passed"
    REPORTED = "all reports are in, or their deadline has passed"
    REPORTS_COMPARED = "all hold the same reports, or their deadline has passed, or others list"
    LISTED = "all lists are in, or the time is over in which those of honest members come"
    RELAYED = "every ask is answered, or the relays' deadline has passed"
    COMPARED = "all members hold the same evidence, or the deadline has passed"
    COHORT_DECIDED = "a quorum decided the cohort"


SEAT: dict[tuple[Seat, SeatEvent], Seat] = {
    (Seat.DEALING, SeatEvent.DEALT): Seat.REPORTING,
    (Seat.REPORTING, SeatEvent.REPORTED): Seat.COMPARING,
    (Seat.REPORTING, SeatEvent.REPORTS_COMPARED): Seat.LISTING,
    (Seat.COMPARING, SeatEvent.REPORTS_COMPARED): Seat.LISTING,
    (Seat.LISTING, SeatEvent.LISTED): Seat.RELAYING,
    (Seat.RELAYING, SeatEvent.RELAYED): Seat.ECHOING,
    (Seat.ECHOING, SeatEvent.COMPARED): Seat.AGREEING,
    (Seat.DEALING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.REPORTING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.COMPARING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.LISTING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.RELAYING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.ECHOING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.AGREEING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
}


class Openness(Enum):
    """Where the opening of a decided cohort stands (§6)."""

    FLIPPING = "opening the coin that noise gets its signs from"
    SUMMING = "opening the sum"
    OPENED = "the sum is open"
    CERTIFIED = "certified; the sum is still to come"
    COMPLETE = "certified, and the sum is open"
    CLOSED = "closed: late words are compared"


class OpeningEvent(Enum):
    FLIP = "enough words of the coin agree"
    OPEN = "enough words agree, or somebody shows the certified polynomials"
    CERTIFY = "a quorum of members signed one result"
    CLOSE = "the round is over, here or by others"


OPENING: dict[tuple[Openness, OpeningEvent], Openness] = {
    (Openness.FLIPPING, OpeningEvent.FLIP): Openness.SUMMING,
    (Openness.FLIPPING, OpeningEvent.CERTIFY): Openness.CERTIFIED,
    (Openness.SUMMING, OpeningEvent.OPEN): Openness.OPENED,
    (Openness.SUMMING, OpeningEvent.CERTIFY): Openness.CERTIFIED,
    (Openness.OPENED, OpeningEvent.CERTIFY): Openness.COMPLETE,
    (Openness.CERTIFIED, OpeningEvent.OPEN): Openness.COMPLETE,
    **{(state, OpeningEvent.CLOSE): Openness.CLOSED for state in Openness},
    (Openness.CLOSED, OpeningEvent.CERTIFY): Openness.CLOSED,
}
