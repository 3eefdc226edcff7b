"""How long a test waits for what must happen: a bound on hangs, never a claim about speed."""

HANG = 300.0
"""Seconds. No test may fail because a machine is busy; what is measured in time is virtual time."""
