"""The command line: ``seewhy classify | explain | layers | methods | demo``. It parses and prints; the surface does the work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from rich.text import Text

from seewhy.cli.commands import app
from seewhy.cli.options import err
from seewhy.errors import SeewhyError


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line: one line and exit code 2 for every mistake."""
    command: Callable[..., Any] = typer.main.get_command(app)
    try:
        code = command(args=argv, standalone_mode=False, prog_name="seewhy")
    except SeewhyError as error:
        err.print(Text(f"Error: {error.line}"))
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        err.print(Text(f"Error: {error.format_message()}"))  # the parser's own: unknown option, missing argument
        code = 2
    if code == 130:  # some versions of the parser turn Ctrl-C into this code themselves
        err.print("Interrupted.")
    sys.exit(code if isinstance(code, int) else 0)


__all__ = ["app", "main"]
