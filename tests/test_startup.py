"""Ctrl-C while the libraries are imported. A torch.py that sends the signal stands in for the seconds that the real one takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import seewhy

SOURCES = Path(seewhy.__file__).parents[1]
SCRIPT = "from seewhy.cli import main\nmain()\n"


@pytest.fixture
def ctrl_c(tmp_path: Path):
    """Runs Python with a torch that presses Ctrl-C: (exit code, standard output, standard error)."""
    (tmp_path / "torch.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass\n")

    def call(*arguments: object, before: str = "") -> tuple[int, str, str]:
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
def test_ctrl_c_in_the_first_second_is_one_line(ctrl_c, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "seewhy").write_text(SCRIPT)
    assert ctrl_c("-m", "seewhy", *arguments) == (130, "", "Interrupted.\n")
    assert ctrl_c(tmp_path / "seewhy", *arguments) == (130, "", "Interrupted.\n")


@pytest.mark.parametrize(
    "own", ["import seewhy\n", "try:\n    import seewhy\nexcept KeyboardInterrupt:\n    raise SystemExit(7)\n"]
)
def test_a_program_that_imports_seewhy_has_its_ctrl_c(ctrl_c, tmp_path: Path, own: str) -> None:
    (tmp_path / "program.py").write_text(own)
    for arguments in ((tmp_path / "program.py", "seewhy"), ("-m", "program", "seewhy")):
        (code, out, err) = ctrl_c(*arguments)
        assert code == (7 if "SystemExit" in own else -2)
        assert "Interrupted." not in out + err
