"""The live page in headless Chromium, below a path, with a camera that shows demo scenes."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, wait_until
from PIL import Image
from serving import TOKEN, Recorder, Serving, picture, serving
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

import seewhy
from seewhy.errors import PhotoError
from seewhy.formatting import format_number
from seewhy.show import overlay
from seewhy.web.server import create_app

DIGITS = "document.getElementById('screen').dataset.sequence"
PIXELS = "btoa(Array.from(paper.getImageData(0, 0, screen_.width, screen_.height).data, (b) => String.fromCharCode(b)).join(''))"
VALUES = "Array.from(shown.values, (v) => v === v ? v : null)"
PAUSED = "document.getElementById('pause').getAttribute('aria-pressed') === 'true'"


class Stage:
    """The page while its server runs."""

    def __init__(self, browser: Browser, explainer: Recorder, live: Serving, address: str, folder: Path) -> None:
        (self.browser, self.explainer, self.live, self.address, self.folder) = (browser, explainer, live, address, folder)

    def pixels(self) -> Any:
        """What the canvas shows, ``(H, W, 3)``."""
        size = self.browser.value("[screen_.height, screen_.width]")
        return np.frombuffer(base64.b64decode(self.browser.value(PIXELS)), np.uint8).reshape(*size, 4)[:, :, :3]

    def values(self) -> Any:
        """The enlarged map that the page reads values from, ``(H, W)``."""
        size = self.browser.value("[screen_.height, screen_.width]")
        return np.array(self.browser.value(VALUES), dtype=float).reshape(size)

    def settle(self) -> None:
        """Until nothing is on its way."""
        self.browser.wait_for("waiting.size === 0 && !state.fresh")

    def drop(self, content: bytes, kind: str = "image/png", name: str = "photo.png") -> None:
        """A file, as if it were dropped on the page."""
        before = self.browser.value("sequence")
        self.browser.value(
            f"""(() => {{
              const bytes = Uint8Array.from(atob("{base64.b64encode(content).decode()}"), (c) => c.charCodeAt(0));
              const transfer = new DataTransfer();
              transfer.items.add(new File([bytes], "{name}", {{ type: "{kind}" }}));
              dispatchEvent(new DragEvent("drop", {{ dataTransfer: transfer }}));
            }})()"""
        )
        self.browser.wait_for(f"sequence > {before} || problem.textContent !== ''")
        self.settle()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, honest: seewhy.Classifier) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("browser")
    camera = folder / "camera.mjpeg"
    scenes = [np.asarray(Image.fromarray(scene.photo).resize((640, 480))) for scene in seewhy.demo.scenes(4, seed=4)]
    camera.write_bytes(b"".join(picture(scene, "JPEG") * 15 for scene in scenes))
    with Recorder(honest) as explainer:
        explainer.start()
        app = Starlette(routes=[Mount("/below/a/path", create_app(explainer, TOKEN))])
        with serving(app) as live, Browser(folder / "profile", camera) as browser:
            address = f"http://127.0.0.1:{live.port}/below/a/path/{TOKEN}/"
            (folder / "kept").mkdir()
            browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder / "kept"))
            browser.size(1280, 900)
            browser.open(address)
            browser.wait_for(f"typeof shown !== 'undefined' && {DIGITS} > 3", 60)
            yield Stage(browser, explainer, live, address, folder)


@pytest.fixture
def paused(stage: Stage) -> Iterator[Stage]:
    """The camera runs, is paused, and nothing is on its way."""
    browser = stage.browser
    if browser.value("state.source") != "camera":
        browser.value("by_id('camera').click()")
        browser.wait_for("state.source === 'camera'")
    before = browser.value("shown.head.sequence")
    if browser.value(PAUSED):
        browser.value("by_id('pause').click()")
    browser.value("choose(null, null); state.method = null; by_id('opacity').value = 100")
    browser.wait_for(f"shown.head.sequence > {before + 2} && shown.head.method === 'cam'")
    browser.value("by_id('pause').click()")
    stage.settle()
    yield stage
    assert browser.errors == []


def test_frames_come_in_order_and_at_most_two_are_on_their_way(stage: Stage) -> None:
    watched = """new Promise((done) => {
      const seen = [];
      const most = { waiting: 0 };
      const watch = setInterval(() => {
        most.waiting = Math.max(most.waiting, waiting.size);
        if (seen.at(-1) !== shown.head.sequence) seen.push(shown.head.sequence);
        if (seen.length > 8) { clearInterval(watch); done({ seen, waiting: most.waiting }); }
      }, 5);
    })"""
    result = stage.browser.value(watched)
    assert result["seen"] == sorted(result["seen"])
    assert 1 <= result["waiting"] <= 2
    assert stage.browser.errors == []
    assert "frames/s" in stage.browser.value("by_id('status').textContent")


def test_a_frame_that_is_encoded_sooner_waits_for_the_one_before(stage: Stage) -> None:
    slow_every_second_frame = """(() => {
      const encode = HTMLCanvasElement.prototype.toBlob;
      let calls = 0;
      HTMLCanvasElement.prototype.toBlob = function (done, ...how) {
        const late = calls++ % 2 === 0;
        encode.call(this, (content) => (late ? setTimeout(() => done(content), 120) : done(content)), ...how);
      };
      window.restore_encoding = () => { HTMLCanvasElement.prototype.toBlob = encode; };
    })()"""
    sent = """new Promise((done) => {
      const sequences = [];
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = async function (content) {
        send.call(this, content);
        const bytes = await content.arrayBuffer();
        const length = new DataView(bytes).getUint32(0, true);
        sequences.push(JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))).sequence);
        if (sequences.length === 8) { WebSocket.prototype.send = send; done(sequences); }
      };
    })"""
    stage.browser.value(slow_every_second_frame)
    try:
        sequences = stage.browser.value(sent)
    finally:
        stage.browser.value("restore_encoding()")
    assert sequences == list(range(sequences[0], sequences[0] + 8))
    assert stage.browser.errors == []


def test_the_picture_is_the_overlay_of_the_frame_itself(paused: Stage) -> None:
    explanation = paused.explainer.explanations[-1]
    head = paused.browser.value("shown.head")
    assert head["target"]["index"] == explanation.targets[0].index
    values = paused.values()
    expected = explanation.on_photo()[0]
    assert values.shape == expected.shape == (480, 640)
    scale = np.abs(explanation.maps).max()
    np.testing.assert_allclose(values, expected, atol=1e-5 * scale)
    (low, high) = paused.browser.value("shown.limits")
    drawn = overlay(explanation.photo.original, expected, limits=(low, high), signed=True)
    difference = np.abs(drawn.astype(int) - paused.pixels())
    assert difference.mean() < 1  # the frame went there as JPEG
    assert np.quantile(difference, 0.999) <= 8


def test_a_dropped_photo_is_explained_as_it_is(paused: Stage, scene: Any) -> None:
    large = np.asarray(Image.fromarray(scene).resize((600, 450)))
    paused.drop(picture(large))
    explanation = paused.explainer.explanations[-1]
    np.testing.assert_array_equal(explanation.photo.original, large)
    (low, high) = paused.browser.value("shown.limits")
    drawn = overlay(large, explanation.on_photo()[0], limits=(low, high), signed=True)
    assert np.abs(drawn.astype(int) - paused.pixels()).max() <= 4  # the opacity comes in 255 steps
    paused.browser.value("by_id('opacity').value = 0; by_id('opacity').dispatchEvent(new Event('input'))")
    np.testing.assert_array_equal(paused.pixels(), large)


def test_a_photo_that_is_too_large_is_reduced_by_the_page(paused: Stage) -> None:
    pixels = np.zeros((2000, 2600, 3), np.uint8)
    pixels[:, 1300:] = (200, 40, 40)
    paused.drop(picture(pixels))
    (height, width, _) = paused.explainer.explanations[-1].photo.original.shape
    assert 3_900_000 < height * width <= 4_000_000
    assert width / height == pytest.approx(1.3, abs=0.002)
    assert paused.browser.value("[screen_.width, screen_.height, shown.head.photo]") == [1000, 769, [height, width]]


def test_a_frame_that_cannot_be_explained_is_said_and_the_next_one_is_tried(
    paused: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise PhotoError("this frame is no good.\nMore about it.")

    monkeypatch.setattr(paused.explainer, "explain", fails)
    paused.browser.value("by_id('pause').click()")
    paused.browser.wait_for("problem.textContent === 'This frame is no good.'")
    monkeypatch.undo()
    before = paused.browser.value("shown.head.sequence")
    paused.browser.wait_for(f"problem.textContent === '' && shown.head.sequence > {before}")
    paused.browser.value("by_id('pause').click()")


def test_a_photo_that_is_none_is_said(paused: Stage) -> None:
    paused.drop(b"just text", "text/plain", "notes.txt")
    assert paused.browser.value("problem.textContent") == "'notes.txt' is not a picture that the browser can open."
    paused.browser.value("tell('')")


def test_a_class_and_a_method_are_chosen(paused: Stage) -> None:
    browser = paused.browser
    second = browser.value("shown.head.predictions[1].index")
    browser.value("document.querySelectorAll('#classes button')[2].click()")  # the first one means: the first choice
    browser.wait_for(f"shown.head.target.index === {second}")
    assert paused.explainer.explanations[-1].targets[0].index == second
    assert browser.value("document.querySelectorAll('#classes button')[2].getAttribute('aria-pressed')") == "true"
    assert paused.explainer.tried.wait(60)
    frame = paused.explainer.explanations[-1].photo.original
    browser.value("by_id('method').value = 'grad_cam'; by_id('method').dispatchEvent(new Event('change'))")
    browser.wait_for("shown.head.method === 'grad_cam'")
    explanation = paused.explainer.explanations[-1]
    np.testing.assert_array_equal(explanation.photo.original, frame)  # the paused frame, explained again
    assert (explanation.method, explanation.targets[0].index) == ("grad_cam", second)
    browser.value("document.activeElement.blur()")
    browser.key("0")
    browser.wait_for("shown.head.target.rank === 1 && state.target === null")


def test_a_class_that_is_not_listed_is_typed(paused: Stage) -> None:
    browser = paused.browser
    assert browser.value("by_id('class').checkVisibility()") is False  # all three are listed
    browser.value("offer_classes([...data.classes, 'bear'], 3)")
    names = browser.value("Array.from(by_id('names').children, (option) => option.value)")
    (bear, cow, sheep) = paused.explainer.clf.classes
    assert names == [f"{bear} #0", cow, sheep, "bear #3"]
    last = browser.value("data.classes[shown.head.predictions.at(-1).index]")
    browser.value("by_id('class').focus()")
    for letter in "ibex":
        browser.key(letter)
    browser.key("Enter")
    browser.wait_for("problem.textContent === \"This network has no class called 'ibex'.\"")
    assert browser.value("state.target") is None  # the letters were no shortcuts
    browser.value("by_id('class').value = ''; offer_classes(data.classes, 0)")
    for letter in last:
        browser.key(letter)
    browser.wait_for(f"shown.head.target.name === '{last}'")
    browser.value("typed.value = '#0'; typed.dispatchEvent(new Event('change'))")
    browser.wait_for("shown.head.target.index === 0 && typed.value === ''")
    browser.value(f"typed.value = '{last}'; typed.dispatchEvent(new Event('change'))")
    browser.wait_for(f"shown.head.target.name === '{last}'")
    assert browser.value("[by_id('class').value, problem.textContent]") == ["", ""]
    assert paused.explainer.explanations[-1].targets[0].name == last
    browser.value("offer_classes(data.classes, 5)")


def test_answers_about_the_source_before_are_not_drawn(paused: Stage) -> None:
    """Else a dropped photo had the scale of the camera's last frame."""
    begun = """(() => {
      waiting.set(-1, { pixels: shown.pixels, at: 0 });
      begin(state.source);
      return waiting.has(-1);
    })()"""
    assert paused.browser.value(begun) is False


def test_pausing_says_what_is_shown_then(paused: Stage) -> None:
    browser = paused.browser
    browser.value("by_id('pause').click()")
    browser.wait_for("!state.paused")
    text = (
        "told_at = performance.now() + 1e6; by_id('status').textContent = ''; by_id('pause').click(); by_id('status').textContent"
    )
    assert browser.value(text).startswith("cam of '")


def test_several_cameras_are_offered(paused: Stage) -> None:
    browser = paused.browser
    assert browser.value("by_id('which').checkVisibility()") is False
    browser.value(
        """(() => {
          const real = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
          navigator.mediaDevices.enumerateDevices = async () =>
            [...(await real()), { kind: "videoinput", label: "the other one", deviceId: "no such camera" }];
          use_camera();
        })()"""
    )
    browser.wait_for("by_id('which').checkVisibility()")
    labels = browser.value("Array.from(by_id('which').children, (option) => option.textContent)")
    assert len(labels) == 2
    assert labels[1] == "the other one"
    assert browser.value("which.selectedIndex") == 0
    browser.value("which.selectedIndex = 1; which.dispatchEvent(new Event('change'))")
    browser.wait_for("problem.textContent.startsWith('There is no camera (OverconstrainedError).')")
    browser.value("delete navigator.mediaDevices.enumerateDevices; use_camera()")
    browser.wait_for("state.source === 'camera' && !by_id('which').checkVisibility()")


def test_a_camera_that_is_asked_for_twice_is_opened_once(paused: Stage) -> None:
    """As when its button is pressed while the browser still asks whether the page may have it."""
    browser = paused.browser
    browser.value(
        """(async () => {
          const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          window.streams = [];
          navigator.mediaDevices.getUserMedia = async (wanted) => {
            const stream = await real(wanted);
            streams.push(stream);
            return stream;
          };
          await Promise.all([use_camera(), use_camera()]);
          delete navigator.mediaDevices.getUserMedia;
        })()"""
    )
    states = browser.value("streams.map((stream) => stream.getVideoTracks()[0].readyState)")
    assert sorted(states) == ["ended", "live"]
    assert browser.value("state.source === 'camera' && streams.indexOf(video.srcObject)") == states.index("live")
    assert browser.value("problem.textContent") == ""


def test_what_is_seen_is_kept_with_its_record(paused: Stage) -> None:
    explanation = paused.explainer.explanations[-1]
    paused.browser.value("by_id('save').click()")
    kept = paused.folder / "kept"
    wait_until(lambda: sorted(path.suffix for path in kept.iterdir()) == [".npz", ".png"], 30)
    (record, drawn) = sorted(kept.iterdir())
    assert record.stem == drawn.stem
    loaded = seewhy.Explanation.load(record)
    np.testing.assert_array_equal(loaded.maps, explanation.maps)
    np.testing.assert_array_equal(loaded.photo.original, explanation.photo.original)
    with Image.open(drawn) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[:480], paused.pixels())


def test_a_record_that_is_gone_is_said_until_the_person_does_something(paused: Stage) -> None:
    browser = paused.browser
    browser.value("by_id('pause').click(); socket.send(message({ sequence: 1e6, keep: '.npz' }))")
    browser.wait_for("problem.textContent === 'This frame is gone: only the last ones can be kept.'")
    before = browser.value("shown.head.sequence")
    browser.wait_for(f"shown.head.sequence > {before + 3}")
    assert browser.value("problem.textContent") == "This frame is gone: only the last ones can be kept."
    browser.value("choose(null, null)")
    assert browser.value("problem.textContent") == ""


def test_everything_is_reached_by_the_keyboard(paused: Stage) -> None:
    browser = paused.browser
    browser.value("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    reached = []
    for _ in range(14):
        browser.key("Tab")
        (name, outline) = browser.value(
            "[document.activeElement.id || document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if name != "BODY":
            assert outline not in ("none", ""), name
        reached.append(name)
    rest = ["camera", "photo", "pause", "save", "BUTTON", "BUTTON", "BUTTON", "BUTTON", "method", "opacity", "SUMMARY"]
    assert reached[:12] == ["screen", *rest]
    browser.value("screen_.focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        browser.key(key)
    (across, down) = (round(0.56 * 640), round(0.53 * 480))
    value = paused.explainer.explanations[-1].on_photo()[0][int(0.53 * 480), int(0.56 * 640)]
    text = browser.value("tip.querySelector('b').textContent")
    assert text.endswith(" logit")
    scale = browser.value("shown.limits[1]")
    assert float(text.removesuffix(" logit").replace("−", "-").replace(",", "")) == pytest.approx(float(value), abs=0.01 * scale)
    assert browser.value("tip.querySelector('small').textContent") == f"row {down}, column {across}"
    browser.key("Escape")
    assert browser.value("tip.style.display") == "none"


def test_it_is_light_and_dark_and_fits_a_phone(paused: Stage) -> None:
    browser = paused.browser
    grounds = []
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(251, 250, 248)", "rgb(22, 21, 19)"]
    browser.scheme("light")
    browser.size(360, 700, mobile=True)
    assert browser.value("document.documentElement.scrollWidth") == 360
    assert browser.value("screen_.getBoundingClientRect().width") > 300
    browser.size(1280, 900)


def test_another_sites_page_reaches_nothing(stage: Stage) -> None:
    browser = stage.browser
    address = stage.address.replace("http:", "ws:") + "frames"
    connecting = f"""new Promise((done) => {{
      const web_socket = new WebSocket("{address}");
      web_socket.onopen = () => done("open");
      web_socket.onclose = (event) => done(event.code);
    }})"""
    assert browser.value(connecting) == "open"
    other_site = Starlette(routes=[Route("/", lambda _: HTMLResponse("<p>another site, that knows the token</p>"))])
    with serving(other_site) as other:
        browser.open(f"http://127.0.0.1:{other.port}/")
        browser.wait_for("document.querySelector('p')?.textContent.startsWith('another')")
        assert browser.value(connecting) == 1006
        assert browser.value(f"fetch('{stage.address}').then((answer) => answer.text(), (error) => error.name)") == "TypeError"
        browser.open(stage.address)
        browser.wait_for("typeof shown !== 'undefined' && shown", 60)
    assert any("Unexpected response code: 403" in error for error in browser.errors)
    browser.errors.clear()


def test_the_scale_is_the_largest_of_the_last_thirty_answers_of_the_same_question(paused: Stage) -> None:
    ask = """((kept) => {
      scales.length = 0;
      const limits = (index, high, signed = true) => limits_of({ method: "", by_class: true, target: { index }, high, signed });
      const seen = [limits(1, 2), limits(1, 1), limits(2, 1, false), limits(1, 3)];
      for (let i = 0; i < 29; i++) limits(2, 1);
      seen.push(limits(1, 0.5));
      scales.splice(0, scales.length, ...kept);
      return seen;
    })([...scales])"""
    assert paused.browser.value(ask) == [[-2, 2], [-2, 2], [0, 1], [-3, 3], [-0.5, 0.5]]


def test_numbers_read_as_those_of_the_desktop(paused: Stage) -> None:
    numbers = [(12.34, 0), (1540.2, 0), (-0.00012345, 0), (1e-9, 12.3), (-60.23, 60.23), (0.5, 0), (0, 3), (123456.0, 0)]
    texts = [format_number(value, scale) for value, scale in numbers]
    assert paused.browser.value(f"{[list(pair) for pair in numbers]}.map(([value, scale]) => number(value, scale))") == texts


def test_a_server_that_ends_is_said(stage: Stage) -> None:
    """The last test: the server is gone then."""
    counted = "WebSocket = class extends WebSocket { constructor(address) { super(address); tries += 1; } }"
    stage.browser.value(f"globalThis.tries = 0; {counted}; 0")
    stage.live.stop()
    stage.browser.wait_for("problem.textContent.startsWith('The connection has ended: is seewhy still running?')", 20)
    said = stage.browser.value("(save(), problem.textContent)")
    assert said == "Only the picture is saved: its record is with the server, to which the connection has ended."
    stage.browser.wait_for("tries >= 2", 20)  # it may come back
    time.sleep(0.1)
