"""What a member's machine tries before its operator signs."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.output import progress, quiet_logs
from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.group import Genesis


def measure(genesis: Genesis, path: Path, public: bytes, start: Path | None) -> None:
    """GroupError where this peer's machine is too slow for what the genesis allows, or where its
    first model is another. ``start``: the file of it, if not what the configuration says.
    """
    import trio

    from peerd.config import Config
    from peerd.runner.rehearsal import check_time, rehearse

    if not path.exists():
        raise ConfigError(
            f"there is no {path}, which says what data an update is to be timed on",
            "name yours with --config, or sign with --unmeasured",
        )
    task = Config.load(path, os.environ).task
    if start is not None:
        task = replace(task, start_from=start)
    quiet_logs()
    with progress("timing one update"):
        found = trio.run(rehearse, genesis, task, public)
    for line in found.warnings:
        print(f"warning: {line}", file=sys.stderr)
    print(check_time(found, genesis), file=sys.stderr)
