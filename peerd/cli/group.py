"""``peerd group``: the genesis document, its signatures, its successors, and the group's acts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli import group_acts, group_sign, successor
from peerd.cli.current_group import running
from peerd.cli.daemon import add_config_argument
from peerd.cli.evaluation import add_evaluation_arguments, stated_rows
from peerd.cli.members import addresses_of, listed, names_of
from peerd.cli.output import print_json, progress, quiet_logs, say
from peerd.cli.pairs import deadlines
from peerd.cli.places import check_file
from peerd.cli.promise import (
    add_promise_arguments,
    add_rounds_argument,
    checked_rounds,
    stated_promise,
)
from peerd.cli.rhythm_arguments import add_rhythm_arguments, stated_rhythm
from peerd.cli.table_arguments import add_keep_argument
from peerd.cli.task_arguments import (
    add_task_arguments,
    task_request,
)
from peerd.cli.terms import print_group, summary
from peerd.errors import ConfigError
from peerd.labels import label

if TYPE_CHECKING:
    from peerd.group import Genesis

DEFAULT_OUT = Path("genesis.json")
RUNNING = ""
"""In the place of a file: the group that the daemon is in."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    _add_new(verbs.add_parser("new", help="write an unsigned genesis"))
    sign = _verb(verbs, "sign", "add your signature to a genesis")
    group_sign.add_sign_arguments(sign)
    merge = verbs.add_parser("merge", help="collect signatures from copies of one genesis")
    merge.add_argument("genesis", type=Path, nargs="+", metavar="GENESIS")
    merge.add_argument("--out", type=Path, required=True, metavar="FILE")
    merge.add_argument("--json", action="store_true", help="print one JSON document")
    _verb(verbs, "verify", "check that every member has signed, and that a plan exists")
    show = _verb(verbs, "show", "show what a genesis says and who has signed it")
    show.add_argument(
        "--diff",
        nargs="?",
        const=RUNNING,
        metavar="OLD",
        help="say what this draft changes in the group OLD (default: that of your daemon)",
    )
    add_config_argument(show)
    successor.add_arguments(
        verbs.add_parser("successor", help="draft a group that goes on from a running one")
    )
    group_acts.add_verbs(verbs)


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary)
    parser.add_argument("genesis", type=Path, metavar="GENESIS", help="the genesis document")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _add_new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="for people; the group's id is a hash")
    parser.add_argument(
        "--members",
        nargs="+",
        required=True,
        metavar="PEER[=WEIGHT] [NAME] [ADDRESS]|FILE",
        help="the members' cards, as files with one a line, or as they stand; a weight (number of "
        "samples) is for a weighted aggregator, and then each member states one; a name is each "
        "one's or nobody's; an address is where the others try first",
    )
    add_task_arguments(parser, None)
    add_keep_argument(parser)
    parser.add_argument(
        "--adversary", required=True, metavar="BETA", help="the share of peers that may lie: 0.1"
    )
    parser.add_argument(
        "--dropout", default="0", metavar="Q", help="the share that may be offline (default 0)"
    )
    parser.add_argument("--absent", type=int, metavar="E", help="absent members to plan for")
    parser.add_argument(
        "--clients",
        type=int,
        metavar="S",
        help="members that the coin draws to train in a round (default: all)",
    )
    parser.add_argument(
        "--delta",
        type=int,
        metavar="MS",
        help="milliseconds in which a small message between honest online members has arrived "
        "(default 1000); every deadline follows from this and the next two",
    )
    parser.add_argument(
        "--bandwidth",
        type=int,
        metavar="BYTES",
        help="bytes a second that a member sends, or receives, or checks (default 1000000)",
    )
    parser.add_argument(
        "--training",
        type=int,
        metavar="SECONDS",
        help="seconds that a member has from a model to its dealing (default: 4 times what one "
        "update takes here, and 10 at least)",
    )
    parser.add_argument(
        "--deadline",
        action="append",
        default=[],
        metavar="PHASE=MS",
        help="a longer one than follows, of commit, agreement, deal, check, relay, open or "
        "result, in milliseconds",
    )
    add_evaluation_arguments(parser)
    add_promise_arguments(parser)
    add_rounds_argument(parser)
    add_rhythm_arguments(parser)
    parser.add_argument(
        "--partition", default="0/1", metavar="I/N", help="your part of the data, for table"
    )
    parser.add_argument("--model-seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.verb in group_acts.VERBS:
        return group_acts.main(args)
    if args.verb == "successor":
        _say(args, successor.main(args), f"wrote {args.out}")
    elif args.verb == "new":
        _say(args, _new(args), f"wrote {args.out}")
    elif args.verb == "sign":
        _say(args, *group_sign.sign(args))
    elif args.verb == "merge":
        _say(args, _merge(args), f"wrote {args.out}")
    else:
        from peerd.group import load
        from peerd.runner.resume import setting_of

        genesis = load(args.genesis)
        if args.verb == "verify":
            genesis.verify()
            setting_of(genesis)
        if args.verb == "show" and args.diff is not None:
            old = running(args.config)[0] if args.diff is RUNNING else load(Path(args.diff))
            return _show_difference(old, genesis, as_json=args.json)
        _say(args, genesis, "every member has signed" if args.verb == "verify" else None)
    return 0


def _show_difference(old: Genesis, draft: Genesis, *, as_json: bool) -> int:
    from peerd.group.differences import differences

    found = differences(old, draft)
    if as_json:
        print_json({"group": draft.group_id.hex(), "follows": old.group_id.hex(), "changes": found})
    else:
        for line in found:
            say(line)
    return 0


def _new(args: argparse.Namespace) -> Genesis:
    import trio

    from peerd.cli.founding import BANDWIDTH, DELTA, Founding, found
    from peerd.cli.init import partition
    from peerd.cli.weights import check_weights
    from peerd.group import save
    from protocols.plan import PlanError, rational

    if args.out.exists():
        raise ConfigError(f"{args.out} exists already", "name a new file with --out")
    check_file("--out", args.out)
    quiet_logs()
    request = task_request(args)
    try:
        adversary, dropout = rational(args.adversary), rational(args.dropout)
    except PlanError as error:
        raise ConfigError(f"--adversary, --dropout: {error}") from None
    stated = listed(args.members)
    names = names_of(stated)
    weights = {each.public: each.number for each in stated}
    check_weights(
        "--members",
        request.aggregator,
        request.rule(),
        {_who(public, names): weight for public, weight in weights.items()},
    )
    index, count = partition(args.partition)
    founding = Founding(
        name=args.name,
        task=request.task_class,
        aggregator=request.aggregator,
        roster=list(weights),
        adversary=adversary,
        dropout=dropout,
        absent=args.absent,
        clients=args.clients,
        task_options=request.options,
        constants=request.constants,
        deadlines=deadlines(args.deadline),
        delta=DELTA if args.delta is None else args.delta,
        bandwidth=BANDWIDTH if args.bandwidth is None else args.bandwidth,
        training=args.training,
        model_seed=args.model_seed,
        statistics=request.statistics,
        here=replace(request.here, partition=index, partitions=count),
        weights={public: weight for public, weight in weights.items() if weight is not None},
        names=names,
        held_out=stated_rows(args.held_out_rows, list(weights)),
        evaluates=not args.no_evaluation,
        rhythm=stated_rhythm(args),
        promise=stated_promise(args, checked_rounds(args)),
    )
    said: list[str] = []
    with progress("computing the first model, and one update"):
        genesis = trio.run(found, founding, said.append)
    for line in said:
        print(line, file=sys.stderr)
    genesis = replace(genesis, addresses=addresses_of(stated))
    save(genesis, args.out)
    return genesis


def _who(public: bytes, names: Mapping[bytes, str]) -> str:
    from peerd.identity import peer_id_of

    peer = peer_id_of(public)
    return label(names[public], peer) if names else peer


def _merge(args: argparse.Namespace) -> Genesis:
    from peerd.group import load, merge, save

    check_file("--out", args.out)
    first, *others = [load(path) for path in args.genesis]
    genesis = merge(first, others)
    save(genesis, args.out)
    return genesis


def _say(args: argparse.Namespace, genesis: Genesis, done: str | None) -> None:
    found = summary(genesis)
    if args.json:
        print_json(found)
        return
    if done is not None:
        print(done)
    print_group(genesis, found, terms=args.verb in ("show", "new"))
