"""The program: its commands register themselves here, and it is run here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text
from typer import Option

import seewhy
from seewhy.cli.options import InterruptedCommandError, err, flags_of
from seewhy.cli.report import first_line
from seewhy.errors import SeewhyError
from seewhy.startup import INTERRUPTED

app = typer.Typer(
    help="Shows why an image classifier decided what it did.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. A mistake is one line and code 2.

    Raises KeyboardInterrupt, with what is to be said beside "Interrupted" as its text.
    """
    command: Callable[..., Any] = typer.main.get_command(app)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with flags_of(command, arguments):
        return _run(command, arguments)


def _run(command: Callable[..., Any], arguments: Sequence[str]) -> int:
    try:
        code = command(args=arguments, standalone_mode=False, prog_name="seewhy")
    except SeewhyError as error:
        err.print(Text(f"Error: {first_line(error.message)}"))
        return 2
    except InterruptedCommandError as interrupt:
        raise KeyboardInterrupt(*interrupt.args) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        err.print(Text(f"Error: {error.format_message()}"))  # the parser's own: unknown option, missing argument
        return 2
    if code == INTERRUPTED:  # some versions of the parser turn Ctrl-C into this code themselves
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _print_version(asked: bool) -> None:
    if asked:
        print(f"seewhy {seewhy.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def seewhy_command(
    context: typer.Context,
    version: Annotated[bool, Option("--version", is_eager=True, callback=_print_version, help="Print it and end.")] = False,
) -> None:
    """Shows why an image classifier decided what it did."""
    if context.invoked_subcommand is None:  # the parser's own way turns the help into an error's message
        err.print(Text(context.get_help()))
        raise typer.Exit(2)
