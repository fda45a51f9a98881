"""Every code block of the README and the docs runs, as it stands; every link and every named test exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

import seewhy
from seewhy import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in BLOCK.findall(page.read_text()) if kind == language]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photo.jpg in it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(seewhy.demo.scenes(1, seed=3)[0].photo).save("photo.jpg")
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_blocks_run(page: Path, here: Path) -> None:
    names: dict[str, object] = {}
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), names)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "console")], ids=lambda p: p.name)
def test_console_blocks_run(page: Path, here: Path) -> None:
    for line in "".join(blocks(page, "console")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"the Makefile has no {words[1]}"
        elif words[:1] == ["seewhy"]:
            with pytest.raises(SystemExit) as end:
                cli.main(words[1:])
            assert not end.value.code, line
        else:
            pytest.fail(f"{page.name}: what is this? {line}")


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_checklist_names_what_exists() -> None:
    text = (ROOT / "docs" / "checklist.md").read_text()
    for name in re.findall(r"`([\w/]+\.(?:py|png|jpg|md))(?:::(\w+))?`", text):
        (path, test) = name
        assert (ROOT / path).is_file(), f"docs/checklist.md names {path}"
        assert not test or re.search(rf"def {test}\b", (ROOT / path).read_text()), f"{path} has no {test}"


def test_every_method_stands_in_the_docs() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "methods.md"):
        for name, method in seewhy.METHODS.items():
            assert name in page.read_text(), f"{page.name} leaves out {name}"
            assert method.title in (ROOT / "docs" / "methods.md").read_text()


def test_the_package_s_own_example_runs() -> None:
    import doctest

    assert doctest.testmod(seewhy).failed == 0
    assert doctest.testmod(seewhy).attempted >= 3
