"""Imports go one way: from the doors down to the errors."""

from __future__ import annotations

import ast
from pathlib import Path

import seewhy

ROOT = Path(seewhy.__file__).parent
# Left is lower: a room may import from rooms to its left, and from its own. Rooms that share a place do not import each other.
ORDER = [
    ["errors"],
    ["geometry"],
    ["records"],
    ["show", "photo", "engine", "classes", "head"],
    ["preprocess", "targets"],
    ["classifier"],
    ["load", "methods"],
    ["explain"],
    ["evaluate", "features"],
    ["demo"],
    ["live", "cli"],
]
PLACE = {room: place for place, rooms in enumerate(ORDER) for room in rooms}
# The one exception, inside functions: an explanation draws itself, and wraps a map of the person's own.
ALLOWED = {("records", "show"), ("records", "explain")}


def test_no_arrow_points_up() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        tree = ast.parse(path.read_text())
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            modules = (
                [f"seewhy.{a.name}" if node.module == "seewhy" else node.module or "" for a in node.names]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            for target in (m.split(".")[1] for m in modules if m.startswith("seewhy.")):
                inside_a_function = id(node) not in top
                if target == room or ((room, target) in ALLOWED and inside_a_function):
                    continue
                if target not in PLACE or room not in PLACE or PLACE[target] >= PLACE[room]:
                    wrong.append(f"{path.relative_to(ROOT)} imports seewhy.{target}")
    assert not wrong


def test_doors_use_only_the_surface_and_methods_do_not_draw() -> None:
    for path in (ROOT / "methods").glob("*.py"):
        assert "seewhy.show" not in path.read_text(), f"{path.name} draws"
    only_one = [p.name for p in ROOT.rglob("*.py") if "import torchvision" in p.read_text()]
    assert only_one == ["from_torchvision.py"]


def test_the_surface_is_what_it_says() -> None:
    assert sorted(seewhy.__all__) == seewhy.__all__ or set(seewhy.__all__) == {n for n in seewhy.__all__ if hasattr(seewhy, n)}
    for name in ("Classifier", "Preprocess", "Explanation", "SeewhyError", "METHODS", "load", "explain", "demo", "show"):
        assert hasattr(seewhy, name)
