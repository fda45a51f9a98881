"""Every method, one line each. A new one: a file with a frozen dataclass, and its line here."""

from __future__ import annotations

from seewhy.methods.attention_rollout import AttentionRollout
from seewhy.methods.base import Attribution, Method, Needs, Request
from seewhy.methods.cam import Cam
from seewhy.methods.deconvnet import Deconvnet
from seewhy.methods.eigen_cam import EigenCam
from seewhy.methods.grad_attention_rollout import GradAttentionRollout
from seewhy.methods.grad_cam import GradCam
from seewhy.methods.grad_cam_plus_plus import GradCamPlusPlus
from seewhy.methods.gradient import Gradient
from seewhy.methods.guided_backprop import GuidedBackprop
from seewhy.methods.guided_grad_cam import GuidedGradCam
from seewhy.methods.hires_cam import HiResCam
from seewhy.methods.input_x_gradient import InputXGradient
from seewhy.methods.integrated_gradients import IntegratedGradients
from seewhy.methods.layer_cam import LayerCam
from seewhy.methods.lime import Lime
from seewhy.methods.occlusion import Occlusion
from seewhy.methods.rise import Rise
from seewhy.methods.score_cam import ScoreCam
from seewhy.methods.smooth_grad import SmoothGrad

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Cam,
        GradCam,
        GradCamPlusPlus,
        HiResCam,
        LayerCam,
        ScoreCam,
        EigenCam,
        Occlusion,
        Lime,
        Rise,
        Gradient,
        InputXGradient,
        IntegratedGradients,
        SmoothGrad,
        GuidedBackprop,
        Deconvnet,
        GuidedGradCam,
        AttentionRollout,
        GradAttentionRollout,
    )
}

__all__ = ["METHODS", "Attribution", "Method", "Needs", "Request"]
