"""What the keys of the live window do, and what is shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

from PIL import Image

from seewhy.errors import SeewhyError
from seewhy.explanation import Explanation
from seewhy.files import png_bytes, write_whole
from seewhy.live.loop import FAST, LiveLoop, Moment
from seewhy.live.screen import LOOKS, Pixels, Screen
from seewhy.live.window import CLOSE, Window
from seewhy.methods import METHODS

TOLD = 2.5  # seconds for which a message stays
POLL = 0.02  # seconds after which keys are looked at again
HINTS = (
    "1-9   explain the first, second ... choice",
    "0   explain the first choice, whatever it is",
    "m   next method",
    "v   overlay, or the glow of the camera demos",
    "f   freeze the picture, and back",
    "space   pause, and go on",
    "s   save the frame, its picture and its numbers",
    "?   these keys",
    "q   end, as do Escape and the window's button",
)


class Controls:
    """Used in a ``with``: saving goes on in a thread, and is waited for.

    folder : where frames are saved. seconds : after which watching ends. saved : files, once it was left; unsaved : why others
    could not be saved.
    """

    def __init__(self, loop: LiveLoop, screen: Screen, folder: Path, seconds: float | None = None) -> None:
        (self._loop, self.screen, self._folder) = (loop, screen, folder)
        self._end = None if seconds is None else time.monotonic() + seconds
        self.saved: list[Path] = []
        self.unsaved: list[str] = []
        self.closed = False
        self._paused = self._frozen = self._hinted = False
        self._moment: Moment | None = None
        self._window: Window | None = None
        self._changed = False  # a key was pressed, or there is a message
        self._message: tuple[str, float] = ("", 0.0)
        self._pool = ThreadPoolExecutor(1, "seewhy saving")
        self._saving: list[Future[None]] = []
        self._actions: dict[str, Callable[[], None]] = {
            CLOSE: self._close,
            "q": self._close,
            "m": self._next_method,
            "v": self._next_look,
            "f": self._freeze,
            " ": self._pause,
            "s": self._save,
            "?": self._hint,
            **{str(number): self._explainer(number) for number in range(10)},
        }

    def __enter__(self) -> Controls:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True)
        for future in self._saving:
            future.result()

    def press(self, key: str) -> None:
        """Do what a key stands for; others do nothing."""
        action = self._actions.get(key)
        if action is not None and (self._moment is not None or key in (CLOSE, "q")):
            action()

    def watch(self, window: Window) -> None:
        """Show moments until the window is closed; the last one stays where the source has ended. Raises what ``next`` raises."""
        self._window = window
        while not self.closed and (self._end is None or time.monotonic() < self._end):
            moment = None
            if self._frozen or self._loop.ended:
                time.sleep(POLL)
            else:
                moment = self._loop.next(POLL)
            if moment is not None:
                self._moment = moment
            if moment is not None or self._changed:
                self._changed = False
                self._show()
            for key in window.pressed():
                self.press(key)
                self._changed = True

    def _show(self) -> None:
        if self._moment is not None and self._window is not None:
            self._window.show(self._picture())

    def _picture(self) -> Pixels:
        assert self._moment is not None
        return self.screen.compose(self._moment, HINTS if self._hinted else (), self._mark())

    def _mark(self) -> str:
        (text, since) = self._message
        if text and time.monotonic() - since < TOLD:
            return text
        return "frozen" if self._frozen else "paused" if self._paused else ""

    def _tell(self, text: str) -> None:
        self._message = (text, time.monotonic())

    def _close(self) -> None:
        self.closed = True

    def _hint(self) -> None:
        self._hinted = not self._hinted

    def _freeze(self) -> None:
        self._frozen = not self._frozen
        if not self._frozen:
            self._loop.skip()

    def _pause(self) -> None:
        self._paused = not self._paused
        self._loop.pause(self._paused)

    def _next_look(self) -> None:
        self.screen.look = LOOKS[(LOOKS.index(self.screen.look) + 1) % len(LOOKS)]

    def _explainer(self, number: int) -> Callable[[], None]:
        def explain() -> None:
            assert self._moment is not None
            target: str | int = "top1"
            if number:
                choices = self._loop.aside.classify(self._moment.frame, k=number)
                if len(choices) < number:
                    self._tell(f"there are {len(choices)} classes")
                    return
                target = choices[-1].index
            self._loop.target = target
            self._again(self._loop.method)

        return explain

    def _next_method(self) -> None:
        """The next one that explains a frame fast enough, and that suits the network."""
        names = list(METHODS)
        at = names.index(self._loop.method)
        for name in (*names[at + 1 :], *names[:at]):
            self._tell(f"trying {name}")
            self._show()
            if self._again(name, budget=FAST):
                self._loop.method = name
                self._tell("")
                return
        self._tell("no other method is fast enough")

    def _again(self, method: str, budget: float | None = None) -> bool:
        """Explain the frame that is shown once more. Returns False where the method does not suit it, or takes too long."""
        assert self._moment is not None
        for _ in range(2):  # the first time, the network is looked at
            start = time.monotonic()
            try:
                limit = budget if METHODS[method].sweeps else None
                explanation: Explanation = self._loop.explain(self._moment.frame, method, limit)
            except SeewhyError:
                return False
            if budget is None or not (explanation.partial or time.monotonic() - start > 2 * budget):
                break
        else:
            return False
        self._moment = replace(self._moment, explanation=explanation)
        return True

    def _save(self) -> None:
        """The picture, and a record that holds the frame itself."""
        assert self._moment is not None
        stem = f"seewhy-live-{datetime.now():%Y%m%d-%H%M%S-%f}"[:-4]
        glow = None if self.screen.look == "overlay" else self.screen.compose(self._moment)
        self._saving.append(self._pool.submit(self._write, self._moment.explanation, glow, stem))

    def _write(self, explanation: Explanation, glow: Pixels | None, stem: str) -> None:
        """In the thread that saves. glow : what the screen shows where that is not the overlay."""
        try:
            self.saved.append(explanation.save(self._folder / f"{stem}.npz"))
            path = self._folder / f"{stem}.png"
            if glow is None:
                explanation.save(path)
            else:
                write_whole(path, png_bytes(Image.fromarray(glow)))
            self.saved.append(path)
        except SeewhyError as error:
            self.unsaved.append(error.line)
            self._tell(error.line)
        else:
            self._tell(f"saved as {stem}")
        self._changed = True
