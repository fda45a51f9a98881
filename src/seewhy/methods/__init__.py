"""Every method, one line each. A new one: a file with a frozen dataclass, and its line here."""

from __future__ import annotations

from seewhy.methods.base import Heat, Method, Subject
from seewhy.methods.cam import Cam
from seewhy.methods.grad_cam import GradCam
from seewhy.methods.hires_cam import HiResCam
from seewhy.methods.lime import Lime
from seewhy.methods.occlusion import Occlusion
from seewhy.methods.rise import Rise

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Cam,
        GradCam,
        HiResCam,
        Occlusion,
        Lime,
        Rise,
    )
}

__all__ = ["METHODS", "Heat", "Method", "Subject"]
