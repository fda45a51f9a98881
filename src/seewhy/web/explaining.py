"""One thread that reads frames for all pages, and one that explains them and finds out which methods are fast enough."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from seewhy.classifier import Classifier
from seewhy.engine.threads import PassThreads
from seewhy.explain import automatic_choice, explain
from seewhy.explanation import Explanation
from seewhy.live.loop import CAM, FAST, MOST, NOT_POSSIBLE
from seewhy.methods import METHODS
from seewhy.methods.auto import AUTO, Choice

TRIAL = (480, 640)  # rows and columns of the frame that methods are tried with

Result = TypeVar("Result")


class Explainer:
    """Explains one frame after the other, whoever asks; to be used in a ``with``.

    method : "cam" becomes what "auto" takes where the network does not allow it. Pages take turns: one frame of each
    is explained or waits for that, and the one after it is read meanwhile.
    """

    def __init__(self, clf: Classifier, method: str = CAM) -> None:
        (self.clf, self.method) = (clf, method)
        self.methods: tuple[str, ...] = (method,)  # those that are offered; it grows while they are tried
        self._automatic: Choice | None = None  # what "auto" took
        self.classes = len(clf.class_names())
        self.tried = threading.Event()  # set when all methods were tried
        self._pool = ThreadPoolExecutor(1, "seewhy explaining", initializer=_leave_half)
        self._reading = ThreadPoolExecutor(1, "seewhy reading")
        self._closed = False
        self._frame = np.random.default_rng(0).integers(0, 256, (*TRIAL, 3), dtype=np.uint8)

    def __enter__(self) -> Explainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Find the network's plan and try the methods, one at a time, behind the frames that wait."""
        self._pool.submit(self._begin)

    def close(self) -> None:
        """End the threads; what is under way is finished first."""
        self._closed = True
        for pool in (self._reading, self._pool):
            pool.shutdown(wait=True, cancel_futures=True)

    async def read(self, work: Callable[[], Result]) -> Result:
        """The result of ``work``, done by the thread that reads."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of ``work``, done by the thread that explains."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def explain(self, photo: Any, method: str | None = None, target: int | None = None) -> Explanation:
        """One photo. Raises what ``explain`` raises."""
        method = self.method if method is None else method
        if method == AUTO:
            method = self._choose()
        budget = MOST if METHODS[method].sweeps else None
        class_ = target if target is not None and METHODS[method].by_class else "top1"
        # In a list: Ctrl-C belongs to the server.
        choice = self._automatic if self._automatic is not None and method == self._automatic.method else None
        asked = choice or method  # a choice says in the notes why
        explanations = explain(self.clf, [photo], asked, class_, progress=False, budget=budget)
        explanation: Explanation = explanations[0]
        return explanation

    def _begin(self) -> None:
        with contextlib.suppress(Exception):  # is said to the page, with its first frame
            try:
                self.explain(self._frame)
            except NOT_POSSIBLE:
                if self.method == CAM:
                    self._choose()
        self._try_next([name for name in METHODS if name != self.method])

    def _choose(self) -> str:
        """What "auto" takes for this network is the method from now on."""
        choice = self._automatic = automatic_choice(self.clf, [self.clf.read(self._frame)])
        self.method = choice.method
        self.methods = (self.method,)
        return self.method

    def _try_next(self, names: list[str]) -> None:
        """Try one method, and put the rest behind the frames that came in between."""
        if self._closed or not names:
            self.tried.set()
            return
        if self._is_fast(names[0]):
            self.methods = tuple(name for name in METHODS if name in (*self.methods, names[0]))
        try:
            self._pool.submit(self._try_next, names[1:])
        except RuntimeError:  # closed in between
            return

    def _is_fast(self, method: str) -> bool:
        """Whether a frame is explained in time; a method that plans something first gets a second try."""
        for _ in range(2):
            start = time.monotonic()
            try:
                explanation = explain(
                    self.clf, [self._frame], method, progress=False, budget=FAST if METHODS[method].sweeps else None
                )[0]
            except Exception:  # whatever a network stumbles over there
                return False
            seconds = time.monotonic() - start
            if seconds <= FAST and not explanation.partial:
                return True
            if seconds > 4 * FAST:
                return False
        return False


def _leave_half() -> None:
    """The browser and the thread that reads have work, too; on all threads a pass would wait for them."""
    threads = PassThreads()
    threads.use(threads.count // 2)
