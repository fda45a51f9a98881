from seewhy.show.layout import wrapped


def test_words_are_wrapped():
    assert wrapped("short", 3, 10) == "short"
    assert wrapped("a\nb", 3, 10) == "a\nb"
    assert wrapped("coyote (0.61); bear (0.30); sheep (0.09)", 2.2, 10) == "coyote (0.61); bear (0.30);\nsheep (0.09)"
    assert wrapped("one-two", 0.4, 10) == "one-\ntwo"
    lines = wrapped("x" * 60, 1, 10).split("\n")
    assert "".join(lines) == "x" * 60
    assert len(lines) > 3
