"""No core dumps: what a process that fails leaves on the disk would hold every key in it."""

from __future__ import annotations

import resource

_NONE = 1
"""Bytes. The kernel hands no dump to a program either (core_pattern with a pipe) at this limit,
which it does at 0."""


def forbid_core_dumps() -> None:
    """For this process and those that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    least = _NONE if most == resource.RLIM_INFINITY or most >= _NONE else most
    resource.setrlimit(resource.RLIMIT_CORE, (least, least))
