"""How a coyote and a dog are drawn: the two animals that no demo network was trained on."""

from __future__ import annotations

import numpy as np

from seewhy.demo.animals import BLACK, Pose, eye, leg
from seewhy.demo.brush import Colour, Pen, mix


def coyote(pen: Pen, pose: Pose, rng: np.random.Generator) -> None:
    """Slim and grey-tan, with a long snout, large pointed ears and a bushy tail that hangs."""
    grey = mix((150, 132, 110), (128, 118, 106), rng.uniform())
    rust, pale = mix((172, 126, 82), grey, rng.uniform(0.1, 0.4)), mix((222, 206, 182), grey, 0.15)
    far = mix(rust, BLACK, 0.38)
    paw = (0.058, 0.05)
    for hip, swing, widths, bend in (
        ((-0.32, 0.44), pose.stride[0], (0.17, 0.07, 0.05), -0.055),
        ((0.28, 0.46), pose.stride[1], (0.13, 0.07, 0.055), 0.01),
    ):
        leg(pen, hip, swing + 0.09, widths, (far, far), 95, bend, paw)
    sway = 0.05 * pose.tail
    pen.limb(
        [(-0.42, 0.6), (-0.56, 0.5), (-0.66 - sway, 0.34), (-0.7 - sway, 0.2)],
        (0.08, 0.13, 0.16, 0.05), mix(grey, BLACK, 0.08), 150,
    )  # fmt: skip
    pen.limb([(-0.685 - sway, 0.27), (-0.71 - sway, 0.17)], (0.085, 0.02), (48, 42, 38), 155)
    body = pen.blob(
        [(-0.46, 0.5), (-0.44, 0.62), (-0.3, 0.665), (0.0, 0.63), (0.24, 0.665), (0.38, 0.62), (0.43, 0.5),
         (0.36, 0.37), (0.2, 0.33), (-0.1, 0.4), (-0.3, 0.43)],
        grey, 175,
    )  # fmt: skip
    belly = [(-0.32, 0.47), (0.0, 0.45), (0.4, 0.47), (0.4, 0.3), (0.1, 0.3), (-0.2, 0.36)]
    pen.layer.stain([pen.place(belly)], pale, body)
    saddle = mix(grey, BLACK, 0.35)
    pen.layer.stain([pen.place([(-0.4, 0.62), (-0.1, 0.59), (0.3, 0.61), (0.3, 0.75), (-0.4, 0.75)])], saddle, body)
    for hip, swing, widths, bend in (
        ((-0.36, 0.5), pose.stride[2], (0.24, 0.085, 0.055), -0.075),
        ((0.29, 0.46), pose.stride[3], (0.15, 0.08, 0.06), 0.01),
    ):
        leg(pen, hip, swing, widths, (rust, mix(rust, pale, 0.4)), 184, bend, paw)

    x, y = 0.6 + 0.05 * (1 - pose.head), 0.25 + 0.56 * pose.head
    pen.limb([(0.3, 0.53), (0.44, 0.44 + 0.22 * pose.head), (x - 0.02, y)], (0.3, 0.24, 0.17), grey, 188)
    pen.limb([(0.4, 0.46), (0.52, 0.36 + 0.25 * pose.head), (x, y - 0.06)], (0.1, 0.1, 0.06), pale)
    head = pen.at(x, y, -0.75 + 0.6 * pose.head, 1.1)
    head.blob([(0.0, 0.07), (0.025, 0.16), (0.05, 0.225), (0.09, 0.15), (0.09, 0.06)], mix(rust, BLACK, 0.3), 190)
    head.blob(
        [(-0.13, 0.0), (-0.09, 0.09), (0.03, 0.1), (0.1, 0.06), (0.13, -0.02), (0.06, -0.1), (-0.06, -0.1)],
        mix(grey, rust, 0.4), 220,
    )  # fmt: skip
    head.blob(
        [(0.06, 0.055), (0.16, 0.025), (0.29, 0.005), (0.31, -0.035), (0.27, -0.06), (0.14, -0.09),
         (0.06, -0.08)],
        rust, 228,
    )  # fmt: skip
    head.blob(
        [(0.0, -0.05), (0.12, -0.035), (0.28, -0.03), (0.27, -0.06), (0.14, -0.09), (0.02, -0.11),
         (-0.07, -0.09)],
        pale,
    )  # fmt: skip
    head.limb([(0.17, -0.05), (0.28, -0.04)], (0.01, 0.01), mix(rust, BLACK, 0.7))
    head.oval(0.3, -0.002, 0.026, 0.022, BLACK, 240)
    head.blob([(-0.1, 0.05), (-0.1, 0.15), (-0.07, 0.245), (-0.02, 0.17), (0.01, 0.08)], mix(rust, grey, 0.3), 240)
    head.blob([(-0.075, 0.08), (-0.08, 0.15), (-0.065, 0.205), (-0.035, 0.15), (-0.02, 0.09)], mix(pale, rust, 0.35))
    eye(head, 0.065, 0.028, 0.018, pose.eye)


def dog(pen: Pen, pose: Pose, rng: np.random.Generator) -> None:
    """Sturdy, with hanging ears, a blunt snout, a tail that curls up and a bright collar."""
    cream: Colour = (238, 228, 208)
    coats: tuple[tuple[Colour, Colour], ...] = (
        ((206, 158, 92), (238, 214, 170)), ((40, 38, 40), (184, 116, 60)),
        (cream, (132, 82, 46)), ((118, 74, 46), cream),
    )  # fmt: skip
    fur, second = coats[rng.integers(len(coats))]
    far = mix(fur, BLACK, 0.36)
    paw = (0.07, 0.06)
    for hip, swing, widths, bend in (
        ((-0.28, 0.42), pose.stride[0], (0.18, 0.095, 0.075), -0.04),
        ((0.28, 0.44), pose.stride[1], (0.15, 0.095, 0.08), 0.01),
    ):
        leg(pen, hip, swing + 0.09, widths, (far, far), 95, bend, paw)
    sway = 0.05 * pose.tail
    pen.limb(
        [(-0.4, 0.6), (-0.52, 0.68), (-0.58, 0.82), (-0.5 + sway, 0.93), (-0.4 + sway, 0.88)],
        (0.11, 0.1, 0.09, 0.075, 0.03), mix(fur, BLACK, 0.06), 165,
    )  # fmt: skip
    body = pen.blob(
        [(-0.46, 0.5), (-0.44, 0.63), (-0.3, 0.68), (0.0, 0.665), (0.26, 0.7), (0.4, 0.63), (0.44, 0.5),
         (0.36, 0.36), (0.16, 0.31), (-0.12, 0.35), (-0.32, 0.4)],
        fur, 178,
    )  # fmt: skip
    pen.layer.stain([pen.place([(0.2, 0.44), (0.5, 0.62), (0.5, 0.3), (0.1, 0.28)])], second, body)
    if second == coats[2][1]:
        pen.layer.stain([pen.place([(-0.35, 0.75), (-0.3, 0.52), (-0.02, 0.5), (0.08, 0.75)])], second, body)
    for hip, swing, widths, bend in (
        ((-0.33, 0.46), pose.stride[2], (0.25, 0.11, 0.08), -0.055),
        ((0.29, 0.44), pose.stride[3], (0.17, 0.105, 0.085), 0.01),
    ):
        leg(pen, hip, swing, widths, (fur, mix(second, fur, 0.2)), 187, bend, paw)

    x, y = 0.57 + 0.06 * (1 - pose.head), 0.26 + 0.6 * pose.head
    pen.limb([(0.3, 0.54), (0.43, 0.46 + 0.24 * pose.head), (x - 0.03, y - 0.02)], (0.32, 0.25, 0.19), fur, 190)
    collars: tuple[Colour, ...] = ((206, 44, 44), (40, 92, 196), (232, 150, 32))
    middle = np.array([0.42 + 0.5 * (x - 0.44), 0.52 + 0.52 * (y - 0.54)])
    along = np.array([x - 0.4, y - 0.5])
    across = np.array([-along[1], along[0]]) / np.hypot(*along) * 0.115
    pen.limb([middle - across, middle + across], (0.055, 0.055), collars[rng.integers(len(collars))], 205)
    head = pen.at(x, y, -0.8 + 0.62 * pose.head, 1.15)
    head.blob(
        [(-0.13, -0.01), (-0.1, 0.1), (0.01, 0.13), (0.1, 0.08), (0.12, -0.02), (0.06, -0.12), (-0.06, -0.12)],
        fur, 222,
    )  # fmt: skip
    head.blob(
        [(0.07, 0.05), (0.14, 0.035), (0.24, 0.03), (0.27, -0.02), (0.25, -0.085), (0.14, -0.115),
         (0.04, -0.09)],
        mix(second, fur, 0.15), 230,
    )  # fmt: skip
    if rng.uniform() < 0.4 and pose.head > 0.3:
        head.limb([(0.17, -0.09), (0.2, -0.15)], (0.05, 0.045), (222, 110, 116), 236)
    head.limb([(0.13, -0.075), (0.25, -0.065)], (0.012, 0.012), mix(second, BLACK, 0.75))
    head.oval(0.262, 0.018, 0.034, 0.028, BLACK, 242)
    ear = mix(fur, BLACK, 0.3) if fur != cream else second
    head.blob(
        [(-0.07, 0.11), (0.0, 0.09), (0.01, 0.0), (-0.02, -0.12), (-0.08, -0.13), (-0.13, -0.03),
         (-0.12, 0.07)],
        ear, 244,
    )  # fmt: skip
    eye(head, 0.075, 0.04, 0.021, pose.eye)
