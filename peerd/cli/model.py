"""``peerd model export|show|verify|predict|evaluate``: a certified model as a file, and in use."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from peerd.cli.model_evaluate import add_evaluate_arguments, evaluate
from peerd.cli.model_export import add_export_arguments, export
from peerd.cli.model_predict import add_predict_arguments, predict
from peerd.cli.output import progress
from peerd.errors import printable

MAX_SHOWN = 400  # characters of an option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    add_export_arguments(
        verbs.add_parser("export", help="write a model to a file, with what it is")
    )
    show = verbs.add_parser("show", help="what an exported model says of itself, unproven")
    show.add_argument("file", type=Path, metavar="FILE")
    verify = verbs.add_parser(
        "verify", help="whether an exported model is what the group certified"
    )
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument(
        "--genesis",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="the group's genesis document; once more for that of each successor",
    )
    add_predict_arguments(verbs.add_parser("predict", help="what a model says of each row"))
    add_evaluate_arguments(
        verbs.add_parser("evaluate", help="how good a model is on labelled rows")
    )


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    verbs = {
        "export": export,
        "show": _show,
        "verify": _verify,
        "predict": predict,
        "evaluate": evaluate,
    }
    return verbs[args.verb](args)


def _show(args: argparse.Namespace) -> int:
    from peerd.tensor_file import read_export

    found, _ = read_export(args.file)
    print("not verified; 'peerd model verify' does that with the group's genesis")
    _print(found)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from peerd.onnx_file import may_be_onnx
    from peerd.runner.evidence.export import verify_export
    from peerd.tensor_file import OWN

    with progress("verifying"):
        found = verify_export(args.file, *args.genesis)
    but = ", but for the running statistics" if OWN in found else ""
    print(f"verified: its numbers are the certified ones, and all of this is so{but}")
    if may_be_onnx(args.file):
        print("not verified: the graph that computes with them, and what is frozen in it")
    _print(found)
    return 0


def _print(found: dict[str, object]) -> None:
    from peerd.runner.evidence.export import STATE, own_in_words
    from peerd.tensor_file import OWN

    if STATE in found:
        found[STATE] = "what the rule keeps from round to round goes along"
    if isinstance(own := found.pop(OWN, None), dict):
        print(f"running statistics: {_shown(own_in_words(own))}")
    for name, value in found.items():
        if name != "certificate":
            print(f"{printable(name)}: {_shown(value)}")


def _shown(value: object) -> str:
    from peerd.decimals import numbers

    try:
        text = value if isinstance(value, str) else json.dumps(numbers(value), ensure_ascii=False)
    except RecursionError:
        text = "nested too deep"
    return printable(text[:MAX_SHOWN]) + ("…" if len(text) > MAX_SHOWN else "")
