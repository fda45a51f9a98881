"""``seewhy live``: a window, a video file, or a page in the browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.options import ModelOptions, err, out, spread, targets_of
from seewhy.errors import OptionError, PhotoError, RecordError
from seewhy.live.controls import Controls
from seewhy.live.loop import LiveLoop
from seewhy.live.recording import Recording
from seewhy.live.screen import LOOKS, Screen
from seewhy.live.sources import open_source
from seewhy.live.window import Window
from seewhy.web.server import LOCAL, serve


@app.command()
@spread
def live(
    source: Annotated[str | None, typer.Argument(help="A camera's number, a video, a folder of photos, or one photo.")] = None,
    *,
    camera: Annotated[int, Option(help="The camera's number, where no SOURCE is named.")] = 0,
    method: Annotated[str, Option("--method", "-m", help=f"Any of {', '.join(seewhy.METHODS)}.")] = "cam",
    target: Annotated[
        str, Option("--target", "-t", help="A class, an index, or top1: the first choice for each frame.")
    ] = "top1",
    look: Annotated[str, Option(help=f"{' or '.join(LOOKS)}.")] = "overlay",
    realtime: Annotated[bool | None, Option("--realtime/--every-frame", help="Drop late frames, or explain every one.")] = None,
    seconds: Annotated[float | None, Option(help="End after so long.")] = None,
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
    if web:
        unused = {
            f"'{source}'": source is not None,
            f"--camera {camera}": camera != 0,
            f"-o {output}": output is not None,
            f"--look {look}": look != LOOKS[0],
            "--realtime" if realtime else "--every-frame": realtime is not None,
            f"--seconds {seconds}": seconds is not None,
        }
        for words in (words for words, is_given in unused.items() if is_given):
            raise OptionError(f"{words} beside --web: the page has the browser's own camera, or a photo that is dropped there.")
        serve_page(options.load(), method, target, host, port, public, open_page)
        return
    clf = options.load()
    (class_,) = targets_of(clf, [target])
    screen = Screen(look)
    if output is not None:
        _record(clf, source if source is not None else camera, method, class_, screen, Path(output), realtime, seconds)
        return
    with (
        Window("seewhy live") as window,
        LiveLoop(
            clf,
            source if source is not None else camera,
            method,
            class_,
            realtime=realtime is not False,
            again=True,
        ) as loop,
        Controls(loop, screen, Path(), seconds) as controls,
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


def _record(
    clf: seewhy.Classifier,
    source: str | int,
    method: str,
    target: str,
    screen: Screen,
    path: Path,
    realtime: bool | None,
    seconds: float | None,
) -> None:
    """Every frame's picture into a video file; Ctrl-C ends it, and what is there is kept."""
    opened = open_source(source)
    (first, dropped, partial) = (None, 0, False)
    with LiveLoop(clf, opened, method, target, realtime=realtime) as loop, Recording(path, opened.rate) as recording:
        try:
            for moment in loop:
                first = moment.captured if first is None else first
                at = moment.captured - first
                recording.add(screen.compose(moment), at if loop.realtime or opened.is_camera else None)
                dropped = moment.dropped
                if seconds is not None and at >= seconds:
                    break
        except KeyboardInterrupt:
            if not recording.count:
                raise
            partial = True
    if not recording.count:
        raise PhotoError(f"{opened.name} gave no frame: nothing was written.")
    _name_skipped(opened.skipped)
    ending = ", until Ctrl-C" if partial else ""
    out.print(f"{recording.count:,} frames{f', {dropped:,} dropped' if dropped else ''}{ending} → {path}")
