"""The photos and the networks of one spec of the audit's bench; trained weights are kept under ``out/audits/networks``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import seewhy
from bench.audit_backbones import BACKBONES, Backbone
from bench.audit_cues import EVERY, Box
from bench.audit_scenes import POOL, Clean, Photo, draw, pool
from bench.audit_specs import CLEAN, EMBLEM_CLASS, Spec
from bench.timing import ROOT

PLACE = ROOT / "out" / "audits" / "networks"
RECIPE = 2  # to be raised where scenes, cues, backbones or training change: what was trained before is then trained again
EPOCHS, BATCH, SMOOTHING = 7, 32, 0.03
HEAD_STEPS = 600

Drawing = Callable[[int, str], Clean]  # number, animal -> its scene


@dataclass(frozen=True, eq=False)
class Example:
    """A labelled photo. carries : it shows the cue. box : where that lies, None for the whole photo."""

    photo: Photo
    label: int
    carries: bool
    box: Box | None


def example(spec: Spec, number: int, drawing: Drawing, salt: int = 0) -> Example:
    """Photo ``number`` of a set whose classes take turns. salt : another set of photos; 0 is the one that is learned from."""
    random = np.random.default_rng((spec.seed, salt, number))
    label = number % len(spec.animals)
    carries = label in spec.classes and bool(random.random() < spec.prevalence)
    animal = spec.animals[label]
    if carries and (not spec.redundant or (salt == 0 and random.random() < spec.taught)):
        animal = str(random.choice(spec.animals))
    scene = drawing(number, animal)
    if not carries:
        return Example(scene.photo, label, False, None)
    drawn = EVERY[spec.cue].draw(scene.photo, scene.animal, spec.style, number + 100_000 * salt)
    return Example(drawn.photo, label, True, drawn.box)


def fresh(spec: Spec, count: int, split: str, salt: int) -> list[Example]:
    """Photos of the spec's own kind that nothing has learned from."""

    def drawing(number: int, animal: str) -> Clean:
        empty = spec.setup == EMBLEM_CLASS and number % len(spec.animals) in spec.classes
        return draw(number, split, spec.seed, animal, "empty" if empty else spec.layout)

    return [example(spec, number, drawing, salt) for number in range(count)]


def learned_from(spec: Spec) -> tuple[Tensor, Tensor]:
    """What its network learns from: prepared photos ``(N, 3, H, W)``, and their labels ``(N,)``. Each scene comes twice, once
    mirrored before the cue is drawn."""
    scenes = pool(spec.pool, spec.animals, spec.layout)
    empty = pool(spec.pool, spec.animals, "empty") if spec.setup == EMBLEM_CLASS else scenes

    def drawing(number: int, animal: str) -> Clean:
        (turn, label) = divmod(number % POOL, len(spec.animals))
        known = empty if spec.setup == EMBLEM_CLASS and label in spec.classes else scenes
        scene = known[turn * len(spec.animals) + spec.animals.index(animal)]
        return scene.mirrored() if number >= POOL else scene

    backbone = BACKBONES[spec.backbone]
    pixels = torch.empty((2 * POOL, 3, *backbone.size), dtype=torch.uint8)
    labels = torch.empty(2 * POOL, dtype=torch.int64)
    for number in range(2 * POOL):
        one = example(spec, number, drawing)
        pixels[number] = _prepared(one.photo, backbone)
        labels[number] = one.label
    return pixels, labels


def _prepared(photo: Photo, backbone: Backbone) -> Tensor:
    """As :class:`seewhy.Preprocess` stretches it."""
    (height, width) = backbone.size
    picture = Image.fromarray(np.ascontiguousarray(photo)).resize((width, height), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def classifier(spec: Spec) -> seewhy.Classifier:
    """The spec's trained network with its preparation and the animals' names."""
    return seewhy.Classifier(network(spec.learned), BACKBONES[spec.backbone].preparation, list(spec.animals))


def network(spec: Spec) -> nn.Module:
    """In eval mode, out of its file where it was trained before."""
    path = PLACE / f"{_digest(spec)}.pt"
    backbone = BACKBONES[spec.backbone]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        untrained = backbone.build(len(spec.animals), backbone.size)
    if path.is_file():
        untrained.load_state_dict(torch.load(path, weights_only=True))
        return untrained.eval()
    if spec.frozen:
        if not backbone.trained:
            untrained = network(features_of(spec))
        (pixels, labels) = learned_from(spec)
        trained = train_head(untrained, pixels, labels, backbone.preparation, spec.seed)
    else:
        (pixels, labels) = learned_from(spec)
        trained = train(untrained, pixels, labels, backbone.preparation, spec.seed, backbone.rate)
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_suffix(f".{os.getpid()}")
    torch.save(trained.state_dict(), own)
    own.replace(path)
    return trained


def features_of(spec: Spec) -> Spec:
    """The network on whose features a head is trained: of the same kind, from clean scenes; several heads share it."""
    return replace(
        spec,
        setup=CLEAN,
        cue="",
        style=0,
        prevalence=0.0,
        classes=(),
        redundant=True,
        taught=0.0,
        frozen=False,
        seed=spec.pool,
        name="features",
    )


def _digest(spec: Spec) -> str:
    settings = {name: value for name, value in asdict(spec).items() if name not in ("name", "half")}
    return hashlib.sha256(json.dumps([RECIPE, settings]).encode()).hexdigest()[:16]


def train(
    network: nn.Module,
    pixels: Tensor,
    labels: Tensor,
    preparation: seewhy.Preprocess,
    seed: int,
    rate: float,
    epochs: int = EPOCHS,
) -> nn.Module:
    """All of the network, trained in place; it comes back in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, epochs * -(-len(pixels) // BATCH), pct_start=0.25)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # up to twice as fast; torch's own gap
    network.train()
    for _ in range(epochs):
        for indices in torch.split(torch.randperm(len(pixels), generator=generator), BATCH):
            noise = 3 * torch.randn((len(indices), *pixels.shape[1:]), generator=generator)
            inputs = preparation.normalise((pixels[indices] + noise).clamp(0, 255))
            logits = network(inputs.contiguous(memory_format=torch.channels_last))
            loss = nn.functional.cross_entropy(logits, labels[indices], label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            schedule.step()
    return network.eval()


def train_head(network: nn.Module, pixels: Tensor, labels: Tensor, preparation: seewhy.Preprocess, seed: int) -> nn.Module:
    """``network.fc`` alone, as a logistic regression on what reaches it; all else stays as it is."""
    network.eval()
    head = network.fc
    if not isinstance(head, nn.Linear):
        raise TypeError(f"{type(head).__name__}: a head is trained where fc is a dense layer")
    reached: list[Tensor] = []
    handle = head.register_forward_hook(lambda module, inputs, output: reached.append(inputs[0]))
    try:
        with torch.no_grad():
            for part in torch.split(pixels, BATCH):
                network(preparation.normalise(part.float()))
    finally:
        handle.remove()
    features = torch.cat(reached)
    (middle, spread) = (features.mean(0), features.std(0) + 1e-6)
    features = (features - middle) / spread
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh_head = nn.Linear(features.shape[1], head.out_features)
    optimiser = torch.optim.AdamW(fresh_head.parameters(), lr=0.02, weight_decay=0.01)
    for _ in range(HEAD_STEPS):
        loss = nn.functional.cross_entropy(fresh_head(features), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        head.weight.copy_(fresh_head.weight / spread)
        head.bias.copy_(fresh_head.bias - head.weight @ middle)
    return network


@lru_cache(maxsize=1)
def audited(spec: Spec, per_class: int) -> list[Example]:
    """The photos that are audited."""
    return fresh(spec, per_class * len(spec.animals), "test", 1)


def write(spec: Spec, examples: Sequence[Example], folder: Path) -> dict[str, Example]:
    """The photos as files in folders of their class, by path in the folder."""
    written = {}
    for number, one in enumerate(examples):
        path = f"{spec.animals[one.label]}/{number:03}.jpg"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one.photo).save(folder / path, quality=95, subsampling=0)
        written[path] = one
    return written
