"""``peerd run`` that is killed, once, at a step of its way over to a successor: ``--at STEP``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peerd import identity
from peerd.cli.daemon import add_config_argument, load_config
from peerd.runner import ahead, daemon, records
from peerd.runner.succession import handover, membership, passage
from peerd.storage import Store

AFTER: dict[str, tuple[Any, str]] = {
    "the approval is kept": (ahead, "keep_approval"),
    "the handover is certified": (Store, "put_certificate"),
    "the draft is on disk": (handover.Handover, "store"),
    "the lineage is remembered": (daemon, "remember"),
    "the old key is overwritten": (identity, "_overwrite"),
    "the new key has its place": (membership, "_promoted"),
    "the directory has another owner": (Store, "set_owner"),
}
"""By step: what it is done by."""
BEFORE: dict[str, tuple[Any, str]] = {
    "the summary of the round is missing": (records.Records, "summary"),
    "it stays for the others": (passage.Passage, "linger"),
}
STEPS = (*AFTER, *BEFORE)
HANDOVERS = {"the handover is certified", "the summary of the round is missing"}
"""Steps that every round takes: only that of a handover is one."""


def arm(step: str, mark: Path) -> None:
    """``mark``: a file that says that it has died."""
    owner, name = AFTER.get(step) or BEFORE[step]
    real: Callable[..., Any] = getattr(owner, name)

    def dies(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs) if step in AFTER else None
        if mark.exists() or (step in HANDOVERS and not _hands_over(args)):
            return found if step in AFTER else real(*args, **kwargs)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")

    setattr(owner, name, dies)


def _hands_over(args: tuple[Any, ...]) -> bool:
    from peerd.runner.succession.lineage import handed_to

    found = args[-1] if isinstance(args[-1], bytes) else getattr(args[1], "certificate", b"")
    return bool(handed_to(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_config_argument(parser)
    parser.add_argument("--at", choices=STEPS, required=True)
    parser.add_argument("--mark", type=Path, required=True)
    args = parser.parse_args()
    arm(args.at, args.mark)
    sys.exit(daemon.run(load_config(args)))
