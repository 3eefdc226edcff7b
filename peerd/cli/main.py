"""``peerd``: the entry point, which can be interrupted from its first line on."""

from __future__ import annotations

import sys

INTERRUPTED = 130
FAILURE = 1
USAGE = 2
PYTHON = (3, 11)


def main(argv: list[str] | None = None) -> int:
    """Run the command that ``argv`` names, the process's own if None. The exit code; see
    peerd/cli/dispatch.py.
    """
    if sys.version_info < PYTHON:  # pip refuses it; a clone on the path does not
        print(f"peerd: error: {_too_old()}", file=sys.stderr)
        return USAGE
    try:
        if argv is None:
            from peerd.cli.streams import prepare

            prepare()
        from peerd.cli.dispatch import dispatch

        return dispatch(sys.argv[1:] if argv is None else argv)
    except ImportError:  # of what every command needs; dispatch explains a command's own
        from peerd.requirements import broken

        wrong = broken()
        if wrong is None:
            raise
        print(f"peerd: error: {wrong}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        return INTERRUPTED


def _too_old() -> str:
    version, wanted = (".".join(map(str, each)) for each in (sys.version_info[:3], PYTHON))
    make = f"python{wanted} -m venv DIRECTORY, and install peerd there"
    return f"{sys.executable} is Python {version}, and {wanted} or later is needed; {make}"


if __name__ == "__main__":
    sys.exit(main())
