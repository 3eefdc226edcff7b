"""Dropped frames in the log: each of a few, and a number of the rest."""

from __future__ import annotations

from structlog.testing import capture_logs

from peerd.runner.drops import MAX_DROPS_LOGGED, Drops


def test_rubbish_does_not_fill_the_log_and_each_round_counts_anew() -> None:
    drops = Drops()
    for _ in range(2):
        with capture_logs() as logged:
            for _ in range(1000):
                drops.note("p7", "not canonical")
            drops.note("p1", "too long")
            drops.next_round()
            drops.next_round()
        each = [line for line in logged if line["event"] == "frame dropped"]
        assert [line["peer"] for line in each] == ["p7"] * MAX_DROPS_LOGGED + ["p1"]
        assert {line["reason"] for line in each} == {"not canonical", "too long"}
        (rest,) = (line for line in logged if line["event"] == "more frames dropped")
        assert (rest["peer"], rest["number"]) == ("p7", 1000 - MAX_DROPS_LOGGED)
