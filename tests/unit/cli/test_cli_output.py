"""Tables, sizes, colour only where a person looks, progress only after a second."""

from __future__ import annotations

import io
import threading

import pytest

from peerd.cli import output
from peerd.cli.output import colour, measures, progress, short, size, table, use_colour
from peerd.cli.rounds import row


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_table() -> None:
    text = table(("peer", "up"), [("a", True), ("bcd", None), ("e", 0.5)])
    assert text == "PEER  UP\na     yes\nbcd   -\ne     0.5"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e6, "2.5 MB")]
)
def test_size(count: float, text: str) -> None:
    assert size(count) == text


def test_short() -> None:
    assert (short(None), short("abc"), short("x" * 20 + "12345678")) == ("-", "abc", "…12345678")


def test_colour_is_for_terminals_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert colour("x", "red", Terminal()) == "\x1b[31mx\x1b[0m"
    assert not use_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert colour("x", "red", Terminal()) == "x"


def test_progress_is_silent_for_what_is_quick(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("reading"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(output, "PATIENCE_SECONDS", 0.0)
    shown = threading.Event()
    stream = Told(shown)
    monkeypatch.setattr("sys.stderr", stream)
    with progress("reading"):
        assert shown.wait(5)
    assert stream.getvalue() == "reading …\n"


class Told(io.StringIO):
    def __init__(self, told: threading.Event) -> None:
        super().__init__()
        self.told = told

    def flush(self) -> None:
        self.told.set()


def test_what_a_task_measures_stands_where_it_has_no_accuracy() -> None:
    metrics = {"rmse": 52.7534, "r2": 0.48891}
    assert measures(metrics) == "rmse 52.8, r2 0.489"
    assert [measures(each) for each in ({}, None, [1])] == ["", "", ""]
    shown = {"outcome": "completed", "accuracy": None, "metrics": metrics}
    assert row(shown)[3] == "rmse 52.8, r2 0.489"
    assert row(shown | {"accuracy": 0.5})[3] == 0.5
    assert row(shown | {"metrics": {}})[3] is None
    assert row(shown | {"warnings": ["accuracy is unknown: …"]})[3] == "unknown"
