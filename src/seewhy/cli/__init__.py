"""The command line: ``seewhy classify | explain | layers ...``. It parses and prints; the surface does the work."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from seewhy.startup import INTERRUPTED, CtrlCEndsTheCommand, NoCollection


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line: one line and exit code 2 for every mistake."""
    with CtrlCEndsTheCommand(), NoCollection():
        from seewhy.cli import auditing as auditing
        from seewhy.cli import commands as commands
        from seewhy.cli import confusion as confusion
        from seewhy.cli import doctor as doctor
        from seewhy.cli import known as known
        from seewhy.cli import live as live
        from seewhy.cli import measuring as measuring
        from seewhy.cli import reporting as reporting
        from seewhy.cli import running as running
        from seewhy.cli import showing as showing
        from seewhy.cli.app import run
    try:
        code = run(argv)
    except KeyboardInterrupt as interrupt:
        print(f"Interrupted{interrupt}.", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)


__all__ = ["main"]
