"""Capture, network and drawing side by side; only the newest frame is explained."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

from threadpoolctl import threadpool_limits

from seewhy.classifier import Classifier, check_photos
from seewhy.engine.threads import PassThreads, stopped_by
from seewhy.errors import GradientError, LayerError, MethodError, OptionError, setting
from seewhy.explain import automatic_choice, check_classifier, explain
from seewhy.explanation import Explanation
from seewhy.live.handover import Closed, Handover
from seewhy.live.pairing import Pairing
from seewhy.live.sources import Frame, FrameSource, open_source
from seewhy.methods import METHODS
from seewhy.methods.auto import AUTO, Choice
from seewhy.preprocess import Preprocess

RECENT = 30  # frames over which the rate is taken, and whose largest value is the scale
FAST = 0.25  # seconds for a frame: methods that take longer are not offered
MOST = 1.0  # seconds after which a method of many passes shows what it has, where frames do not wait
CAM = "cam"  # the default: one pass without a gradient. Where a network does not allow it, "auto" chooses
NOT_POSSIBLE = (MethodError, LayerError, GradientError)
PATIENCE = 5.0  # seconds for a thread to end


@dataclass(frozen=True, eq=False)
class Captured:
    """A frame, its number from 0, and the seconds of the monotonic clock at which it came."""

    pixels: Frame
    number: int
    at: float


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame and why.

    frame : uint8 ``(H, W, 3)``. number : of the frame, from 0; dropped : frames so far that were not explained. captured :
    seconds of the monotonic clock; seconds : that the explanation took. rate : explained frames a second, over the last thirty.
    """

    frame: Frame
    explanation: Explanation
    number: int
    dropped: int
    captured: float
    seconds: float
    rate: float

    @property
    def latency(self) -> float:
        """Seconds since the frame was captured."""
        return time.monotonic() - self.captured


@dataclass(frozen=True, eq=False)
class Explained:
    """A frame that was explained, as the ``number``-th one, in so many seconds."""

    captured: Captured
    explanation: Explanation
    number: int
    seconds: float


class LiveLoop:
    """Moments of a source, one after the other, until it ends or the loop is closed; to be used in a ``with``.

    method, target, settings : of ``explain``; they may be changed while it runs, and hold from the next frame on. "cam" becomes
    what "auto" takes where the network does not allow it; ``method`` is its name from the first frame on. realtime : late frames
    are dropped; else every frame is explained. None: what comes by itself, a camera, in real time. again : videos and photos
    begin anew at their end.
    """

    def __init__(
        self,
        clf: Classifier,
        source: Any = 0,
        method: str = CAM,
        target: Any = "top1",
        *,
        realtime: bool | None = None,
        again: bool = False,
        **settings: Any,
    ) -> None:
        check_classifier(clf)
        check_photos(clf, "live")
        if isinstance(target, (list, tuple)):
            raise OptionError(_one_class(target))
        (self.clf, self.method, self.target, self.settings) = (clf, method, target, settings)
        self._automatic: Choice | None = None  # what "auto" took
        self.source: FrameSource = open_source(source)
        self.realtime = self.source.is_camera if realtime is None else realtime
        self._again = again and not self.source.is_camera
        self._frames: Handover[Captured] = Handover()
        self._explained: Handover[Explained | BaseException] = Handover()
        self._stopped = threading.Event()
        self._running = threading.Event()  # cleared while paused
        self._running.set()
        self._error: BaseException | None = None  # of a thread, not of a frame
        self._taking = threading.Lock()  # held while a frame is taken, so that they are numbered in order
        self._taken = 0
        is_own = clf.preprocess is None or isinstance(clf.preprocess, Preprocess)  # not a function of somebody's
        self._pairing = Pairing(not self.realtime and clf.is_module and is_own)
        works = [self._capture, self._explain, *[self._explain_beside] * self._pairing.is_possible]
        self._explaining = len(works) - 1  # threads that explain and have not ended
        self._threads = [
            threading.Thread(target=work, name=f"seewhy {work.__name__.strip('_').partition('_')[0]}", daemon=True)
            for work in works
        ]
        self._durations: deque[float] = deque(maxlen=RECENT)
        self._last: float | None = None
        self._started = self._closed = False

    def __enter__(self) -> LiveLoop:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Moment]:
        while True:
            moment = self.next()
            if moment is None:
                return
            yield moment

    def next(self, timeout: float | None = None) -> Moment | None:
        """The next moment; None at the end, and where none came for ``timeout`` seconds (``ended`` tells them apart).

        Raises what went wrong while frames were captured or explained.
        """
        if not self._started:
            self._started = True
            _one_blas_thread.begin()
            for thread in self._threads:
                thread.start()
        try:
            explained = self._explained.take(timeout)
        except Closed:
            if self._error is not None:
                (error, self._error) = (self._error, None)
                raise error from None
            return None
        if isinstance(explained, BaseException):
            raise explained
        return None if explained is None else self._moment(explained)

    def _moment(self, explained: Explained) -> Moment:
        now = time.monotonic()
        if self._last is not None:
            self._durations.append(now - self._last)
        self._last = now
        rate = len(self._durations) / sum(self._durations) if self._durations else 0.0
        captured = explained.captured
        dropped = captured.number - explained.number
        return Moment(captured.pixels, explained.explanation, captured.number, dropped, captured.at, explained.seconds, rate)

    @property
    def ended(self) -> bool:
        """True where no moment comes any more, nor an error."""
        return self._started and not self._explaining and self._explained.is_empty and self._error is None

    def skip(self) -> None:
        """Throw away the moment that waits, which is as old as the last look; not where every frame is explained."""
        if self.realtime and self._started:
            with contextlib.suppress(Closed):
                self._last = None
                waiting = self._explained.take(0)
                if isinstance(waiting, BaseException):
                    raise waiting

    def pause(self, paused: bool) -> None:
        """Stop the source, or let it go on."""
        (self._running.clear if paused else self._running.set)()

    def close(self) -> None:
        """End the threads: a pass that is under way is finished, a method of many passes is not. The thread that reads the source
        gives it back when it ends; a camera that never answers is not waited for.
        """
        self._stopped.set()
        self._running.set()
        self._frames.close()
        self._explained.close()
        self._pairing.end()
        if not self._started:
            self.source.close()
            return
        self._threads[0].join(PATIENCE)
        for thread in self._threads[1:]:
            thread.join()
        if not self._closed:
            self._closed = True
            _one_blas_thread.end()

    def _capture(self) -> None:
        """Frames until the source ends, which is then given back: here, because a camera must not be closed while it is read."""
        try:
            self._capture_all()
        except Closed:
            pass
        except BaseException as error:
            self._error = error
        finally:
            self._frames.close()
            self.source.close()

    def _capture_all(self) -> None:
        """Frames, in time where that is asked for."""
        (number, first) = (0, True)
        due = time.monotonic()
        while not self._stopped.is_set():
            if not self._running.is_set():
                self._running.wait()
                due = time.monotonic()
            frame = self.source.read(self._stopped)
            if frame is None:
                if self._stopped.is_set() or not self._again or first:
                    return
                self.source.rewind()
                first = True
                continue
            first = False
            if self.realtime and not self.source.is_camera:
                self._stopped.wait(max(0.0, due - time.monotonic()))
                due = max(due, time.monotonic() - 1) + 1 / self.source.rate
            self._frames.put(Captured(frame, number, time.monotonic()), over=self.realtime)
            number += 1

    def _explain(self) -> None:
        """Frames until there are no more."""
        self._explain_by(lambda: self.clf)

    def _explain_beside(self) -> None:
        """Frames beside the others, while that is quick; by a classifier of its own, since networks may keep values of a pass."""
        self._pairing.wait()
        self._explain_by(lambda: self.clf.with_network(self.clf.network), beside=True)

    def _explain_by(self, classifier: Callable[[], Classifier], beside: bool = False) -> None:
        """Each time the newest frame, as soon as those before it were looked at, but for one where two are explained at once."""
        try:
            (clf, threads) = (classifier(), PassThreads())
            while True:
                if beside:
                    self._pairing.wait()
                at_once = self._pairing.at_once
                threads.use(self._pairing.threads // at_once)
                with self._taking:
                    self._explained.wait_until_taken(self._taken + 1 - at_once)
                    captured = self._frames.take()
                    assert captured is not None
                    (number, self._taken) = (self._taken, self._taken + 1)
                with stopped_by(self._stopped):
                    result = self._result(clf, captured, number, threads.count)
                self._explained.put(result, turn=number)
        except Closed:
            pass
        except BaseException as error:
            self._error = error
            self._frames.close()
        finally:
            with self._taking:
                self._explaining -= 1
                if not self._explaining:
                    self._explained.close()
            self._pairing.end()

    def _result(self, clf: Classifier, captured: Captured, number: int, threads: int) -> Explained | BaseException:
        """By the method and for the class that are asked for now; what goes wrong is handed over, in its turn."""
        start = time.monotonic()
        try:
            explanation = self._explanation(clf, captured.pixels)
        except BaseException as error:
            self._frames.close()
            return error
        seconds = time.monotonic() - start
        if clf.executor.runs_a_copy:  # else both would run the same modules
            self._pairing.lasted(seconds, threads)
        return Explained(captured, explanation, number, seconds)

    def _explanation(self, clf: Classifier, frame: Frame) -> Explanation:
        method = self.method
        if method != AUTO:
            try:
                return self._explained_by(clf, frame, method)
            except NOT_POSSIBLE:
                if method != CAM:
                    raise
        choice = self._automatic = automatic_choice(clf, [clf.read(frame)])
        if self.method == method:  # nobody has chosen another one meanwhile
            self.method = choice.method
        return self._explained_by(clf, frame, choice.method)

    @property
    def aside(self) -> Classifier:
        """For who asks beside the frames that come: with a copy of its own, since networks may keep values of a pass.

        One that runs as it is has no copy: it is ``clf`` itself.
        """
        return self._aside if self.clf.executor.runs_a_copy else self.clf

    @functools.cached_property
    def _aside(self) -> Classifier:
        return self.clf.with_network(self.clf.network)

    def explain(self, frame: Frame, method: str, budget: float | None = None) -> Explanation:
        """One frame, by any method, beside those that come. budget : seconds."""
        return self._explained_by(self.aside, frame, method, budget)

    def _explained_by(self, clf: Classifier, frame: Frame, method: str, budget: float | None = None) -> Explanation:
        choice = self._automatic if self._automatic is not None and method == self._automatic.method else None
        if budget is None and choice is not None and self.realtime and METHODS[method].sweeps:
            budget = self.settings.get("budget", MOST)
        settings = self.settings if budget is None else self.settings | {"budget": budget}
        # In a list: Ctrl-C is raised, and does not end in a partial map.
        explanations = explain(clf, [frame], choice or method, self.target, progress=False, **settings)
        explanation: Explanation = explanations[0]
        if len(explanation.targets) > 1:
            raise OptionError(_one_class(self.target))
        return explanation


def _one_class(target: Any) -> str:
    return f"{setting('target', target)}: a live picture explains one class at a time."


class _OneBlasThread:
    """While any loop runs, BLAS uses one thread: its products are small here, and its threads would wait for the network's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._limits: Any = None

    def begin(self) -> None:
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._limits = threadpool_limits(1, "blas")

    def end(self) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._limits.restore_original_limits()


_one_blas_thread = _OneBlasThread()


def live(
    clf: Classifier,
    source: Any = 0,
    method: str = CAM,
    target: Any = "top1",
    *,
    realtime: bool | None = None,
    again: bool = False,
    **settings: Any,
) -> Generator[tuple[Frame, Explanation], None, None]:
    """A camera looks, and the map follows: pairs of a frame and its explanation, for those who build their own screen.

    >>> for frame, explanation in seewhy.live(clf, "video.mp4"): ...

    source : a camera's number, a video file, a folder of photos, one photo, several in a list, or an iterator of frames.
    method : of ``explain``; "cam", the fastest, becomes what "auto" takes where the network does not allow it: Grad-CAM,
    HiResCAM, or occlusion, in real time of at most a second. target, settings : of ``explain``. realtime : late frames are
    dropped, as with a camera; False explains every frame, as with a file. again : a video or photos begin anew at their end.

    Frames are uint8 ``(H, W, 3)``, RGB. ``explanation.details["live"]`` has the frame's number, the frames dropped so far, the
    latency in seconds when it was handed over and, where photos could not be read, ``skipped``: why, by their numbers. Frames
    are captured and explained in threads of their own while the caller draws; closing the generator ends them and gives the
    camera back. Meanwhile BLAS (numpy's products) uses one thread.

    Raises PhotoError: no such camera, file or photo, or a camera that was lost; MissingExtraError: a camera or video without
    OpenCV.
    """
    loop = LiveLoop(clf, source, method, target, realtime=realtime, again=again, **settings)

    def pairs() -> Generator[tuple[Frame, Explanation], None, None]:
        with loop:
            for moment in loop:
                facts: dict[str, Any] = {"frame": moment.number, "dropped": moment.dropped, "latency": moment.latency}
                facts |= {"skipped": dict(loop.source.skipped)} if loop.source.skipped else {}
                details = moment.explanation.details | {"live": facts}
                yield moment.frame, replace(moment.explanation, details=details)

    return pairs()
