"""Memory that is kept while seewhy works, so that the same pages are not asked for again with every layer.

glibc gives every tensor above some megabytes back to the system as soon as it is freed, and the next one is asked for anew: the
system clears it and maps it page by page, which takes as long as the convolution that fills it (SqueezeNet, 16 photos at once:
6,600 pages a photo, half of the time). While seewhy works, glibc is told to keep what is freed.

In a person's process that lasts for the work only (:func:`kept`): afterwards no more than ``KEPT`` bytes of free memory stay, and
the thresholds are what glibc itself comes to in a process that has freed a tensor of 32 MB. Two things cannot be brought back:
glibc adapts its thresholds no further by itself; and where the heap has a hole, a tensor of the person's own may be put there,
and what it leaves when it is freed stays until the next explanation. A process that is seewhy's own (command line, servers,
workers) keeps its memory throughout (:func:`keep_always`).

Nothing is done where the C library is not glibc, or where a person has set its thresholds in the environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from seewhy.startup import is_command

KEPT = 48_000_000  # bytes of free memory that may stay with a person's process ...
_TOP = 32_000_000  # ... of which so much lies at the heap's end, where it has no large holes
_GROWTH = 32_000_000  # bytes by which long work may grow before its free memory is given back
# Numbers of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGEST = 2**31 - 1  # mallopt takes an int
_PAGE = 4096 if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE")
_STATM = "/proc/self/statm"  # on Linux
_WORKING = 2**30  # while seewhy works, tensors up to 1 GB come from the heap ...
_SHARE = 0.25  # ... which keeps this share of the machine's free memory at most
_USUAL = 32 << 20  # afterwards: what glibc adapts itself to, at most (DEFAULT_MMAP_THRESHOLD_MAX); it trims at twice that
# Set by a person, they hold: glibc reads them when the process starts.
VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_", "MALLOC_ARENA_MAX")

_lock = threading.Lock()
_depth = 0  # how many pieces of work are going on, in all threads
_always = False
# Bytes in memory when the heap was last looked at, and how many of them were free at most.
_resident_then = _free_then = 0


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """While this lasts, freed memory stays with the process; at the end of the outermost one all but ``KEPT`` is given back."""
    global _depth, _resident_then
    libc = _glibc()
    if libc is None or _always:
        yield
        return
    share = _share()
    try:
        with _lock:
            _depth += 1
            if _depth == 1:
                # What a person has freed meanwhile may be filled by what seewhy frees.
                _resident_then = min(_resident_then, resident_memory())
                _set(libc, _WORKING, share)
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and not _always:
                _set(libc, _USUAL, 2 * _USUAL)
                _give_back(libc)


def keep_always() -> None:
    """For a process that is seewhy's own, before its first tensor: freed memory stays until it ends, in one heap for all."""
    global _always
    libc = _glibc()
    if libc is not None:
        with _lock:
            _always = True
            libc.mallopt(_ARENA_MAX, 1)
            _set(libc, _WORKING, _share())


def _share() -> int:
    """Bytes; asked for anew every second, because reading it takes a tenth of a millisecond."""
    return _share_of(int(time.monotonic()))


@lru_cache(maxsize=1)
def _share_of(second: int) -> int:
    return int(min(_LARGEST, _SHARE * free_memory(torch.device("cpu"))))


def _give_back(libc: Any) -> None:
    """Free memory goes back to the system where more than ``KEPT`` of it may be resident.

    Holes that were given back once are still counted as free chunks; so what has become resident since then decides.
    """
    global _resident_then, _free_then
    resident = resident_memory()
    if resident and resident - _resident_then <= KEPT - _free_then:
        return
    free = libc.mallinfo2()
    if free.fordblks <= KEPT:
        (_resident_then, _free_then) = (resident, free.fordblks)
        return
    # The next work begins at the heap's end, or in large holes: these may then fill with all that may stay.
    has_holes = free.fordblks - free.keepcost > _TOP
    libc.malloc_trim(0 if has_holes else _TOP)
    (_resident_then, _free_then) = (resident_memory(), min(_TOP, libc.mallinfo2().keepcost))


def without_growth(resident_before: int) -> int:
    """For long work that keeps its memory, now and then: where more than ``_GROWTH`` bytes have become resident since the first
    time, all that is free goes back to the system. What little lives long comes to lie in the holes between tensors, which then
    need new room, 70 MB at a time.

    resident_before : what the last call gave, 0 at first. Returns the resident bytes of the first time.
    """
    libc = _glibc()
    resident = resident_memory()
    if libc is not None and resident_before and resident - resident_before > _GROWTH:
        libc.malloc_trim(0)
    return resident_before or resident


def resident_memory() -> int:
    """Bytes of this process that are in memory; 0 where the system does not tell (no Linux, no /proc)."""
    try:
        with open(_STATM, "rb", buffering=0) as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _set(libc: Any, mmap_threshold: int, trim_threshold: int) -> None:
    if not libc.mallopt(_MMAP_THRESHOLD, mmap_threshold):  # before 2.35 it took no more than 32 MB
        libc.mallopt(_MMAP_THRESHOLD, _USUAL)
    libc.mallopt(_TRIM_THRESHOLD, trim_threshold)


def free_memory(device: torch.device) -> float:
    """Free bytes: of the GPU, else of the machine or of the container around us, whichever is less."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    free = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024.0 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
            free.append(float(int(Path(limit).read_text()) - int(Path(used).read_text())))
    return max(0.0, min(free)) if free else 2.0**31


class GpuUsage(NamedTuple):
    """Bytes of a GPU's memory; in_use : by anybody, by_others : by other programs than this."""

    total: int
    in_use: int
    by_others: int


def gpu_usage(device: torch.device | None) -> GpuUsage | None:
    """None for another device than a GPU."""
    if device is None or device.type != "cuda":
        return None
    (free, total) = torch.cuda.mem_get_info(device)
    in_use = total - free
    return GpuUsage(total, in_use, max(0, in_use - torch.cuda.memory_reserved(device)))


class _MallocInfo(ctypes.Structure):
    """struct mallinfo2; fordblks: bytes of free chunks, keepcost: of the one at the heap's end."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]
    ]


@cache
def _glibc() -> Any:
    """The C library with its allocator's functions; None where there is none of these, or a person has set it up."""
    if any(name in os.environ for name in VARIABLES) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return None
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  another library may have functions of these names
        libc.mallinfo2.restype = _MallocInfo
        libc.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
        libc.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError, TypeError):
        return None
    return libc


if is_command():  # before the first tensor
    keep_always()
