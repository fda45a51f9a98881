"""Places elsewhere for tests: objects in memory, and systems that fail as a network does."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image


def png(values: Any) -> bytes:
    """An array as a .png file."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(values)).save(buffer, "PNG")
    return buffer.getvalue()


def put(files: Mapping[str, bytes]) -> None:
    """Objects in ``memory://``, by their paths."""
    for path, content in files.items():
        MemoryFileSystem().pipe_file(path, content)


def tar_bytes(files: Mapping[str, bytes], **settings: Any) -> bytes:
    """Files as a .tar file, in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=settings.pop("mode", "w"), **settings) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def put_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar_bytes(files))
    return path


class Unreachable(MemoryFileSystem):
    """Its errors are its own, and tell what they were asked for."""

    protocol = "unreachable"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.split("://")[-1]

    def _fails(self, *arguments: Any, **settings: Any) -> Any:
        raise RuntimeError("Could not connect to the endpoint.\nA second line.")

    cat_file = find = ls = glob = info = isfile = pipe_file = open = _fails


class ReadOnly(MemoryFileSystem):
    """Takes nothing."""

    protocol = "readonly"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.split("://")[-1].lstrip("/")

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **settings: Any) -> None:
        raise PermissionError("Access Denied")


def register() -> None:
    """``unreachable://`` and ``readonly://``."""
    for system in (Unreachable, ReadOnly):
        fsspec.register_implementation(system.protocol, system, clobber=True)
