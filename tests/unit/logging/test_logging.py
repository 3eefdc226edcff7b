"""Logs: bounded, on one line, without secrets. Fault row 53."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import structlog

from peerd.config import LogFormat
from peerd.errors import ConfigError, with_kind
from peerd.logging import MAX_LOGGED_ITEMS, MAX_LOGGED_TEXT, configure
from protocols.secret import Secret

ROOT = Path(__file__).resolve().parents[3]

CANARY = b"canary-canary-canary-canary-1234"


@dataclass
class Holder:
    seed: bytes


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(format: LogFormat, /, **values: Any) -> str:
    stream = io.StringIO()
    configure("info", format, stream)
    structlog.get_logger("test").warning("it happened", **values)
    return stream.getvalue()


def as_json(**values: Any) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(logged("json", **values))
    return result


@pytest.mark.parametrize("format", ["console", "json"])
@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        bytearray(CANARY),
        memoryview(CANARY),
        Secret(CANARY),
        Holder(CANARY),
        [CANARY],
        {"seed": CANARY},
        {CANARY: 1},
        ({"deep": [{CANARY}]},),
        [[[[[[CANARY]]]]]],
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_secret_is_printed(format: LogFormat, value: Any) -> None:
    text = logged(format, value=value)
    assert "it happened" in text
    for form in (CANARY.decode(), CANARY.hex()):
        assert form not in text


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_traceback_shows_no_local_variable(format: LogFormat) -> None:
    stream = io.StringIO()
    configure("info", format, stream)

    def inner() -> None:
        seed = CANARY.hex()
        raise RuntimeError(f"failed with {len(seed)} digits")

    try:
        inner()
    except RuntimeError:
        structlog.get_logger().exception("failed")
    assert "failed with 64 digits" in stream.getvalue()
    assert "in inner" in stream.getvalue()
    assert CANARY.hex() not in stream.getvalue()


def test_ordinary_values_are_shown() -> None:
    line = as_json(n=1, x=0.5, t=True, o=None, p=Path("/a"), f=Fraction(1, 3), e=ValueError("bad"))
    assert [line[key] for key in "nxtopfe"] == [1, 0.5, True, None, "/a", "1/3", "ValueError: bad"]
    assert line["level"] == "warning"
    assert line["timestamp"].endswith("Z")


def test_a_strangers_text_stays_on_its_line() -> None:
    for format in ("console", "json"):
        text = logged(format, peer="x\n2026 [error] all lost\x1b[2J")  # type: ignore[arg-type]
        assert text.count("\n") == 1
        assert "\x1b" not in text


def test_an_error_that_says_nothing_is_told_by_its_kind_alone() -> None:
    assert with_kind(OSError("no route")) == "OSError: no route"
    assert with_kind(TimeoutError()) == "TimeoutError"
    written = re.compile(r"__name__\}:? \{(error|value|e)\}")
    places = {
        file.name for file in (ROOT / "peerd").rglob("*.py") if written.search(file.read_text())
    }
    assert not places, "with_kind says it"


def test_everything_is_bounded() -> None:
    line = as_json(text="x" * 10**6, many=list(range(10**6)))
    assert len(line["text"]) == MAX_LOGGED_TEXT + 1
    assert len(line["many"]) == MAX_LOGGED_ITEMS


def test_the_level_filters() -> None:
    stream = io.StringIO()
    configure("warning", "json", stream)
    structlog.get_logger().info("quiet")
    assert stream.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "colored"), [(None, True), ("1", False), ("", True)])
def test_no_color(monkeypatch: pytest.MonkeyPatch, no_color: str | None, colored: bool) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    stream = Terminal()
    configure("info", "console", stream)
    structlog.get_logger().info("hello")
    assert ("\x1b[" in stream.getvalue()) == colored


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_full_disk_loses_lines_and_raises_nothing(format: LogFormat) -> None:
    full = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115
    try:
        with pytest.raises(OSError, match="No space left"):
            print("it is full", file=full, flush=True)
        configure("info", format, full)
        for _ in range(1000):
            structlog.get_logger("test").warning("it happened", text="x" * 100)
    finally:
        with suppress(OSError):
            full.close()


def test_a_file_that_was_moved_away_is_opened_anew_and_no_line_is_lost(tmp_path: Path) -> None:
    file, moved = tmp_path / "peerd.log", tmp_path / "peerd.log.1"
    log = structlog.get_logger("test")
    configure("info", "json", file=file)
    log.info("first")
    file.rename(moved)
    log.info("second")
    configure("info", "json", file=file)
    log.info("third")
    configure("info", "json")
    lines = {path: path.read_text().splitlines() for path in (moved, file)}
    assert [json.loads(line)["event"] for line in lines[moved]] == ["first", "second"]
    assert [json.loads(line)["event"] for line in lines[file]] == ["third"]


def test_a_file_is_appended_to_and_none_stays_open(tmp_path: Path) -> None:
    file = tmp_path / "peerd.log"
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        configure("info", "json", file=file)
        structlog.get_logger("test").info("it happened")
    configure("info", "json")
    assert len(file.read_text().splitlines()) == 20
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_can_not_be_opened_is_named_and_the_log_stays(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    for file in (tmp_path / "none" / "peerd.log", tmp_path):
        with pytest.raises(ConfigError, match=f"log.file {file} can't be opened"):
            configure("info", "json", file=file)
    structlog.get_logger("test").info("it happened")
    assert "it happened" in stream.getvalue()
