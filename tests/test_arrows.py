"""Imports go one way: from the doors down to the errors, and never in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import seewhy

ROOT = Path(seewhy.__file__).parent
# Left is lower: a room may import from rooms to its left, and from its own. Rooms that share a place do not import each other.
ORDER = [
    ["errors", "formatting", "startup"],
    ["geometry", "files", "pipeline", "rasters"],
    ["inpainting", "properties"],
    ["records"],
    ["classes", "head", "photo"],
    ["edits", "label_classes"],
    ["show", "engine"],
    ["preprocess", "targets", "labels", "bands"],
    ["tensors", "sized"],
    ["reading"],
    ["classifier"],
    ["explanation", "load"],
    ["methods"],
    ["explain"],
    ["evaluate", "features"],
    ["store"],
    ["compare", "confusion", "doctor", "run"],
    ["audit", "live"],
    ["demo"],
    ["web"],
    ["cli"],
]
PLACE = {room: place for place, rooms in enumerate(ORDER) for room in rooms}
FILES = {
    ".".join(("seewhy", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


def imports(path: Path) -> set[str]:
    """The modules of seewhy that a file imports, at its top, inside functions, or for types only."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in FILES else node.module for a in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return {module for module in modules if module.split(".")[0] == "seewhy"}


def test_no_arrow_points_up() -> None:
    wrong = []
    for module, path in FILES.items():
        room = module.split(".")[1] if "." in module else "__init__"
        if room in ("__init__", "__main__"):
            continue
        for target in (name.split(".")[1] for name in imports(path) if "." in name):
            if target != room and (target not in PLACE or room not in PLACE or PLACE[target] >= PLACE[room]):
                wrong.append(f"{path.relative_to(ROOT)} imports seewhy.{target}")
    assert not wrong


def test_no_files_import_each_other_in_a_circle() -> None:
    arrows = {module: {target for target in imports(path) if target in FILES} for module, path in FILES.items()}
    while leaves := [module for module, targets in arrows.items() if not targets & arrows.keys()]:
        for module in leaves:
            del arrows[module]
    assert not arrows, f"in a circle, or above one: {sorted(arrows)}"


# What doors may use beside the surface: errors and the settings in them, which files are photos and what their labels are, how a
# result becomes a file, how work ended, the results of the surface's functions, and what these check before a network is loaded.
OPEN_TO_DOORS = {
    "seewhy.errors": None,
    "seewhy.startup": None,
    "seewhy.photo": {"PHOTO_SUFFIXES", "photos_below"},
    "seewhy.files": {"write_whole"},
    "seewhy.store.reading": {"path_below"},
    "seewhy.engine.runner": {"Progress"},
    "seewhy.pipeline": {"FOR_ALL", "in_parts", "in_stages"},
    "seewhy.records": {"Ending"},
    "seewhy.formatting": {"format_number", "format_score", "format_share"},
    "seewhy.explanation": {"page"},
    "seewhy.evaluate": {"METRICS", "CropTest", "Evaluation", "checked_mask", "examine", "metric_names"},
    "seewhy.compare": {"Comparison", "Omission"},
    "seewhy.doctor": {"Diagnosis"},
    "seewhy.features": {"Activations", "Dream", "Embedding", "Extremes"},
    "seewhy.label_classes": {"class_index"},
    "seewhy.labels": {"read_labels"},
    "seewhy.load": {"SOURCES", "known_networks"},
    "seewhy.methods.auto": {"AUTO", "TAKEN"},
    "seewhy.live.controls": {"Controls"},
    "seewhy.live.loop": {"CAM", "LiveLoop"},
    "seewhy.live.recording": {"Recording"},
    "seewhy.live.screen": {"LOOKS", "screen_for"},
    "seewhy.live.sources": {"FrameSource", "cv2_module", "open_source"},
    "seewhy.live.window": {"Window", "pygame_module"},
    "seewhy.web.server": {"LOCAL", "check_extra", "serve"},
    "seewhy.confusion": {"Confusion", "check_normalise"},
}


def not_on_the_surface(tree: ast.AST, door: str) -> list[str]:
    """What the file of a door uses that it should not: imports, attributes of ``seewhy``, private names of others."""
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wrong += [alias.name for alias in node.names if alias.name.startswith("seewhy.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "seewhy":
            module = node.module or ""
            names = {alias.name for alias in node.names}
            if module == "seewhy":
                wrong += sorted(names - {*seewhy.__all__, door})
            elif module.split(".")[1] != door:
                allowed = OPEN_TO_DOORS.get(module, set())
                wrong += [f"{module}.{name}" for name in sorted(names - (names if allowed is None else allowed))]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "seewhy" and node.attr not in {*seewhy.__all__, "__version__"}:
                wrong.append(f"seewhy.{node.attr}")
            if node.attr.startswith("_") and not node.attr.startswith("__") and node.value.id not in ("self", "cls"):
                wrong.append(f"{node.value.id}.{node.attr}")
    return wrong


def test_doors_use_only_the_surface() -> None:
    files = sorted((ROOT / "cli").glob("*.py"))
    assert len(files) >= 4
    assert {path.name: not_on_the_surface(ast.parse(path.read_text()), "cli") for path in files} == {p.name: [] for p in files}


def test_a_door_that_reaches_inside_is_seen() -> None:
    reaches = """
import seewhy, seewhy.engine
from seewhy import load, classifier
from seewhy.engine.runner import Budget
from seewhy.photo import open_picture, photos_below
from seewhy.errors import OptionError
from seewhy.cli.files import Names
seewhy.engine.runner
seewhy.load("demo:honest")._lock
clf._planned
self._taken
"""
    assert not_on_the_surface(ast.parse(reaches), "cli") == [
        "seewhy.engine",
        "classifier",
        "seewhy.engine.runner.Budget",
        "seewhy.photo.open_picture",
        "clf._planned",
        "seewhy.engine",
    ]


def test_methods_do_not_draw_and_show_knows_no_record() -> None:
    for path in (ROOT / "methods").glob("*.py"):
        assert "seewhy.show" not in path.read_text(), f"{path.name} draws"
    for path in (ROOT / "show").glob("*.py"):
        assert "seewhy.records" not in path.read_text(), f"{path.name} knows a record"


def test_one_file_imports_each_library_of_networks() -> None:
    for library in ("torchvision", "timm", "transformers", "onnxruntime"):
        only_one = [p.name for p in ROOT.rglob("*.py") if f"import {library}\n" in p.read_text() + "\n"]
        known = {"onnxruntime": "onnx"}.get(library, library)
        assert only_one == ([] if library == "torchvision" else [f"from_{known}.py"]), library
    only_one = [p.name for p in ROOT.rglob("*.py") if "import torchvision" in p.read_text()]
    assert only_one == ["from_torchvision.py"]


def test_no_class_name_twice() -> None:
    names = [
        node.name for path in FILES.values() for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
    ]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_the_surface_is_what_it_says() -> None:
    assert [name for name in seewhy.__all__ if not hasattr(seewhy, name)] == []
    for name in ("Classifier", "Preprocess", "Explanation", "SeewhyError", "METHODS", "load", "explain", "demo", "show"):
        assert hasattr(seewhy, name)
