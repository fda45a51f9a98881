"""Files of torch that hold a whole network: TorchScript, torch.export, ``torch.save(model)``. Told apart by what is in them."""

from __future__ import annotations

import contextlib
import pickle
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from seewhy.engine.any_batch import joined
from seewhy.engine.form import Form
from seewhy.engine.plan import unwrap
from seewhy.errors import ModelError, setting
from seewhy.load.from_file import own_folders
from seewhy.load.parts import Parts
from seewhy.load.weights import STARTS, Weights, checkpoint_without_objects, fit, read_weights
from seewhy.sized import sized

BUILD_IT = "path/model.py:build"


def _matrix_transposed(x: torch.Tensor) -> torch.Tensor:
    return x.mT


def _sliced(x: torch.Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> torch.Tensor:
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


# Operations of an exported program under the names that they have in a person's code, with the same arguments in the same order.
_PLAIN: dict[str, Any] = {
    "relu.default": torch.relu,
    "relu_.default": torch.relu_,
    "relu6.default": functional.relu6,
    "hardtanh.default": functional.hardtanh,
    "hardtanh_.default": functional.hardtanh_,
    "gelu.default": functional.gelu,
    "silu.default": functional.silu,
    "sigmoid.default": torch.sigmoid,
    "softmax.int": torch.softmax,
    "scaled_dot_product_attention.default": functional.scaled_dot_product_attention,
    "conv2d.default": torch.conv2d,
    "linear.default": functional.linear,
    "batch_norm.default": torch.batch_norm,
    "layer_norm.default": torch.layer_norm,
    "max_pool2d.default": functional.max_pool2d,
    "avg_pool2d.default": functional.avg_pool2d,
    "adaptive_avg_pool2d.default": functional.adaptive_avg_pool2d,
    "mean.dim": torch.mean,
    "flatten.using_ints": torch.flatten,
    "view.default": torch.Tensor.view,
    "reshape.default": torch.reshape,
    "permute.default": torch.permute,
    "transpose.int": torch.transpose,
    "add.Tensor": torch.add,
    "add_.Tensor": torch.Tensor.add_,
    "mul.Tensor": torch.mul,
    "cat.default": torch.cat,
    "matmul.default": torch.matmul,
    "einsum.default": torch.einsum,
    # What moves values: where they lie over the photo is followed by name.
    "mT.default": _matrix_transposed,
    "slice.Tensor": _sliced,
    "select.int": torch.select,
    "narrow.default": torch.narrow,
    "unbind.int": torch.unbind,
    "chunk.default": torch.chunk,
    "split.Tensor": torch.split,
    "split_with_sizes.default": torch.split_with_sizes,
    "unflatten.int": torch.unflatten,
    "squeeze.dim": torch.squeeze,
    "unsqueeze.default": torch.unsqueeze,
    "expand.default": torch.Tensor.expand,
    "contiguous.default": torch.Tensor.contiguous,
    "clone.default": torch.clone,
    "stack.default": torch.stack,
    "roll.default": torch.roll,
    "flip.default": torch.flip,
}


# Arguments by which an operation is told that it trains, and what they are in eval mode.
_EVAL = {"train": False, "training": False, "use_input_stats": False, "dropout_p": 0.0}
_STATISTICS = ("training", "use_input_stats")  # of a norm without statistics of its own: it has none to take instead


class FixedBatch(nn.Module):
    """A network that takes exactly ``batch`` photos at once, as one that takes any number: (N, C, H, W) in, (N, ...) out.

    The last photo fills up the last batch. Gradients flow; the layers of a program for one photo can be watched for one photo at
    a time, those of a program for more belong to no photo that one could name.
    """

    def __init__(self, network: nn.Module, batch: int) -> None:
        super().__init__()
        self.network = network
        self.batch = batch
        self.form = Form(f"a torch.export program for {batch} photos", batch == 1, True, one_at_a_time=batch == 1)

    def forward(self, x: torch.Tensor) -> Any:
        """The outputs of all batches, one behind the other."""
        if len(x) == self.batch:
            return self.network(x)
        missing = -len(x) % self.batch
        padded = torch.cat([x, x[-1:].expand(missing, -1, -1, -1)]) if missing else x
        outputs = [self.network(photos) for photos in torch.split(padded, self.batch)]
        return joined(outputs, len(x))


def build(name: str, weights: Weights | None, trust: bool) -> Parts:
    """The network in the file. Raises ModelError for weights without a network, and for what must not be read without trust."""
    path = Path(name)
    if not path.is_file():
        raise ModelError(f"There is no file '{path}'.")
    entries = _entries(path)
    if "constants.pkl" in entries:  # by which torch knows TorchScript, too
        parts = Parts(_torchscript(path, trust), path.name)
    elif "archive_format" in entries or "serialized_exported_program.json" in entries:  # the latter before torch 2.8
        parts = _exported(path, trust)
    else:
        parts = Parts(_saved(path, trust), path.name)
    if weights is not None:
        if not parts.network.state_dict() or isinstance(parts.network, torch.jit.ScriptModule):
            raise ModelError(f"'{path.name}' brings its own weights: leave {setting('weights')} out.")
        fit(parts.network, read_weights(weights, trust), f"the network of {path.name}")
    return parts


def _entries(path: Path) -> list[str]:
    """The names of what an archive of torch holds, below its one folder where it has one; none for another file.

    Read as torch reads them: of an archive with two tables of contents Python's zipfile may take the other one.
    """
    try:
        return torch._C.PyTorchFileReader(str(path)).get_all_records()
    except RuntimeError:
        pass
    try:  # programs of torch.export before torch 2.8, which had no folder
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError):
        return []


def _torchscript(path: Path, trust: bool) -> nn.Module:
    """Its code is TorchScript's own: no Python runs. Yet a few of its operations write files, some of them while it is read."""
    suspect = None if trust else _touching_files(path)
    if suspect is not None:
        raise ModelError(
            f"The TorchScript code in '{path.name}' {suspect}, and running it could write files: if you trust its author, say "
            f"{setting('trust', True)}."
        )
    with _without_warnings():
        try:
            network: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever its reader stumbles over
            raise ModelError(f"'{path}' is no whole TorchScript archive: {_first_line(error)}") from error
    return network.eval()


# Comments and strings, as TorchScript's lexer takes them; strings in three quotes are not among what torch prints.
_TEXT = re.compile(r"""(?s)#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
_THREE_QUOTES = re.compile(r"\"{3}|'{3}")
# Where the code begins to name an operation: torch and ops are no part of another name, and no field ("ops : Tensor").
_CHAIN = re.compile(r"(?<![\w.])(torch|ops)\b(?!\s*:)((?:\s*\.\s*\w+)*)")
# torch prints operations as torch.NAME or ops.SPACE.NAME. In any other way, such as getattr(torch, "sa" "ve"), one could hide.
_PRINTED = {"torch": (1, "torch.NAME"), "ops": (2, "ops.SPACE.NAME")}
# save and from_file of torch itself, load_tensor of its debugging, read_file and write_file of torchvision.
_FILE_OPERATION = re.compile(r"save|load_tensor|\w*_file")


def _touching_files(path: Path) -> str | None:
    """What the archive's code does that may touch files, for "The code ..."; None where it does nothing of the kind."""
    try:
        codes = _codes(path)
    except (ValueError, RuntimeError) as error:  # no text, broken
        raise ModelError(f"'{path}' is no whole TorchScript archive: {_first_line(error)}") from error
    for code in codes:
        for chain in _CHAIN.finditer(_TEXT.sub(" ", code)):
            (root, names) = (chain[1], chain[2].replace(".", " ").split())
            if names and _FILE_OPERATION.fullmatch(names[-1]):
                return f"calls {root}.{'.'.join(names)}"
            (count, printed) = _PRINTED[root]
            if len(names) != count:
                return f"says '{root}' in another way than in {printed}"
            if names[-1] == "autograd":  # all of torch, under another name
                return f"names {root}.{'.'.join(names)}"
        if _THREE_QUOTES.search(code):
            return "holds a text in three quotes, which torch does not write"
    return None


def _codes(path: Path) -> list[str]:
    """The archive's code, read as torch reads it. Raises ValueError where that could be other code than is listed."""
    archive = torch._C.PyTorchFileReader(str(path))
    entries = archive.get_all_records()
    # Torch looks names up in either case, and lists only the beginning of a very long one.
    if len({entry.lower() for entry in entries}) < len(entries):
        raise ValueError("two of its entries have the same name")
    contents = {entry: archive.get_record(entry) for entry in entries if entry.lower().startswith("code/")}
    return [content.decode() for entry, content in contents.items() if entry.lower().endswith(".py")]


# -- torch.export -------------------------------------------------------------------------------------------------------------


def _exported(path: Path, trust: bool) -> Parts:
    """A program of torch.export. Its reader unpickles, and evaluates expressions from the file."""
    if not trust:
        raise ModelError(
            f"'{path.name}' is a program of torch.export, and torch's reader of it could run code: if you trust its author, say "
            f"{setting('trust', True)}; or export the network to .onnx."
        )
    with _without_warnings():
        try:
            program = torch.export.load(str(path))
        except Exception as error:  # whatever its reader stumbles over; a compiled package has no program in it
            raise ModelError(f"'{path}' cannot be read by torch.export: {_first_line(error)}") from error
        network: Any = program.module()
    inputs = set(program.graph_signature.user_inputs)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        described = "; ".join(str(tuple(shape)) for shape in shapes)
        raise ModelError(f"'{path}' reads {described or 'nothing'}: it must read photos alone, (N, channels, rows, columns).")
    for replaced in ("train", "eval"):  # they refuse
        vars(network).pop(replaced, None)
    _in_eval_mode(network, path)
    _in_plain_operations(network)
    (batch, channels, *size) = (side if type(side) is int else None for side in shapes[0])
    if batch is not None:
        network = FixedBatch(network, batch)
    return Parts(network.eval(), path.name, sized(size, channels, path.name))


def _in_eval_mode(network: Any, path: Path) -> None:
    """What a program that was exported in train mode has written into it: dropouts that draw, and statistics of the batch.

    Raises ModelError where a dropout has been taken apart, and cannot be told from what the network draws by itself.
    """
    for node in network.graph.nodes:
        if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
            continue
        if node.target.overloadpacket.__name__.startswith("bernoulli"):
            raise ModelError(
                f"'{path.name}' draws at random, as a program does that was exported in train mode: export it again after "
                "network.eval()."
            )
        names = [argument.name for argument in node.target._schema.arguments]
        given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        has_statistics = "running_mean" not in names or given.get("running_mean") is not None
        for name, in_eval in _EVAL.items():
            if not given.get(name) or (name in _STATISTICS and not has_statistics):
                continue
            if name in node.kwargs:
                node.update_kwarg(name, in_eval)
            else:
                node.update_arg(names.index(name), in_eval)


def _in_plain_operations(network: Any) -> None:
    """The program's operations called as torch functions, so that layers and ReLUs are known for what they are."""
    for node in network.graph.nodes:
        if node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload) and node.target.namespace == "aten":
            name = f"{node.target.overloadpacket.__name__}.{node.target._overloadname}"
            node.target = _PLAIN.get(name, node.target)
    network.recompile()


# -- torch.save(model) --------------------------------------------------------------------------------------------------------


def _saved(path: Path, trust: bool) -> nn.Module:
    """What ``torch.save(model)`` wrote."""
    content = _content(path, trust)
    network = unwrap(content)
    if isinstance(network, Mapping):  # a checkpoint may hold the module itself
        network = next((unwrap(entry) for entry in network.values() if isinstance(entry, nn.Module)), network)
    if isinstance(network, nn.Module):
        return network.eval()
    if isinstance(network, Mapping):
        raise ModelError(
            f"'{path}' holds weights, and weights alone do not say which network they belong to: name it beside "
            f"{setting('weights', str(path))}."
        )
    raise ModelError(f"'{path}' holds a {type(network).__name__}, no network: save the nn.Module, or write {BUILD_IT}.")


def _content(path: Path, trust: bool) -> Any:
    """Tensors are read safely; a module only with trust."""
    if path.suffix.lower() == ".safetensors":
        return {}
    with path.open("rb") as file:
        if not file.read(2).startswith(STARTS):
            folder = f": give its folder '{path.parent}'" if path.name == "config.json" else ""
            raise ModelError(f"'{path}' is no file that torch.save wrote, and holds no network{folder}.")
    with _without_warnings():
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if not trust and checkpoint_without_objects(path) is not None:
                return {}
            if not trust and "Weights only" in str(error):
                raise ModelError(
                    f"'{path}' holds a whole pickled network, and reading it could run code: if you trust its author, say "
                    f"{setting('trust', True)}; else write a function that builds it, and give {BUILD_IT} with "
                    f"{setting('weights')}."
                ) from error
        except Exception as error:
            raise ModelError(f"'{path}' holds no network that can be read: {_first_line(error)}") from error
        try:
            with own_folders(path.parent, Path.cwd()):  # where the classes of a person's own networks lie
                return torch.load(path, map_location="cpu", weights_only=False)
        except (ImportError, AttributeError) as error:
            if class_name := _missing_in_main(path):
                raise ModelError(
                    f"'{path}' was saved by the script that defines '{class_name}' itself: give path/script.py:{class_name} with "
                    f"{setting('weights', str(path))}."
                ) from error
            module = getattr(error, "name", None) or getattr(getattr(error, "obj", None), "__name__", None)
            where = f"of the module '{module}', which" if module else "that"
            raise ModelError(
                f"'{path}' was saved with code {where} cannot be imported here ({_first_line(error)}): start from its folder, or "
                f"give {BUILD_IT} with {setting('weights')}."
            ) from error
        except Exception as error:  # what its own code raises, and what a broken file leads to
            raise ModelError(f"'{path}' holds no network that can be read: {_first_line(error)}") from error


def _missing_in_main(path: Path) -> str:
    """The first name that the file takes from the script that saved it and this one does not have; "" where there is none."""
    main = vars(sys.modules["__main__"])
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    missing = [name.removeprefix("__main__.") for name in names if name.startswith("__main__.")]
    return next((name for name in missing if name.partition(".")[0] not in main), "")


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Torch announces the end of some of these forms; people still bring them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
