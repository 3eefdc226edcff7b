"""The oracle lives in the package: ``peerd simulate`` judges with it too."""

from peerd.laboratory.simulation.oracle import (
    Watch,
    check,
    check_audits,
    check_records,
    check_safety,
    honest,
)

__all__ = ["Watch", "check", "check_audits", "check_records", "check_safety", "honest"]
