"""What each field of a genesis may hold. Every error names the field (GroupError)."""

from __future__ import annotations

import re
from copy import deepcopy
from fractions import Fraction
from typing import Any

from peerd import decimals
from peerd.errors import GroupError
from peerd.identity import is_public_key
from protocols.aggregation.contract import AggregationError
from protocols.aggregation.evaluation import MAX_CLASSES, MAX_LOSS_BITS, MAX_ROWS, Evaluation
from protocols.hashing import DIGEST_BYTES
from protocols.plan import LARGEST_GROUP, SMALLEST_GROUP, PlanError, rational
from protocols.record.deadlines import PHASES
from protocols.wire.canonical import pack

MAX_DEADLINE = 24 * 3600 * 1000  # milliseconds
MIN_DELTA, MAX_DELTA = 10, 3600 * 1000  # milliseconds
MIN_BANDWIDTH, MAX_BANDWIDTH = 1000, 10**11  # bytes a second
MAX_TRAINING = 24 * 3600  # seconds
MAX_PARAMETERS = 10**9
MAX_WEIGHT = 1 << 20
MAX_NAME = 64  # characters
MAX_TASK = 200
MAX_CONSTANTS = 64
MAX_CONSTANT = 1 << 12
MAX_OPTION_BYTES = 1 << 20
MAX_OPTION_DEPTH = 5
MAX_SEED = (1 << 63) - 1
STATISTICS = ("refused", "local", "averaged")
"""What becomes of the running statistics of normalisation layers: the first unless said."""
STARTS = ("seed", "file")
"""Where the first model comes from: drawn from the seed, unless each member has a file of it."""

_REFERENCE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"  # as Python spells names, capitals too
_TASK = re.compile(rf"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*|{_REFERENCE}", re.ASCII)
_DECIMAL = '{"$decimal": "0.1"}'
_AGGREGATOR = re.compile(rf"[a-z][a-z0-9-]*|{_REFERENCE}", re.ASCII)


def refused(field: str, why: str) -> GroupError:
    return GroupError(f"genesis: {field} {why}")


def check_integer(field: str, value: object, least: int, most: int) -> int:
    if type(value) is not int:
        raise refused(field, f"must be an integer, not {shown(value)}")
    if not least <= value <= most:
        raise refused(field, f"must be in {least}…{most}, not {value}")
    return value


def check_text(field: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise refused(field, f"must be text, not {shown(value)}")
    if not value or len(value) > longest or not value.isprintable():
        raise refused(field, f"must be 1…{longest} printable characters, not {shown(value)}")
    return value


def check_task(value: object) -> str:
    text = check_text("task", value, MAX_TASK)
    if not _TASK.fullmatch(text):
        raise refused("task", f"must look like package.module:Class, not {shown(text)}")
    return text


def check_aggregator(value: object) -> str:
    text = check_text("aggregator", value, MAX_TASK)
    if not _AGGREGATOR.fullmatch(text):
        raise refused(
            "aggregator", f"must be a lower-case word or package.module:factory, not {shown(text)}"
        )
    return text


def check_mapping(field: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise refused(field, f"must be a table of names and values, not {shown(value)}")
    for key in value:
        check_unicode(field, key)
    return value


def check_unicode(field: str, text: str) -> None:
    """JSON can spell half a surrogate pair, and no encoding can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refused(field, f"holds half a character: {shown(text)}") from None


def check_roster(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, tuple | list):
        raise refused("roster", f"must be a list of public keys, not {shown(value)}")
    if not SMALLEST_GROUP <= len(value) <= LARGEST_GROUP:
        raise refused(
            "roster", f"must name {SMALLEST_GROUP}…{LARGEST_GROUP} peers, not {len(value)}"
        )
    for index, key in enumerate(value):
        if not isinstance(key, bytes) or not is_public_key(key):
            raise refused(f"roster[{index}]", "is not an Ed25519 public key")
        if index and key <= value[index - 1]:
            twice = key == value[index - 1]
            raise refused(f"roster[{index}]", "appears twice" if twice else "is out of order")
    return tuple(value)


def check_weights(value: object, members: int) -> tuple[int, ...]:
    """One weight a member; what is empty stands for all of them being 1, and has no other form."""
    if not isinstance(value, tuple | list):
        raise refused("weights", f"must be a list of whole numbers, not {shown(value)}")
    if not value:
        return ()
    if len(value) != members:
        raise refused("weights", f"must be {members}, one a member, not {len(value)}")
    weights = tuple(
        check_integer(f"weights[{index}]", weight, 1, MAX_WEIGHT)
        for index, weight in enumerate(value)
    )
    if set(weights) == {1}:
        raise refused("weights", "are left out where all are 1")
    return weights


EVALUATION = {"accuracy": 1, "classes": MAX_CLASSES, "loss_bits": MAX_LOSS_BITS}
"""The numbers of an evaluation beside its rows, and the most that each may be."""


def check_evaluation(value: object, members: int) -> Evaluation | None:
    """What the group counts of held-out rows: ``rows`` is one number a member. None: nothing."""
    if value is None or isinstance(value, Evaluation):
        found = value
    else:
        given = check_mapping("evaluation", value)
        if set(given) != {"rows", *EVALUATION}:
            raise refused("evaluation", f"must hold exactly rows, {', '.join(EVALUATION)}")
        if not isinstance(given["rows"], tuple | list):
            raise refused("evaluation.rows", "must be a list of whole numbers")
        rows = tuple(
            check_integer(f"evaluation.rows[{index}]", each, 0, MAX_ROWS)
            for index, each in enumerate(given["rows"])
        )
        of = {
            name: check_integer(f"evaluation.{name}", given[name], 0, most)
            for name, most in EVALUATION.items()
        }
        try:
            found = Evaluation(rows, bool(of["accuracy"]), of["classes"], of["loss_bits"])
        except AggregationError as error:
            raise refused("evaluation", f"contradicts itself: {error}") from None
    if found is not None and len(found.rows) != members:
        raise refused("evaluation.rows", f"must be {members}, one a member, not {len(found.rows)}")
    return found


def evaluation_content(evaluation: Evaluation) -> dict[str, Any]:
    """As plain values, which ``check_evaluation`` reads."""
    numbers = {name: int(getattr(evaluation, name)) for name in EVALUATION}
    return {"rows": list(evaluation.rows), **numbers}


def check_rational(field: str, value: object, below: Fraction) -> Fraction:
    if not isinstance(value, Fraction):
        raise refused(field, f"must be a rational, not {shown(value)}")
    if not 0 <= value < below:
        raise refused(field, f"must be at least 0 and below {below}, not {value}")
    parse_rational(field, str(value))  # bounds its length
    return value


def parse_rational(field: str, text: object) -> Fraction:
    """A rational in its one spelling: lowest terms, ``0`` or ``1/10``."""
    if not isinstance(text, str):
        raise refused(field, f'must be a rational such as "1/10", not {shown(text)}')
    try:
        value = rational(text)
    except PlanError as error:
        raise refused(field, f"is no rational: {error}") from None
    if str(value) != text:
        raise refused(field, f'must be in lowest terms, "{value}" and not {shown(text)}')
    return value


def check_deadlines(value: object) -> dict[str, int]:
    """Those that are longer than what is derived, which is for whoever knows rule and sizes."""
    deadlines = check_mapping("deadlines", value)
    for name in deadlines:
        if name not in PHASES:
            raise refused(f"deadlines.{name}", f"is unknown; known are {', '.join(PHASES)}")
    return {
        name: check_integer(f"deadlines.{name}", value, 1, MAX_DEADLINE)
        for name, value in deadlines.items()
    }


def check_constants(value: object) -> dict[str, int | str]:
    constants = check_mapping("constants", value)
    if len(constants) > MAX_CONSTANTS:
        raise refused("constants", f"has more than {MAX_CONSTANTS} entries")
    for name, constant in constants.items():
        check_text("constants", name, MAX_NAME)
        if type(constant) is int:
            check_integer(f"constants.{name}", constant, -(1 << 63), (1 << 64) - 1)
        elif not isinstance(constant, str) or len(constant) > MAX_CONSTANT:
            raise refused(
                f"constants.{name}",
                f"must be an integer or text (rationals as text), not {shown(constant)}",
            )
        else:
            check_unicode(f"constants.{name}", constant)
    return dict(constants)


def check_options(value: object) -> dict[str, Any]:
    options = check_mapping("task_options", value)
    _check_option("task_options", options, 0)
    if len(pack(options)) > MAX_OPTION_BYTES:
        raise refused("task_options", f"has more than {MAX_OPTION_BYTES} bytes")
    return deepcopy(options)


def _check_option(field: str, value: object, depth: int) -> None:
    if depth > MAX_OPTION_DEPTH:
        raise refused("task_options", f"nests more than {MAX_OPTION_DEPTH} deep")
    if isinstance(value, dict):
        if decimals.MARK in value and not decimals.is_kept(value):
            raise refused(field, f"must hold one decimal number as text, such as {_DECIMAL}")
        for name, item in check_mapping(field, value).items():
            _check_option(f"{field}.{name}", item, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_option(f"{field}[{index}]", item, depth + 1)
    elif type(value) is int:
        check_integer(field, value, -(1 << 63), (1 << 64) - 1)
    elif isinstance(value, str):
        check_unicode(field, value)
    elif isinstance(value, float):
        raise refused(
            field, f"is a float, which has no canonical form; write {_DECIMAL} for a number"
        )
    elif value is not None and not isinstance(value, bool):
        raise refused(field, f"must be text, a whole number, true or false, not {shown(value)}")


def check_statistics(value: object) -> str:
    if not isinstance(value, str) or value not in STATISTICS:
        raise refused("statistics", f"must be one of {', '.join(STATISTICS)}, not {shown(value)}")
    return value


def check_start(value: object) -> str:
    if not isinstance(value, str) or value not in STARTS:
        raise refused("starts_from", f"must be one of {', '.join(STARTS)}, not {shown(value)}")
    return value


def check_hash(field: str, value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != DIGEST_BYTES:
        raise refused(field, f"must be a hash of {DIGEST_BYTES} bytes, not {shown(value)}")
    return value


def shown(value: object) -> str:
    """A value as an error shows it: short, whatever a stranger put there."""
    text = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 60 else text[:59] + "…"
