"""One line of each command as people type it: the end of its ``--help``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

EXAMPLES = """\
peerd init /srv/peerd --name "St. Mary's" --listen /ip4/203.0.113.10/tcp/4001 --data rows.csv
peerd group new --name sepsis --members cards/*.txt --task table --data rows.csv --label outcome \
--adversary 0.25 --out genesis.json
peerd group sign genesis.json --key /srv/peerd/peer.key
peerd group sign draft.json --config /srv/peerd/peerd.toml
peerd group merge */genesis.json --out genesis.json
peerd group verify genesis.json
peerd group show genesis.json
peerd group successor --join "12D3KooW…-3f0c Fifth House" --leave "Clinic 4" \
--rotate "12D3KooW…-6245=12D3KooW…-973a" --rounds 2000:4000 --out draft.json
peerd group rotate --key /srv/peerd/peer.key
peerd group approve successor.json --config /srv/peerd/peerd.toml
peerd group pause --config /srv/peerd/peerd.toml
peerd group resume --config /srv/peerd/peerd.toml
peerd data check rows.csv --label outcome --drop patient
peerd up genesis.json --config /srv/peerd/peerd.toml
peerd run --config /srv/peerd/peerd.toml
peerd status --config /srv/peerd/peerd.toml --follow --since 10m
peerd top --config /srv/peerd/peerd.toml
peerd dashboard --config /srv/peerd/peerd.toml
peerd rounds 3 --transcript round-3.bin --config /srv/peerd/peerd.toml
peerd peers --config /srv/peerd/peerd.toml --json
peerd model export --best --out model.safetensors --config /srv/peerd/peerd.toml
peerd model show model.safetensors
peerd model verify model.safetensors --genesis genesis.json
peerd model predict --model model.safetensors --data new.csv --out predictions.csv
peerd model evaluate --model model.safetensors --data labelled.csv
peerd blame list --config /srv/peerd/peerd.toml
peerd blame export 1 --out proof.bin --config /srv/peerd/peerd.toml
peerd abandon --config /srv/peerd/peerd.toml
peerd pause --config /srv/peerd/peerd.toml
peerd resume --config /srv/peerd/peerd.toml
peerd drain --config /srv/peerd/peerd.toml
peerd reload --config /srv/peerd/peerd.toml
peerd officer enroll --config /srv/peerd/peerd.toml
peerd officer reset boris --config /srv/peerd/peerd.toml
peerd officer pending --config /srv/peerd/peerd.toml
peerd officer confirm 5f0c3a9e --config /srv/peerd/peerd.toml
peerd officer withdraw 5f0c3a9e --config /srv/peerd/peerd.toml
peerd trail show --last 20 --config /srv/peerd/peerd.toml
peerd trail verify --config /srv/peerd/peerd.toml
peerd plan --peers 4,8,100 --adversary 0.1
peerd privacy plan --unit record --epsilon 2 --delta 1e-6 --rate 0.01 --rounds 180
peerd privacy plan --unit member --epsilon 8 --delta 1e-6 --noise 12 --sites 40 --liars 4
peerd privacy report --config /srv/peerd/peerd.toml --html privacy.html
peerd bench member --peers 1000 --params 100000 --adversary 0.1
peerd bench round --peers 8 --params 100000 --json
peerd bench model --peers 1000 --params 10000
peerd bench wire --peers 8 --params 100000
peerd bench liars --peers 24 --adversary 0.3
peerd swarm --peers 8 --rounds 30 --liars 2 --attack sign-flip --json result.json
peerd swarm --aggregator dp-sgd --epsilon 8 --delta 1e-6 --rounds 20 --json private.json
peerd demo --out demo-out
peerd simulate --seeds 0:100 --peers 4
peerd simulate --seeds 0:100000 --cluster tcp://10.0.0.7:8786
peerd lab run configs/lab/table.toml --out lab-out --processes 4
peerd lab report lab-out --out report.html
peerd lab privacy --quick
peerd audit FOLDER --genesis genesis.json --report report.html
peerd open evidence.sealed --out evidence.bin
peerd storage encrypt --config /srv/peerd/peerd.toml
peerd storage rotate --to file:/media/key/second.key --config /srv/peerd/peerd.toml
peerd storage check --config /srv/peerd/peerd.toml --json
peerd doctor --config /srv/peerd/peerd.toml
peerd doctor --level enhanced --config /srv/peerd/peerd.toml
peerd completion bash
peerd version --json
"""


def add_examples(parser: argparse.ArgumentParser) -> None:
    """To ``parser`` of one command, and those of its verbs."""
    for each in parsers_of(parser):
        lines = [line for line in EXAMPLES.splitlines() if line.startswith(f"{each.prog} ")]
        word = "example" if len(lines) == 1 else "examples"
        shown = "\n".join(f"  {line}" for line in lines)
        each.epilog = f"{each.epilog}\n\n" if each.epilog else ""
        each.epilog += f"{word}:\n{shown}"
        each.formatter_class = argparse.RawDescriptionHelpFormatter


def parsers_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """``parser`` and, below it, each of its verbs'."""
    yield parser
    for verb in verbs_of(parser).values():
        yield from parsers_of(verb)


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """By name; none where it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
