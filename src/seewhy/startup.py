"""The first seconds of a command, in which the libraries are imported: what Ctrl-C does then, and the garbage collector."""

from __future__ import annotations

import gc
import os  # these four alone: until they are imported, Ctrl-C is Python's own
import signal
import sys

INTERRUPTED = 130  # the exit code of what Ctrl-C ended: 128 + SIGINT


def is_command() -> bool:
    """True in a process that was started as ``seewhy`` or ``python -m seewhy``; False where a program imports seewhy."""
    if sys.argv[:1] == ["-m"]:  # so it stands there until the module is found
        return ("-m", "seewhy") in zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
    (folder, file) = os.path.split(sys.argv[0]) if sys.argv else ("", "")
    return os.path.splitext(file)[0] == "seewhy" or (file == "__main__.py" and os.path.basename(folder) == "seewhy")


class CtrlCEndsTheCommand:
    """A context in which Ctrl-C ends the command at once; a program that imports seewhy as a library notices nothing.

    It is a handler, not ``except KeyboardInterrupt``: extension modules that are being imported swallow that, or turn it into
    errors of their own. keep : a command goes on like this behind the block, until another one ends.
    """

    def __init__(self, keep: bool = False) -> None:
        self._keep = keep

    def __enter__(self) -> None:
        self._is_ours = is_command() and signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _end)
        if self._is_ours:
            signal.signal(signal.SIGINT, _end)

    def __exit__(self, *_: object) -> None:
        if self._is_ours and not self._keep:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class NoCollection:
    """A context for the imports of a command, without garbage collection; a program that imports seewhy notices nothing.

    The collector would walk through the quarter million objects of torch several times, find nothing, and do it once more at the
    end of the process: a quarter of the time that ``import torch`` takes. What was imported is out of its reach from then on.
    """

    def __enter__(self) -> None:
        self._is_ours = is_command() and gc.isenabled()
        if self._is_ours:
            gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            gc.freeze()
            gc.enable()


def _end(*_: object) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)  # nothing has been written yet, so nothing is left half done
