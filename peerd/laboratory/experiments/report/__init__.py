"""One self-contained HTML page of an experiment: tables and plots, no script, nothing fetched."""

from peerd.laboratory.experiments.report.page import write_report

__all__ = ["write_report"]
