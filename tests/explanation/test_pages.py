import re
from dataclasses import replace

import numpy as np
import pytest

from seewhy.errors import OptionError
from seewhy.explanation import page, panels, snippet
from seewhy.records import Prediction, Target
from seewhy.show import Panel, Section, gallery

PICTURE = Panel("a <i>title</i>", np.full((30, 40, 3), 60, dtype=np.uint8), "a caption")


def assert_self_contained(html):
    assert "<script" not in html
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", html)
    assert "url(" not in html
    assert "@import" not in html
    assert "http" not in html


def test_a_page_is_whole(explained):
    html = page([explained(), explained(signed=True, notes=["A remark."])])
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    assert_self_contained(html)
    assert html.count("<article>") == 2
    assert html.count("<img ") == 4
    assert "prefers-color-scheme: dark" in html
    assert html.count("A remark.") == 2  # in the notes and in the record


def test_a_page_tells_titles_scales_predictions_and_settings(explained):
    html = page([explained()], upsample="nearest")
    assert "<title>Why “coyote”?</title>" in html
    assert "coyote (0.61); bear (0.30); sheep (0.09)" in html
    assert "<b>0</b><b>2</b><b>4</b>" in html
    assert 'style="width: 61.0%"' in html
    assert "<th>relu =</th><td>true</td>" in html
    assert "<th>layer</th><td>features.12</td>" in html
    assert "&#34;method&#34;: &#34;grad_cam&#34;" in html


def test_a_page_asks_why_this_and_not_that(explained):
    html = page([explained(targets=[Target("cow", 1, 0.9, 1, Prediction("bear", 0, 0.08))])])
    assert "<title>Why “cow” and not “bear”?</title>" in html
    assert "cow, not bear (0.90 against 0.08)" in html
    assert "&#34;against&#34;: {" in html


def test_class_names_are_escaped(explained):
    bad = '<b>bear</b> & "co" <script>alert(1)</script>'
    e = explained(targets=[Target(bad, 0, 0.5, 1)], predictions=[Prediction(bad, 0, 0.5)], notes=[bad], model=bad)
    for html in (page([e]), snippet(e), page([e], title=bad), gallery(bad, [Section(bad, bad, [PICTURE], [[bad]])])):
        assert "<script" not in html
        assert "<b>bear" not in html
        assert "&lt;b&gt;bear&lt;/b&gt;" in html


def test_one_explanation_needs_no_list(explained):
    e = explained()
    assert page(e) == page([e])
    with pytest.raises(OptionError, match=r"^There is nothing to show"):
        page([])


def test_an_empty_map_says_so(explained):
    html = page([explained([np.zeros((3, 3))])])
    assert "Empty map: zero everywhere." in html
    assert "<span><b>0</b></span>" in html


def test_the_pictures_inside_are_the_panels(explained):
    import base64
    import io

    from PIL import Image

    e = explained()
    pictures = re.findall(r'src="data:image/(png|jpeg);base64,([^"]+)"', page([e]))
    for (_, code), panel in zip(pictures, panels(e), strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(code)))).astype(int)
        assert np.abs(pixels - panel.pixels).mean() < 2
    exact = gallery("t", [Section("", "", [PICTURE])])
    ((kind, code),) = re.findall(r'src="data:image/(png|jpeg);base64,([^"]+)"', exact)
    assert kind == "png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(code)))), PICTURE.pixels)


def test_a_snippet_has_no_page_around_it(explained):
    html = snippet(explained())
    assert_self_contained(html)
    for tag in ("<html", "<head", "<body", "<style", "class="):
        assert tag not in html
    assert "coyote (0.61)" in html
    assert explained()._repr_html_() == html


def test_pages_are_the_same_each_time(explained):
    assert page([explained()]) == page([explained()])


def test_explanation_saves_itself(explained, tmp_path):
    for name in ("x.png", "x.html"):
        explained().save(tmp_path / name, cmap="viridis", shared=False)
        assert (tmp_path / name).stat().st_size > 1000


def test_a_line_below_the_title_and_headings_of_one_s_own(explained):
    html = page([explained(), explained()], "Mistakes", "2 of <5> photos", ["a/1.png", "b/1.png"])
    assert "<h1>Mistakes</h1>\n<p>2 of &lt;5&gt; photos</p>" in html
    assert re.findall("<h2>(.*?)</h2>", html) == ["a/1.png", "b/1.png"]


def test_of_many_explanations_the_pictures_are_small(explained):
    e = explained()
    noise = np.random.default_rng(0).integers(0, 256, e.photo.original.shape, dtype=np.uint8)
    e = replace(e, photo=replace(e.photo, original=noise))
    (few, many) = (re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page([e] * count)) for count in (8, 9))
    assert (len(few), len(many)) == (16, 18)
    for large, small in zip(few, many, strict=False):
        assert len(small) < 0.6 * len(large)
