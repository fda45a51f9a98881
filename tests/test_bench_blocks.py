"""The benches as one command: a block that was measured is not measured again, and a run that was cut off goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import blocks as bench_blocks
from bench import timing
from bench.timing import Figure


def figure(name: str, value: float = 1.0) -> list[Figure]:
    return [Figure(name, value, value, value, "ms")]


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def block(name: str) -> bench_blocks.Measure:
        def measure() -> list[Figure]:
            if name == "b" and measured == ["a/x"]:
                measured.append("cut off")
                raise KeyboardInterrupt
            measured.append(name)
            return figure(name, len(measured))

        return measure

    monkeypatch.setattr(bench_blocks, "BLOCKS", tmp_path)
    monkeypatch.setattr(bench_blocks, "blocks", lambda quick, rounds: {name: block(name) for name in ("a/x", "b", "c")})
    with pytest.raises(KeyboardInterrupt):
        bench_blocks.measure(quick=False)
    figures = bench_blocks.measure(quick=False)
    assert measured == ["a/x", "cut off", "b", "c"]
    assert [(f.name, f.value) for f in figures] == [("a/x", 1.0), ("b", 3.0), ("c", 4.0)]
    bench_blocks.measure(quick=False, again=True)
    assert measured[4:] == ["a/x", "b", "c"]
    bench_blocks.measure(quick=True)  # what is measured quickly stands for nothing else
    assert measured[7:] == ["a/x", "b", "c"]


def test_other_sources_are_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ROOT", tmp_path)
    for folder in ("src", "bench"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    before = timing.sources()
    assert before == timing.sources()
    (tmp_path / "src" / "a.py").write_text("2")
    assert timing.sources() != before
    (tmp_path / "src" / "a.py").write_text("1")
    monkeypatch.setattr(timing, "machine", lambda: {"machine": "another", "date": "today"})
    elsewhere = timing.sources()
    assert elsewhere != before
    monkeypatch.setattr(timing, "machine", lambda: {"machine": "another", "date": "tomorrow"})
    assert timing.sources() == elsewhere


def test_every_part_has_a_block_and_no_name_comes_twice() -> None:
    names = list(bench_blocks.blocks(quick=False))
    assert {name.split("/")[0] for name in names} >= {
        "gradcam",
        "occlusion",
        "lime",
        "rise",
        "dense",
        "gradients",
        "dream",
        "folder",
    }
    assert {name for name in names if name.startswith("lime/")} == {
        *("lime/squeezenet1_0", "lime/resnet50", "lime/squeezenet1_0/kept by all", "lime/resnet50/kept by all")
    }
    assert len({name.replace("/", ", ") for name in names}) == len(names)
    assert set(bench_blocks.blocks(quick=True)) <= set(names)
