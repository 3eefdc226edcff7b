"""A process with a daemon's face and nothing behind it: ``python scripted_daemon.py DIR SCRIPT``.

It serves the real status socket and plays rounds on a short clock, so that the orchestrator's
handling of processes can be tested without training anything. SCRIPT is JSON: ``rounds``,
``phase_seconds``, and what goes wrong: ``die_in``, ``stop_in`` (a round), ``deaf`` (to SIGINT).
"""

from __future__ import annotations

import json
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import trio

from peerd.status import StatusBoard, Views, serve_status

PHASES = ("commit", "deal", "check", "open")


def record(number: int) -> dict[str, Any]:
    return {
        "round": number,
        "outcome": "completed",
        "reason": None,
        "model_hash": f"{number:064x}",
        "accuracy": 0.5,
        "blamed": [],
        "absent": [],
        "seconds": 0.1,
        "bytes": 10,
        "phases": {},
    }


async def play(board: StatusBoard, history: Path, script: dict[str, Any]) -> None:
    done = json.loads(history.read_text()) if history.exists() else 0
    for number in range(done, script["rounds"]):
        if number == script.get("die_in"):
            print("peerd: error: the disk is full", file=sys.stderr)
            sys.exit(5)
        if number == script.get("stop_in"):
            await trio.sleep_forever()
        for phase in PHASES:
            board.publish("phase", round=number, attempt=0, phase=phase)
            await trio.sleep(script["phase_seconds"])
        history.write_text(json.dumps(number + 1))
        board.publish("round", **record(number))
    await trio.sleep_forever()


async def main(directory: Path, script: dict[str, Any]) -> None:
    history = directory / "history.json"
    board = StatusBoard()
    views = Views(
        peers=list,
        rounds=lambda limit: [record(n) for n in range(json.loads(history.read_text()))],
        round=record,
    )
    async with trio.open_nursery() as nursery:
        path = directory / "data" / "run" / "status.sock"
        await nursery.start(partial(serve_status, board, path, views))
        await play(board, history, script)


if __name__ == "__main__":
    asked = json.loads(sys.argv[2])
    if asked.get("deaf"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        trio.run(main, Path(sys.argv[1]), asked)
    except BaseExceptionGroup as group:
        exits = [each for each in group.exceptions if isinstance(each, SystemExit)]
        raise (exits[0] if exits else group) from None
