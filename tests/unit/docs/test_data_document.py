"""docs/data.md: its example runs, and prints what stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.tasks.columns import MISSING, ODD_SHARE
from peerd.tasks.dialect import MAX_FILE_BYTES
from peerd.tasks.encoding import MAX_DEVIATION
from peerd.tasks.examination import MIN_ROWS
from peerd.tasks.reading import MAX_ROWS
from peerd.tasks.schema import MAX_COLUMNS

TEXT = (Path(__file__).parents[3] / "docs" / "data.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ peerd ([^\n]*)\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_prints_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(program, "docs/data.md", "exec"), {})
    assert len(EXAMPLES) == 2
    codes = []
    for line, expected in EXAMPLES:
        codes.append(main(shlex.split(line)))
        assert capsys.readouterr().out == expected
    assert codes == [7, 0]


def test_the_bounds_are_the_codes() -> None:
    for stated in (
        f"At most {MAX_COLUMNS:,} columns, {MAX_ROWS:,} rows and {MAX_FILE_BYTES >> 30} GiB",
        f"fewer than {MIN_ROWS} rows hold",
        f"more than {MAX_DEVIATION:.0f} scales from the mean",
    ):
        assert stated in TEXT.replace("\n", " ").replace("   ", " ")
    assert ODD_SHARE == 1 / 20
    (listed,) = re.findall(r"\*\*Empty, (.*?) are missing", TEXT, re.DOTALL)
    assert {""} | {each.lower() for each in re.findall("`([^`]*)`", listed)} == MISSING
