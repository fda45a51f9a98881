"""``seewhy live``: a window, a video file, or a page in the browser."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.options import ModelOptions, err, out, spread, targets_of
from seewhy.engine.runner import Progress
from seewhy.errors import OptionError, PhotoError, RecordError
from seewhy.live.controls import Controls
from seewhy.live.loop import CAM, LiveLoop
from seewhy.live.recording import Recording
from seewhy.live.screen import LOOKS, screen_for
from seewhy.live.sources import FrameSource, cv2_module, open_source
from seewhy.live.window import Window, pygame_module
from seewhy.web.server import LOCAL, check_extra, serve


@app.command()
@spread
def live(
    source: Annotated[
        str | None, typer.Argument(help="A camera's number, a video, a folder of photos, a glob, or one photo.")
    ] = None,
    *,
    camera: Annotated[int, Option(help="The camera's number, where no SOURCE is named.")] = 0,
    method: Annotated[str, Option("--method", "-m", help=f"Any of {', '.join(seewhy.METHODS)}, or auto.")] = CAM,
    target: Annotated[
        str, Option("--target", "-t", help="A class, an index, or top1: the first choice for each frame.")
    ] = "top1",
    look: Annotated[str, Option(help=f"{' or '.join(LOOKS)}.")] = "overlay",
    realtime: Annotated[bool | None, Option("--realtime/--every-frame", help="Drop late frames, or explain every one.")] = None,
    seconds: Annotated[
        float | None, Option(help="End after so long; of a video that is written frame by frame, its own seconds.")
    ] = None,
    options: ModelOptions,
    output: Annotated[str | None, Option("-o", "--output", "--out", help="A video file to write instead of a window.")] = None,
    web: Annotated[bool, Option("--web", help="A page in the browser, with the browser's camera, instead of a window.")] = False,
    port: Annotated[int, Option(min=0, max=65535, help="Of the page; 0 takes a free one.")] = 0,
    host: Annotated[str, Option(help="Where the page is served; another host lets others in who have the address.")] = LOCAL,
    public: Annotated[str, Option(help="The address under which a proxy shows the page.")] = "",
    open_page: Annotated[bool, Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """A camera looks, and the map follows, in a window; press ? in it for the keys."""
    if source is not None and camera:
        raise OptionError(f"--camera {camera} beside '{source}': name one of them.")
    if look not in LOOKS:
        raise OptionError(f"--look {look}: write {' or '.join(LOOKS)}.")
    camera_there = "the page has the browser's own camera, or a photo that is dropped there"
    here = (
        (f"'{source}'", source is not None, camera_there),
        (f"--camera {camera}", camera != 0, camera_there),
        (f"-o {output}", output is not None, "the page keeps pictures and records, and no video"),
        (f"--look {look}", look != LOOKS[0], "the page draws the overlay"),
        ("--realtime" if realtime else "--every-frame", realtime is not None, "the page always takes the newest frame"),
        (f"--seconds {seconds}", seconds is not None, "the page is there until Ctrl-C"),
    )
    of_page = (
        (f"--port {port}", port != 0, "only the page has one"),
        (f"--host {host}", host != LOCAL, "only the page has one"),
        (f"--public {public}", bool(public), "only the page has an address"),
        ("--no-open", not open_page, "only the page is opened"),
    )
    for words, is_given, reason in here if web else of_page:
        if is_given:
            raise OptionError(f"{words} {'beside' if web else 'without'} --web: {reason}.")
    if web:
        check_extra()  # what is missing is said before a network is loaded
        serve_page(options.load(), method, target, host, port, public, open_page)
        return
    if seconds is not None and not seconds > 0:
        raise OptionError(f"--seconds {seconds:g}: write a number above 0.")
    if output is None:
        pygame_module()
    cv2_module()
    clf = options.load()
    (class_,) = targets_of(clf, [target])
    err.print(Text(f"Model {clf.name}; preprocessing: {clf.describe_input()}"))
    chosen = source if source is not None else camera
    with _ended_by_signals():
        if output is not None:
            _record(clf, chosen, method, class_, look, Path(output), realtime, seconds)
            return
        with (
            Window("seewhy live") as window,
            LiveLoop(clf, chosen, method, class_, realtime=realtime is not False, again=True) as loop,
            Controls(loop, screen_for(loop.source, look), Path(), seconds) as controls,
        ):
            controls.watch(window)
    for path in controls.saved:
        out.print(f"→ {path}")
    _name_skipped(loop.source.skipped)
    if controls.unsaved:
        raise RecordError(controls.unsaved[0])


def _name_skipped(skipped: Mapping[int, str]) -> None:
    """Photos that could not be read; the others were shown."""
    for reason in skipped.values():
        err.print(Text(f"Skipped: {reason}"))


def serve_page(clf: seewhy.Classifier, method: str, target: str, host: str, port: int, public: str, open_page: bool) -> None:
    """The page, until Ctrl-C; its address is the only line on standard output."""
    (class_,) = targets_of(clf, [target])
    index = None if class_ == "top1" else clf.class_names().index(class_)

    def opened(address: str) -> None:
        print(address, flush=True)
        err.print("Open it in a browser; Ctrl-C ends it.")
        if host not in (LOCAL, "localhost", "::1"):
            err.print("Others who have this address can use the page, and what it sends is not encrypted.")
        if open_page and _has_screen():
            webbrowser.open(address)

    serve(clf, host, port, method=method, target=index, public=public, opened=opened)


def _has_screen() -> bool:
    """False where the only browsers are those of the terminal, which would take it over."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A terminal that is closed, and a polite kill, end the command as Ctrl-C does: what was recorded is kept."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        names = []
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _record(
    clf: seewhy.Classifier,
    source: str | int,
    method: str,
    target: str,
    look: str,
    path: Path,
    realtime: bool | None,
    seconds: float | None,
) -> None:
    """Every frame's picture into a video file; Ctrl-C ends it, and what is there is kept.

    seconds : of a camera, and in real time, by the clock; else of the video itself.
    """
    if isinstance(source, str) and path.exists() and Path(source).exists() and path.samefile(source):
        raise OptionError(f"'{source}' would be replaced by its own explanation: write another name behind --out.")
    opened = open_source(source)
    (first, dropped, interrupted) = (None, 0, False)
    with (
        LiveLoop(clf, opened, method, target, realtime=realtime) as loop,
        Recording(path, opened.rate) as recording,
        _progress(opened, seconds, path.name) as bar,
    ):
        by_clock = loop.realtime or opened.is_camera
        screen = screen_for(opened, look, speed=by_clock)
        try:
            for moment in loop:
                first = moment.captured if first is None else first
                at = moment.captured - first if by_clock else moment.number / opened.rate
                if not by_clock and seconds is not None and at >= seconds:
                    break
                recording.add(screen.compose(moment), at if by_clock else None)
                dropped = moment.dropped
                bar.advance(1)
                if by_clock and seconds is not None and at >= seconds:
                    break
        except KeyboardInterrupt:
            if not recording.count:
                raise
            interrupted = True
    if not recording.count:
        raise PhotoError(f"{opened.name} gave no frame: nothing was written.")
    _name_skipped(opened.skipped)
    ending = f"{recording.count:,} frame{'s' * (recording.count != 1)}"
    ending += f", {dropped:,} dropped" if dropped else ""
    out.print(f"{ending}{', then interrupted' if interrupted else ''} → {path}")


def _progress(source: FrameSource, seconds: float | None, title: str) -> Progress:
    """How far it is, where it is known how many frames come."""
    of_time = None if seconds is None else math.ceil(seconds * source.rate)
    counts = [count for count in (source.count, of_time) if count is not None]
    return Progress(None if counts else False, min(counts, default=1), title)
