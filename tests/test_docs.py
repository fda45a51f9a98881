"""Every code block of the README and the docs runs, as it stands; every link and every named test exists."""

from __future__ import annotations

import ast
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
        tokens = shlex.split(line, comments=True)
        if tokens[:1] == ["make"]:
            assert re.search(rf"^{tokens[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"the Makefile has no {tokens[1]}"
        elif tokens[:1] == ["seewhy"]:
            with pytest.raises(SystemExit) as end:
                cli.main(tokens[1:])
            assert not end.value.code, line
        else:
            pytest.fail(f"{page.name}: what is this? {line}")


def anchors(page: Path) -> set[str]:
    """What a link may name behind a #: the headings, as the web shows them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[str, str]]:
    """(file, heading) of each link to something of ours."""
    return [
        (path, heading)
        for path, heading in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", BLOCK.sub("", page.read_text()))
        if not path.startswith("http")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, heading in links(page):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {path}"
        assert not heading or heading in anchors(target), f"{path} has no heading #{heading}"


def test_the_site_holds_every_page_and_the_reference_every_name() -> None:
    pages = {f"{name}.md" for name in re.findall(r"^  - [^:]+: (\w+)\.md$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)}
    assert pages == {page.name for page in (ROOT / "docs").glob("*.md")}
    assert set(re.findall(r"^::: seewhy\.(\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)) == set(seewhy.__all__)


def test_the_readme_leads_to_every_page() -> None:
    targets = {(ROOT / path).resolve() for path, _ in links(ROOT / "README.md")}
    assert set(PAGES) - {ROOT / "README.md"} <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:examples|tests|bench|src)/[\w/]+\.py)(?:::(\w+))?`", page.read_text())
    for path, test in named:
        assert (ROOT / path).is_file(), f"{page.name} names {path}"
        assert not test or re.search(rf"def {test}\b", (ROOT / path).read_text()), f"{path} has no {test}"
    assert named or page.name != "coming_from_matlab.md"


def test_every_picture_is_shown_in_the_gallery_with_a_text() -> None:
    gallery = (ROOT / "docs" / "gallery.md").read_text()
    pictures = re.findall(r"^!\[(.+)\]\(pictures/([\w.]+)\)\n\n\S", gallery, re.MULTILINE)
    assert sorted(name for _, name in pictures) == sorted(path.name for path in (ROOT / "docs" / "pictures").iterdir())


def test_every_method_stands_in_the_docs() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "methods.md"):
        for name, method in seewhy.METHODS.items():
            assert name in page.read_text(), f"{page.name} leaves out {name}"
            assert method.title in (ROOT / "docs" / "methods.md").read_text()


def literals() -> list[str]:
    """The texts in the code; in place of each value that is filled in, "{}"."""
    texts = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


def test_every_message_that_is_quoted_is_one_of_ours() -> None:
    """Word by word, but for examples of names, numbers and settings."""
    texts = literals()
    quoted = re.findall(r"^\| `(.*?)` \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert len(quoted) > 30
    example = r"\.\.\.|…|'[^']*'|\w+=\w*|\bdict: .*?\)\.|(?<![A-Za-z])\d[\d.,×%]*|\bresnet18\b|[()]"
    for message in quoted:
        for fragment in re.split(example, message):
            text = fragment.strip(" ,:;.")
            splits = [(text[: at.start()], text[at.end() :]) for at in re.finditer(" ", text)]
            assert any(text in known for known in texts) or any(  # or a value is a text of its own: "stopped by the budget"
                (any(f"{start} {{}}" in known for known in texts) and any(known.startswith(end) for known in texts))
                or (start in texts and any(f"{{}} {end}" in known for known in texts))
                for start, end in splits
            ), f"{message}: {text}"


def test_the_package_s_own_example_runs() -> None:
    import doctest

    assert doctest.testmod(seewhy).failed == 0
    assert doctest.testmod(seewhy).attempted >= 3
