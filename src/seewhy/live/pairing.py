"""Two frames at once, where every frame is explained and that is quick.

The threads of one pass wait for each other at every layer: two small passes side by side, each on half of the threads, take less
time than one after the other on all of them. It is not done in real time, where a frame on all threads comes sooner, nor for a
slow network or method, of which the second frame would only come later.
"""

from __future__ import annotations

import threading

import torch

QUICK = 0.03  # seconds for a frame, on all threads


class Pairing:
    """Whether two frames are explained at once, for the threads that explain them. possible : False where they never are."""

    def __init__(self, possible: bool) -> None:
        self.is_possible = possible
        self.threads = torch.get_num_threads()
        self._change = threading.Condition()
        (self._on, self._ended) = (False, False)

    @property
    def at_once(self) -> int:
        """Frames that are explained at once now: 1 or 2."""
        return 1 + self._on

    def lasted(self, seconds: float, threads: int) -> None:
        """A frame took so long on so many threads."""
        with self._change:
            self._on = self.is_possible and seconds * threads < QUICK * self.threads
            self._change.notify_all()

    def wait(self) -> None:
        """Until two are explained at once, or everything ends."""
        with self._change:
            self._change.wait_for(lambda: self._on or self._ended)

    def end(self) -> None:
        """Nobody waits any more."""
        with self._change:
            self._ended = True
            self._change.notify_all()
