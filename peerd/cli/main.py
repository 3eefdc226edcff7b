"""``peerd``: the entry point, which can be interrupted from its first line on."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run the command that ``argv`` names, the process's own if None. The exit code; see
    peerd/cli/dispatch.py.
    """
    try:
        if argv is None:
            from peerd.cli.streams import prepare

            prepare()
        from peerd.cli.dispatch import dispatch

        return dispatch(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
