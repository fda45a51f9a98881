"""The live page: what the browser gets, and the WebSocket over which it asks."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seewhy.errors import OptionError, SeewhyError
from seewhy.explanation import Explanation
from seewhy.explanation.saving import writers
from seewhy.files import in_memory
from seewhy.live.loop import RECENT
from seewhy.methods import METHODS
from seewhy.records import Photo
from seewhy.show.html import environment, gradient, joined_script, source_hash
from seewhy.show.overlay import recipe, seen_colours
from seewhy.web.explaining import Explainer
from seewhy.web.frames import MOST_BYTES, MOST_PIXELS, FrameRequest, answer, pack, read_message, read_picture, refusal

KEPT = 4  # explanations that a page can still keep: what it shows, and what is on its way
_TEMPLATES = Path(__file__).parent / "templates"
_log = logging.getLogger("seewhy.web")


def render(explainer: Explainer, target: int | None = None) -> str:
    """The page as text. target : the class that is explained at first, None for the first choice."""
    clf = explainer.clf
    data = {
        "method": None,
        "target": target,
        "name": None if target is None else clf.classes[target],
        "classes": clf.classes,
        "model": clf.name,
        "recent": RECENT,
        "most_bytes": MOST_BYTES,
        "most_pixels": MOST_PIXELS,
        "signed": {"recipe": recipe(True), "bar": gradient(seen_colours(signed=True))},
        "unsigned": {"recipe": recipe(False), "bar": gradient(seen_colours(signed=False))},
    }
    template = environment(_TEMPLATES).get_template("live.html")
    return template.render(
        title="seewhy live",
        model=clf.name,
        preprocessing=clf.describe_input(),
        data=data,
        script=joined_script(*(_TEMPLATES / name for name in ("drawing.js", "live.js", "live_hands.js"))),
    )


def policy(page: str, host: str) -> str:
    """The Content-Security-Policy under which the page runs: its own script and style, and nothing from anywhere else.

    host : the request's Host header, checked already; some browsers do not count WebSockets among 'self'.
    """
    scripts = " ".join(source_hash(text) for text in re.findall(r"<script>(.*?)</script>", page, re.DOTALL))
    styles = " ".join(source_hash(text) for text in re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src data: blob:; media-src blob: mediastream:; "
        f"connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@dataclass
class Question:
    """A message that was read. request : None where it is none. photo : of a frame. problem : why there is no other answer."""

    request: FrameRequest | None = None
    photo: Photo | None = None
    problem: str = ""


class Conversation:
    """What one page asks, one message after the other: each is read by one thread, and answered by another one."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._kept: OrderedDict[int, Explanation] = OrderedDict()

    def read(self, message: dict[str, Any]) -> Question:
        """A message of the WebSocket, its photo as the network sees it."""
        question = Question()
        with _refusing(question):
            content = message.get("bytes")
            if content is None:
                raise OptionError("The message is text: the page sends binary ones.")
            (question.request, photo) = read_message(content, self._explainer.classes, METHODS)
            if not question.request.keep:
                question.photo = self._explainer.clf.read(read_picture(photo))
        return question

    def reply(self, question: Question) -> bytes:
        """The answer; it is a refusal where the message, the photo or the network says no."""
        reply = b""
        with _refusing(question):
            if question.request is not None and question.request.keep:
                reply = self._record(question.request)
            elif question.request is not None and question.photo is not None:
                reply = self._map(question.request, question.photo)
        sequence = None if question.request is None else question.request.sequence
        return refusal(sequence, question.problem) if question.problem else reply

    def _map(self, request: FrameRequest, photo: Photo) -> bytes:
        explanation = self._explainer.explain(photo, request.method, request.target)
        self._kept[request.sequence] = explanation
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return answer(
            request,
            explanation,
            methods=self._explainer.methods,
            default=self._explainer.method,
            milliseconds=round(1000 * explanation.cost.seconds, 1),
        )

    def _record(self, request: FrameRequest) -> bytes:
        """The record of a frame that was explained, with the frame itself (.npz), as a file's content."""
        if request.sequence not in self._kept:
            raise OptionError("This frame is gone: only the last ones can be kept.")
        content = in_memory(writers(self._kept[request.sequence], {})[request.keep]())
        return pack({"kind": "record", "sequence": request.sequence, "suffix": request.keep}, content)


@contextmanager
def _refusing(question: Question) -> Iterator[None]:
    """An error becomes the question's problem: it must not take the server with it, nor leave the page waiting."""
    try:
        yield
    except SeewhyError as error:
        question.problem = error.line
    except Exception as error:
        _log.exception("A frame could not be explained.")
        question.problem = f"Something went wrong in the server: {type(error).__name__}. It says more in its terminal."
