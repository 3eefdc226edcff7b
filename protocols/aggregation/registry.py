"""The aggregators that a group may choose: those that ship, or a user's own in one file."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable

from protocols.aggregation.centered_clipping import CenteredClipping
from protocols.aggregation.centered_clipping_l2 import CenteredClippingL2
from protocols.aggregation.contract import AggregationError, Aggregator, Constants
from protocols.aggregation.dp_sgd import DpSgd
from protocols.aggregation.fltrust import FLTrust
from protocols.aggregation.rsa import Rsa
from protocols.aggregation.weighted_mean import WeightedMean

Factory = Callable[[Constants], Aggregator]

AGGREGATORS: dict[str, Factory] = {
    "centered-clipping": CenteredClipping.from_constants,
    "centered-clipping-l2": CenteredClippingL2.from_constants,
    "dp-sgd": DpSgd.from_constants,
    "fltrust": FLTrust.from_constants,
    "rsa": Rsa.from_constants,
    "weighted-mean": WeightedMean.from_constants,
}
_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def aggregator(name: str, constants: Constants) -> Aggregator:
    """The named rule; constants that are left out take their defaults. Raises AggregationError.

    ``name``: one of AGGREGATORS, or ``package.module:factory`` (docs/aggregators.md). The latter
    imports the module: the user's code runs, and what it raises passes through.
    """
    make = AGGREGATORS.get(name)
    if make is None:
        make = _own(name)
    return make(constants)


def _own(name: str) -> Factory:
    """The factory that the group's own module has."""
    if not _REFERENCE.fullmatch(name):
        known = ", ".join(sorted(AGGREGATORS))
        raise AggregationError(
            f"there is no aggregator {name!r}; there is {known}, or package.module:factory"
        )
    module_name, _, factory_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise AggregationError(
                f"aggregator {name}: module {error.name!r}, which it imports, is not installed"
            ) from error
        raise AggregationError(
            f"aggregator {name}: there is no module {error.name!r}; install it, or start peerd in"
            " its directory"
        ) from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise AggregationError(
            f"aggregator {name}: module {module_name} has no factory {factory_name}"
        )
    made: Factory = factory
    return made
