"""What a release leaves to auditors, made by its daemons: tests/vectors/releases/VERSION.tar.gz.

    python -m tests.local.record_release tests/vectors/releases/0.2.0.tar.gz

Four daemons, one of them a liar, who is blamed; the group pauses and goes on, and one member
rotates its key. ``files`` is what a member would send an auditor, ``peer`` its directory without
its keys, ``found.json`` what the audit of the files found. Later releases must verify both, and
find the same (tests/unit/audit/test_releases.py).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from peerd.cli.task_arguments import TaskRequest
from peerd.group import load
from peerd.laboratory.swarm.process import LYING_DAEMON
from tests.local.sites import Site, founded, run, until
from tests.local.test_handover import Years, approve, pause_and_go_on, rounds_on

SMALL = TaskRequest("digits", "rsa", {"hidden": 1}, {})
KEEP = 8
"""Rounds whose transcripts, sums and models the first member keeps: few, for a small directory."""


FOUND = ("verdict", "rounds", "rounds_with_transcript", "handovers", "blamed")


def main(archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        folder = Path(name)
        out = folder / "release"
        with founded(folder / "g", 4, SMALL) as (*sites, _):
            successor = played(sites, folder)
            exported(sites[0], out / "files")
            for site in sites:
                site.stop()
            kept(sites[0], out / "peer")
        for number, document in enumerate([sites[0].genesis, successor]):
            shutil.copyfile(document, out / "files" / f"genesis-{number}.json")
        first = load(sites[0].genesis).group_id.hex()
        found = json.loads(run("audit", str(out / "files"), "--genesis", first, "--json"))
        said = {"genesis": first, **{name: found[name] for name in FOUND}}
        (out / "found.json").write_text(json.dumps(said, indent=2) + "\n")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "w:gz") as tar:
            for part in ("files", "peer", "found.json"):
                tar.add(out / part, part, filter=anonymous)


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of whoever made it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def played(sites: Sequence[Site], folder: Path) -> Path:
    """The document of the group that goes on at the end."""
    honest, liar = sites[:3], sites[3]
    config = sites[0].config
    config.write_text(config.read_text().replace("keep = 128", f"keep = {KEEP}"))
    for site in honest:
        site.start()
    liar.start("-m", LYING_DAEMON, "--attack", "bad-share")
    first = sites[0]
    until("it is blamed", lambda: bool(first.ask("/v1/blame").get("blamed")), sites)
    rounds_on(honest)
    pause_and_go_on(honest)
    file = Years(sites, folder).draft(honest[1])
    for site in honest:
        approve(site, file)
    group = load(file).group_id.hex()
    until("it goes over", lambda: all(site.group() == group for site in honest), sites)
    rounds_on(honest, 2)
    for site in honest:  # so that nothing goes on while the files are written
        run("group", "pause", "--config", str(site.config))
    until("it rests", lambda: all(s.ask().get("state") == "resting" for s in honest), sites)
    return file


def exported(site: Site, files: Path) -> None:
    """By the documented commands."""
    files.mkdir(parents=True)
    config = ("--config", str(site.config))
    last = site.head() - 1  # behind it is the pause
    for number in (0, last):  # what blame was in is kept for good
        run("rounds", str(number), "--transcript", str(files / f"round-{number}.bin"), *config)
    run("blame", "export", "1", "--out", str(files / "blame-1.bin"), *config)
    run("model", "export", "--round", str(last), "--out", str(files / "model.safetensors"), *config)
    run("rounds", "--certificates", str(files / "certificates.bin"), *config)


def kept(site: Site, peer: Path) -> None:
    """Of a stopped daemon; its log of writes is in the database then."""
    peer.mkdir(parents=True)
    shutil.copyfile(site.genesis, peer / "genesis.json")
    shutil.copytree(
        site.data, peer / "data", ignore=shutil.ignore_patterns("run", "training", "lock")
    )
    database = sqlite3.connect(peer / "data/peerd.sqlite3")
    database.execute("VACUUM")
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
