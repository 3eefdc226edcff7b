"""``peerd lab``: robust rules against attacks, measured; and what privacy attacks find."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from peerd.cli.lab_privacy import add_privacy
from peerd.cli.output import share
from peerd.cli.places import check_file, make_directory
from peerd.cli.pool import add_pool, check_pool, pool_of
from peerd.errors import ConfigError
from peerd.extras import need

EPILOG = """\
peerd lab run configs/lab/quick.toml           rules × attacks × liars × partitions × seeds
peerd lab run FILE --out DIR                   goes on where it was interrupted
peerd lab run FILE --cluster tcp://HOST:8786   by the workers of a Dask cluster
peerd lab report DIR                           one HTML page: tables and plots
peerd lab privacy --json FILE                  attacks on privacy, with intervals

docs/laboratory.md explains the files and what the rules and attacks are, docs/privacy-attacks.md
what was found on privacy.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The laboratory's own commands."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="lab_command", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_report(commands)
    add_privacy(commands)


def main(args: argparse.Namespace) -> int:
    """Run the chosen command."""
    code: int = args.run_lab(args)
    return code


def _add_run(commands: Any) -> None:
    run = commands.add_parser("run", help="run an experiment's cells that have no result yet")
    run.add_argument("experiment", type=Path, metavar="FILE", help="such as configs/lab/quick.toml")
    run.add_argument("--out", type=Path, metavar="DIR", help="default: lab-out/NAME of the file")
    add_pool(run)
    run.add_argument(
        "--data", action="append", default=[], metavar="KEY=PATH", help="a local task option"
    )
    run.add_argument("--list", action="store_true", help="list the cells and run none")
    run.set_defaults(run_lab=_run)


def _add_report(commands: Any) -> None:
    report = commands.add_parser("report", help="make one HTML page of an experiment's results")
    report.add_argument("directory", type=Path, metavar="DIR", help="what run wrote")
    report.add_argument("--out", type=Path, metavar="FILE", help="default: DIR/report.html")
    report.set_defaults(run_lab=_report)


def _run(args: argparse.Namespace) -> int:
    from peerd.laboratory.experiments.campaign import run
    from peerd.laboratory.experiments.experiment import read_experiment
    from peerd.laboratory.experiments.results import Directory

    check_pool(args)
    experiment = read_experiment(args.experiment, _data(args.data))
    if args.list:
        for cell in experiment.cells:
            print(f"{cell.identifier}  {cell.title}")
        return 0
    directory = Directory(args.out or Path("lab-out") / args.experiment.stem)
    make_directory("--out", directory.path)
    try:
        ran = run(experiment, directory, pool_of(args), _tell)
    except KeyboardInterrupt:
        finished = sum(map(directory.has, experiment.cells))
        print(
            f"peerd: interrupted; {finished} of {len(experiment.cells)} cells are finished, and the"
            " same command goes on from there",
            file=sys.stderr,
        )
        raise
    print(
        f"{len(experiment.cells)} cells, {ran} of them run now: "
        f"{directory.path / 'results.csv'}; peerd lab report {directory.path}"
    )
    return 0


def _report(args: argparse.Namespace) -> int:
    from peerd.laboratory.experiments.report import write_report
    from peerd.laboratory.experiments.results import Directory

    need("peerd lab report", "matplotlib")
    path = args.out or args.directory / "report.html"
    check_file("--out", args.out)
    write_report(Directory(args.directory), path)
    print(path)
    return 0


def _data(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        key, equals, path = pair.partition("=")
        if not (key and equals and path):
            raise ConfigError(f"--data {pair!r} is not KEY=PATH", "such as --data images=FILE")
        found[key] = str(Path(path).absolute())
    return found


def _tell(done: int, total: int, cell: Any, document: dict[str, Any]) -> None:
    last = document["evaluations"][-1]["accuracy"]
    left = "" if document["diverged"] is None else f", diverged in round {document['diverged']}"
    print(f"{done}/{total}  {cell.title}: {share(last)}{left}", file=sys.stderr, flush=True)
