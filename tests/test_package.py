"""The built wheel, in a clean environment outside the repository; and what the repository holds."""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# What tests more than one source file, or none; every other test file tests the source file that it is named after.
CROSS_CUTTING = {
    "test_arrows.py",
    "test_contract.py",
    "test_docs.py",
    "test_examples.py",
    "test_messages.py",
    "test_package.py",
    "methods/test_gradient_parity.py",
    "methods/test_parity.py",
    "web/test_in_browser.py",
}
STRAYS = ("*.orig", "*.rej", "*.bak", "*.swp", "*.tmp", "*.log", "*~", ".DS_Store")

USE = """
import pathlib, seewhy
assert "site-packages" in seewhy.__file__, seewhy.__file__
clf = seewhy.load("demo:shortcut")
scene = seewhy.demo.scenes(1, logo=True)[0]
e = seewhy.explain(clf, scene.photo)
e.save("why.png"); e.save("why.html")
print(e.targets[0].name, e.maps.shape)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_holds_what_is_needed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name: archive.getinfo(name).file_size for name in archive.namelist()}
    assert "seewhy/py.typed" in names
    weights = {name: size for name, size in names.items() if name.endswith(".safetensors")}
    assert sorted(Path(name).stem for name in weights) == ["bear", "honest", "shortcut"]
    assert all(size <= 1_000_000 for size in weights.values())
    assert "seewhy/audit/bank.json" in names
    templates = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("templates/*")}
    assert {"seewhy/audit/templates/audit.html", "seewhy/show/templates/base.html"} <= templates <= set(names)
    own = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert own <= set(names)
    assert not [name for name in names if name.startswith(("tests", "bench", "docs"))]


def test_it_explains_a_scene_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "clean"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    site = next((home / "lib").glob("python*")) / "site-packages"
    # The libraries that seewhy needs are found beside it; seewhy itself is not: a .pth file does not follow other .pth files.
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.run(
        [python, "-W", "error", "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == ["bear", "(1,", "12,", "16)"]
    assert (tmp_path / "why.png").stat().st_size > 10_000
    process = subprocess.run(
        [home / "bin" / "seewhy", "demo"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (tmp_path / "seewhy-demo.html").is_file()
    assert "seewhy-demo.html" in process.stdout


def test_importing_seewhy_does_not_import_what_it_draws_and_stores_with() -> None:
    heavy = ("matplotlib", "jinja2", "torchvision", "typer", "rich", "pyarrow", "pandas")
    code = f"import sys, seewhy; print([m for m in {heavy} if m in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_every_source_file_has_its_test_file_and_every_test_file_its_source() -> None:
    (source, tests) = (ROOT / "src" / "seewhy", ROOT / "tests")
    expected = {
        path.relative_to(source).with_name(f"test_{path.name}").as_posix()
        for path in source.rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    }
    names = {path.relative_to(tests).as_posix() for path in tests.rglob("test_*.py")}
    benches = {name for name in names if fnmatch.fnmatch(name, "test_bench_*.py")}
    assert sorted(expected - names) == []
    assert sorted(names - expected - benches) == sorted(CROSS_CUTTING)
    for name in benches:
        bench = name.removeprefix("test_bench_").removesuffix(".py")
        assert (ROOT / "bench" / f"{bench}.py").is_file(), name


def test_nothing_is_left_lying_about() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: nothing says which files belong to the repository")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listing.split("\0") if name]
    assert "pyproject.toml" in names
    assert [name for name in names if any(fnmatch.fnmatch(Path(name).name, stray) for stray in STRAYS)] == []
