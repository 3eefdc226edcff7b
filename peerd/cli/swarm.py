"""``peerd swarm``: a whole group of real daemons on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.evaluation import add_off_argument
from peerd.cli.output import colour, print_json, quiet_logs, share, size
from peerd.cli.places import check_file, check_new_directory
from peerd.cli.promise import add_promise_arguments
from peerd.cli.task_arguments import add_task_arguments, task_request
from peerd.extras import need

if TYPE_CHECKING:
    from peerd.cli.promise import Promise
    from peerd.cli.task_arguments import TaskRequest
    from peerd.laboratory.swarm.conduct import Outcome
    from peerd.laboratory.swarm.options import SwarmOptions


ROUNDS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See ``peerd swarm --help``."""
    parser.add_argument("--peers", type=int, default=8, metavar="N")
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="R",
        help=f"default: {ROUNDS}; with --epsilon the noise is the least that they need, and with a "
        "stated one as many as it allows",
    )
    parser.add_argument("--liars", type=int, default=0, metavar="B", help="the last B peers lie")
    add_common_arguments(parser)
    parser.add_argument(
        "--attack",
        default="sign-flip",
        metavar="NAME[,NAME…]",
        help="what the liars do: one for all, or one for each. On learning: sign-flip, bit-flip, "
        "gaussian, zero; in the protocol: bad-proof, bad-share, wrong-opening, equivocate, "
        "overcount (of held-out rows), silent; of noise: no-noise, poisoned-noise",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the result ('-': standard output)"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="accuracy per round, as a PNG")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep keys, logs, genesis and transcripts in DIR"
    )
    parser.add_argument(
        "--kill",
        action="append",
        default=[],
        metavar="PEER@ROUND",
        help="kill -9 a peer (counted from 0) in mid-round, and start it again",
    )
    parser.add_argument("--absent", type=int, metavar="E", help="absent peers to plan for")
    parser.add_argument(
        "--clients", type=int, metavar="S", help="peers that the coin draws to train in a round"
    )
    parser.add_argument(
        "--gone",
        type=int,
        metavar="N",
        help="honest peers that may be missing when the committee is drawn; with --absent 0 it is "
        "then smaller than the group",
    )
    parser.add_argument(
        "--weights",
        metavar="W,W,…",
        help="what each peer weighs, for a weighted aggregator (default: all weigh 1)",
    )
    add_promise_arguments(parser, "--delta")
    add_off_argument(parser)
    parser.add_argument(
        "--no-baselines", action="store_true", help="don't train the two curves to compare with"
    )


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``swarm`` and ``demo`` share."""
    add_task_arguments(parser, "digits")
    parser.add_argument("--seed", type=int, default=1, metavar="N")


def main(args: argparse.Namespace) -> int:
    """Run it; 1 when a promise was broken (a line each on standard error)."""
    options = parse_options(args)
    check_file("--json", args.json)
    if args.plot is not None:
        need("--plot", "matplotlib")
    check_file("--plot", args.plot)
    check_new_directory("--keep", args.keep)
    to_stdout = args.json == Path("-")
    outcome = run(options, keep=args.keep, compare=not args.no_baselines, quiet_stdout=to_stdout)
    if to_stdout:
        print_json(outcome.document)
    elif args.json is not None:
        write_document(outcome, args.json)
    if args.plot is not None:
        from peerd.laboratory.swarm.plot import plot

        plot(outcome.document, args.plot)
    return report(options, outcome, quiet=to_stdout)


def parse_options(args: argparse.Namespace) -> SwarmOptions:
    """The checked request. ConfigError, TaskError."""
    from peerd.cli.promise import promising
    from peerd.cli.weights import check_weights
    from peerd.laboratory.swarm.options import swarm_options

    work = task_request(args)
    rule = work.rule()  # a wrong one is refused before any key is made
    promise = _promise(args, work)
    rule = promising(promise, rule)
    options = swarm_options(
        peers=args.peers,
        rounds=_rounds(args, promise),
        work=work,
        liars=args.liars,
        attack=args.attack,
        seed=args.seed,
        kills=args.kill,
        absent=args.absent,
        gone=args.gone,
        clients=args.clients,
        weights=args.weights,
        evaluates=not args.no_evaluation,
        promise=promise,
    )
    if options.weights:
        stated = {f"peer {index}": weight for index, weight in enumerate(options.weights)}
        check_weights("--weights", work.aggregator, rule, stated)
    return options


def _promise(args: argparse.Namespace, work: TaskRequest) -> Promise | None:
    """The noise is for the rounds that are said, or the usual ones; a stated noise allows what it
    allows, however many are made here.
    """
    from peerd.cli.promise import NOISE, stated_promise

    return stated_promise(args, None if NOISE in work.constants else args.rounds or ROUNDS)


def _rounds(args: argparse.Namespace, promise: Promise | None) -> int:
    """At most; the group may stop before them, where its budget is spent."""
    from peerd.laboratory.swarm.options import MAX_ROUNDS

    usual = MAX_ROUNDS if promise is not None and promise.rounds is None else ROUNDS
    return usual if args.rounds is None else int(args.rounds)


def run(
    options: SwarmOptions, *, keep: Path | None, compare: bool, quiet_stdout: bool = False
) -> Outcome:
    """Run the swarm with a live table. KeyboardInterrupt once everything is stopped."""
    import trio

    from peerd.interruptible import interruptible
    from peerd.laboratory.swarm.conduct import conduct
    from peerd.laboratory.swarm.screen import Screen

    quiet_logs()
    screen = Screen(sys.stderr if quiet_stdout else sys.stdout)
    work = partial(conduct, options, screen, keep=keep, compare=compare)
    outcome: Outcome = trio.run(interruptible, work)
    return outcome


def write_document(outcome: Outcome, path: Path) -> None:
    """The result as one JSON document."""
    text = json.dumps(outcome.document, indent=2, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8")


def _ends(baselines: Any) -> str:
    """What each of the curves beside the swarm's ends at; empty without them."""
    from peerd.laboratory.swarm.baselines import LABELS

    last = {name: curve[-1] for name, curve in baselines.items() if curve}
    known = [(LABELS[name], value) for name, value in last.items() if value is not None]
    return "; ".join(f"{label} {share(value)}" for label, value in known)


def report(options: SwarmOptions, outcome: Outcome, *, quiet: bool = False) -> int:
    """Say how it ended; the exit code."""
    stream = sys.stderr if quiet else sys.stdout
    memory = max(outcome.run.resident, default=0)
    how = "" if outcome.document["outcome"] == "finished" else f" ({outcome.document['outcome']})"
    print(
        f"{options.peers} daemons, {outcome.rounds} rounds{how}, {outcome.run.seconds:.0f} s; "
        f"at most {size(memory)} of memory in a daemon (its training worker aside)",
        file=stream,
    )
    if ends := _ends(outcome.document["baselines"]):
        print(f"without the protocol it ends at: {ends}", file=stream)
    if outcome.audited:
        numbers = ", ".join(map(str, outcome.audited))
        print(f"verified by audit from transcript and genesis alone: round {numbers}", file=stream)
    if outcome.directory is not None:
        print(f"keys, logs, genesis and transcripts: {outcome.directory}", file=stream)
    for finding in outcome.findings:
        print(f"peerd: {colour('broken', 'red', sys.stderr)}: {finding}", file=sys.stderr)
    if not outcome.findings:
        verdict = "every round on one model at every honest peer; no honest peer blamed"
        print(colour(verdict, "green", stream), file=stream)
    return 1 if outcome.findings else 0
