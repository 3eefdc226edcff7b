"""The names that an attack of a real daemon goes by."""

from __future__ import annotations

from peerd.errors import ConfigError
from peerd.laboratory.adversaries.lies import LIES, NOISE_LIES
from peerd.laboratory.experiments.attacks import ATTACKS as LEARNING_LIES

PROVEN = tuple(LIES)
"""Lies in the protocol: proven with evidence."""
SILENT = "silent"
"""Connected, and says nothing at all."""
ABSENT = (SILENT,)
"""Left out as absent, and not blamed."""
NAMES = (*LEARNING_LIES, *PROVEN, *NOISE_LIES, *ABSENT)


def check_name(name: str) -> str:
    """Raises ConfigError for a name that no attack has: its daemon would be an honest one."""
    if name not in NAMES:
        raise ConfigError(f"--attack {name}: no such attack", f"known ones: {', '.join(NAMES)}")
    return name
