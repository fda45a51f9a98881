"""The program itself: its version, its help, every command in it."""

from __future__ import annotations

import seewhy


def test_every_command_is_there(run) -> None:
    code, _, err = run()
    assert code == 2
    for name in ("classify", "explain", "layers", "activations", "dream", "embed", "evaluate", "compare", "methods", "demo"):
        assert f"\n  {name} " in err
    assert run("--version") == (0, f"seewhy {seewhy.__version__}\n", "")
