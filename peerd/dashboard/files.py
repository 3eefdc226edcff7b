"""What the page is made of beside its text: style, script, and what is vendored."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"} | {
    "svg": "image/svg+xml"
}
SERVED = {
    "page.css": "page.css",
    "page.js": "page.js",
    "icon.svg": "icon.svg",
    "htmx.js": "vendor/htmx.min.js",
    "uplot.js": "vendor/uPlot.iife.min.js",
    "uplot.css": "vendor/uPlot.min.css",
}
"""By the name under /static/: nothing else is read for whoever asks."""


@cache
def served(name: str) -> tuple[bytes, str] | None:
    """A file's bytes and their kind; None for a name that is none of SERVED."""
    if name not in SERVED:
        return None
    data = files(__package__).joinpath(SERVED[name]).read_bytes()
    return data, KINDS[name.rpartition(".")[2]]
