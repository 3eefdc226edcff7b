"""``peerd run`` whose member says neither its sum nor a result, from round 1 on."""

from __future__ import annotations

import argparse
import sys

from peerd.cli.daemon import add_config_argument, load_config
from peerd.laboratory.adversaries.daemon import lying
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.openers import SilentOpener
from peerd.runner.crew import Crew
from peerd.runner.daemon import run
from protocols.wire.frames import SumFrame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement

ROUND = 1


class NoSums(SilentOpener):
    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return None if self.at.round >= ROUND else frame

    def instead(self, said: Statement) -> Statement | None:
        late = said.kind is Kind.RESULT and self.at.round >= ROUND
        return None if late else said


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_config_argument(parser)
    sys.exit(run(load_config(parser.parse_args()), crew=Crew(session=lying(Lie(NoSums)))))
