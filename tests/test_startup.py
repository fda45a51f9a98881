"""Ctrl-C and the garbage collector while the libraries are imported. A torch.py stands in for the one that takes seconds."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import seewhy
from seewhy import startup

SOURCES = Path(seewhy.__file__).parents[1]
SCRIPT = "from seewhy.cli import main\nmain()\n"
CTRL_C = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass\n"
COLLECTOR = "import gc\nprint(gc.isenabled())\nraise SystemExit\n"


@pytest.fixture
def start(tmp_path: Path):
    """Runs Python with a torch of that source: (exit code, standard output, standard error)."""

    def call(*arguments: object, torch: str = CTRL_C) -> tuple[int, str, str]:
        (tmp_path / "torch.py").write_text(torch)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(SOURCES)])}
        command = [sys.executable, *map(str, arguments)]
        # A shell's background jobs ignore Ctrl-C, and so would everything that they start.
        ended = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        return ended.returncode, ended.stdout, ended.stderr

    return call


@pytest.mark.parametrize("arguments", [["--version"], ["explain", "photo.jpg", "--json"], []])
def test_ctrl_c_in_the_first_second_is_one_line(start, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "seewhy").write_text(SCRIPT)
    assert start("-m", "seewhy", *arguments) == (130, "", "Interrupted.\n")
    assert start(tmp_path / "seewhy", *arguments) == (130, "", "Interrupted.\n")


@pytest.mark.parametrize(
    "own", ["import seewhy\n", "try:\n    import seewhy\nexcept KeyboardInterrupt:\n    raise SystemExit(7)\n"]
)
def test_a_program_that_imports_seewhy_has_its_ctrl_c(start, tmp_path: Path, own: str) -> None:
    (tmp_path / "program.py").write_text(own)
    for arguments in ((tmp_path / "program.py", "seewhy"), ("-m", "program", "seewhy")):
        (code, out, err) = start(*arguments)
        assert code == (7 if "SystemExit" in own else -2)
        assert "Interrupted." not in out + err


@pytest.fixture
def collector():
    """What the test has frozen can be collected again."""
    yield
    gc.unfreeze()
    gc.enable()


def test_a_command_imports_without_the_garbage_collector(start, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import seewhy\n")
    assert start("-m", "seewhy", "--version", torch=COLLECTOR) == (0, "False\n", "")
    assert start(tmp_path / "program.py", torch=COLLECTOR) == (0, "True\n", "")


@pytest.mark.usefixtures("collector")
def test_what_a_command_imported_is_never_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = gc.get_freeze_count()
    with startup.NoCollection():  # a program
        assert gc.isenabled()
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, frozen)

    monkeypatch.setattr(startup, "is_command", lambda: True)
    with startup.NoCollection():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen + 10_000
    gc.disable()
    with startup.NoCollection():  # who switched it off keeps it off
        pass
    assert not gc.isenabled()
