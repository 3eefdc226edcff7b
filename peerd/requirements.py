"""The packages that this peerd is made for, as its metadata names them, against those installed."""

from __future__ import annotations

import importlib.metadata
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import peerd

PACKAGES = (
    *("libp2p", "trio", "numpy", "torch", "PyNaCl", "cryptography", "msgpack", "h11", "structlog"),
    *("prometheus_client", "rich"),
)
"""What every node has."""

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)", re.ASCII)
_BOUND = re.compile(r"(==|>=|<)(\d[^,\s]*)", re.ASCII)
_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {"==": operator.eq, ">=": operator.ge, "<": operator.lt}
)


def installed(package: str) -> str | None:
    """The version that is installed; None where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def wanted() -> dict[str, str]:
    """By package (in small letters), an extra's too, the versions that peerd takes
    (``>=1.23,<2``). Empty where peerd was not installed, but lies on the path.
    """
    try:
        lines = importlib.metadata.requires("peerd") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    matches = (_REQUIREMENT.match(line) for line in lines)
    return {_normal(match[1]): _readable(match[2]) for match in matches if match}


def fits(version: str, versions: str) -> bool:
    """Whether ``version`` (a build's label left out) is one of ``versions``."""
    return all(
        _HOLDS[relation](_numbers(version), _numbers(bound))
        for relation, bound in _BOUND.findall(versions)
    )


def misfit(package: str, *, core: bool = True) -> str | None:
    """What is wrong with a package, and what to type; None where nothing is. Only one of the
    ``core`` has to be there.
    """
    here, versions = installed(package), wanted().get(_normal(package), "")
    if here is None:
        return f"{package} is not installed; {_install(package, versions)}" if core else None
    if fits(here, versions):
        return None
    made = f"peerd {peerd.__version__} is made for {versions.removeprefix('==')}"
    return f"{package} {here} is installed, and {made}; {_install(package, versions)}"


def broken() -> str | None:
    """What is wrong with one of a node's packages, why a module of it could not be imported: one
    that is missing, or else of another version.
    """
    wrong = sorted(filter(misfit, PACKAGES), key=lambda package: installed(package) is not None)
    return misfit(wrong[0]) if wrong else None


def _install(package: str, versions: str) -> str:
    return f"pip install '{package}{versions}'"


def _normal(package: str) -> str:
    """The one spelling of a name: PyNaCl and pynacl are one package."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _readable(versions: str) -> str:
    """The lower bound first: metadata has them in the alphabet's order."""
    return ",".join(sorted(versions.strip().split(","), reverse=True))


def _numbers(version: str) -> tuple[int, ...]:
    """2.13.0+cpu is (2, 13), which 2.13 is as well."""
    parts = re.match(r"\d+(\.\d+)*", version, re.ASCII)
    numbers = [int(part) for part in parts[0].split(".")] if parts else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
