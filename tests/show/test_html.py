import re

import numpy as np

from seewhy.show import Panel, Section, gallery

PICTURE = Panel("a <i>title</i>", np.full((30, 40, 3), 60, dtype=np.uint8), "a caption")


def assert_self_contained(html):
    assert "<script" not in html
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", html)
    assert "url(" not in html
    assert "@import" not in html
    assert "http" not in html


def test_a_gallery_tells_a_story():
    table = [["network", "accuracy"], ["honest", 0.97], ["shortcut", "31 %"]]
    text = "First `seewhy demo`.\n\nSecond.\n\n    import seewhy\n    seewhy.demo"
    html = gallery("A story", [Section("One", text, [PICTURE] * 5, table), Section("Two", "End.", [])], lead="So it goes.")
    assert_self_contained(html)
    assert "<p>First <code>seewhy demo</code>.</p><p>Second.</p><pre>import seewhy\nseewhy.demo</pre>" in html
    assert "<p>So it goes.</p>" in html
    assert html.count("<figure>") == 5
    assert "--across: 3" in html
    assert '<th>network</th><th class="number">accuracy</th>' in html
    assert '<td>honest</td><td class="number">0.97</td>' in html
    assert '<td>shortcut</td><td class="number">31 %</td>' in html
