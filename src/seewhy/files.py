"""Results as files: each appears whole or not at all, and its suffix says in which form."""

from __future__ import annotations

import io
import json
import os
import tempfile
import threading
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from seewhy.errors import RecordError

if TYPE_CHECKING:
    from PIL import Image


Content = bytes | Callable[[IO[bytes]], object]  # of a file: as bytes, or a function that writes it into the opened file
_asking = threading.Lock()


def save_as(path: str | os.PathLike[str], writers: Mapping[str, Callable[[], Content]]) -> Path:
    """Write what the writer of the path's suffix gives (suffixes in lower case, with their dot); returns the path.

    Raises RecordError: a suffix without a writer, a place that cannot be written.
    """
    path = Path(path)
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise RecordError(f"'{path.name}' cannot be written: '{path.suffix}' is not one of {', '.join(writers)}.")
    return write_whole(path, writer())


def write_whole(path: Path, content: Content, durable: bool = False) -> Path:
    """Write a file so that it appears whole or not at all. Raises RecordError where it cannot be written.

    durable : it is on the disk when this returns, and stays there when the power fails then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    content(file)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
                file.close()
                put_in_place(Path(file.name), path)
                if durable:
                    _flush_folder(path.parent)
            except BaseException:
                file.close()
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RecordError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    return path


def put_in_place(temporary: Path, path: Path) -> None:
    """A temporary file, which is private, becomes an ordinary one under its own name. Raises OSError."""
    os.chmod(temporary, 0o666 & ~_umask())
    os.replace(temporary, path)


def _flush_folder(folder: Path) -> None:
    """The names in a folder reach the disk, too."""
    if os.name == "nt":  # where a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def in_memory(content: Content) -> bytes:
    """What would become a file, as bytes."""
    if isinstance(content, bytes):
        return content
    buffer = io.BytesIO()
    content(buffer)
    return buffer.getvalue()


def png_bytes(image: Image.Image) -> bytes:
    """A PIL image as a .png file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)  # a quarter to half less time than the usual 6, for 1 to 4 % more bytes
    return buffer.getvalue()


def npz_content(record: Mapping[str, Any], arrays: Mapping[str, Any], plain: Collection[str] = ()) -> Content:
    """Arrays as a compressed .npz file, with the record as JSON text in the array "record".

    plain : arrays that are kept as they are: photos, which hardly shrink, and take longer to compress than to explain.
    """

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, values in {"record": np.array(json.dumps(record, ensure_ascii=False)), **arrays}.items():
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type = zipfile.ZIP_STORED if name in plain else zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as member:
                    if name in plain:  # as numpy writes them, without its copies
                        array = np.ascontiguousarray(values)
                        np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
                        member.write(array.data)
                    else:
                        np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)

    return write


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """Plain values as a .json file."""
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def _umask() -> int:
    """The process's file mode mask."""
    with _asking:  # it can only be read by setting it: a second thread would take what the first one has set for the mask
        mask = os.umask(0o022)
        os.umask(mask)
    return mask
