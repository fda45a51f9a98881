"""The findings in plain sentences. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from seewhy.doctor.findings import Basis, Certainty, Fault, Finding, Unknown
from seewhy.errors import Message, alternatives, listed, setting
from seewhy.formatting import format_number, format_share, format_size

Evidence = Mapping[str, Any]
_SHORT = 6  # classes in a sentence


def sentences(finding: Finding) -> Message:
    """What is wrong, by what that is seen, and what to write."""
    parts = [_WHAT[finding.fault](finding.evidence), *_proof(finding.evidence), _cure(finding), *_instead(finding.evidence)]
    return Message(" ".join(part for part in parts if part))


def name(finding: Finding) -> str:
    """Its heading, and that of what explains the labels as well."""
    instead = finding.evidence.get("instead")
    return title(finding.fault) + (f", or: {_titles_of(instead)}" if instead else "")


def _titles_of(instead: Evidence) -> str:
    return " and ".join(title(Fault(fault))[0].lower() + title(Fault(fault))[1:] for fault in instead["faults"])


def title(fault: Fault) -> str:
    """A heading."""
    return _TITLES[fault]


def heading(findings: Sequence[Finding], unknown: Sequence[Unknown]) -> str:
    """The faults by name; where there are none, whether anything speaks against the preparation."""
    odd = next((text for kind, text in _ODD.items() if kind in unknown), "Nothing wrong was found")
    return "; ".join(map(name, findings)) or odd


def certainty_text(certainty: Certainty) -> str:
    """How sure, in words."""
    return {"certain": "certain", "likely": "likely, not proved"}[certainty.value]


def unknown_text(unknown: Unknown) -> str:
    """What could not be decided, in words."""
    return str(Message(_UNKNOWN[unknown]))


def unknown_message(unknown: Unknown, is_closed: bool = False) -> Message:
    """The same, its settings marked. is_closed : the network cannot be looked into, so what it has inside is not known."""
    return Message(_UNSEEN if is_closed and unknown is Unknown.PREPARATION else _UNKNOWN[unknown])


_UNSEEN = (
    "The preparation could hardly be judged: whether this network has BatchNorms, whose expectations could be compared, cannot "
    f"be seen, and no labels were given ({setting('labels')}). Even gross faults can go unseen so."
)
_UNKNOWN = {
    Unknown.CLASSES: "Names and order of the classes were not examined: that needs photos whose class is known "
    f"({setting('labels')}).",
    Unknown.PREPARATION: "The preparation could hardly be judged: this network has no BatchNorm whose expectations could be "
    f"compared, and no labels were given ({setting('labels')}). Even gross faults can go unseen so.",
    Unknown.COLOURS: "Whether the network reads red first or blue could not be told: with the two swapped the photos fit it "
    f"about as well. The code of its training says it (OpenCV reads blue first: {setting('order', 'BGR')}); labelled photos can "
    "tell, too.",
    Unknown.FEW_PHOTOS: "With fewer than four photos only gross faults of the preparation show: give a dozen or more.",
    Unknown.LOOKS_WRONG: "The preparation looks wrong: what the BatchNorms read is farther from what they expect than it is on "
    "one usual photo of a sound network. A dozen photos would decide.",
    Unknown.UNFIT: "The photos, as they are prepared, are far from what the BatchNorms expect (sound networks have a gap of "
    "0.002 to 0.03 nats), and no usual preparation mends that. Look up what the network was trained with "
    f"({setting('range')}, {setting('mean')}, {setting('std')}). Photos unlike those of the training (all dark, all of one kind) "
    "do it, too.",
    Unknown.GUESSING: "However it is fed, the network is right on no more of the labelled photos than guessing would be, so they "
    "could not tell what is wrong. See whether it was trained, and on these classes.",
    Unknown.BEHIND: "What comes behind was not examined: mend this first, and ask again.",
    Unknown.INSIDE: "The network cannot be looked into, so its weights and BatchNorms were not examined.",
}

# Headings where there is no finding, and still something speaks against the preparation.
_ODD = {
    Unknown.UNFIT: "The photos, as they are prepared, do not fit the BatchNorms, and why could not be told",
    Unknown.LOOKS_WRONG: "The preparation looks wrong, but so few photos cannot tell",
}

_TITLES = {
    Fault.ALREADY_NORMALISED: "The photos are normalised already",
    Fault.CHANNEL_ORDER: "Red and blue are swapped",
    Fault.NOT_NORMALISED: "The photos are not normalised",
    Fault.NORMALISED_TWICE: "The photos are normalised twice",
    Fault.VALUE_RANGE: "The values have another range",
    Fault.MEAN_STD: "Another mean and std",
    Fault.INPUT_SIZE: "Another input size",
    Fault.RESIZE: "Another way to resize and cut",
    Fault.DOUBLE_SOFTMAX: "A softmax of a softmax",
    Fault.DOUBLE_SIGMOID: "A sigmoid of a sigmoid",
    Fault.HEAD: "The outputs mean something else",
    Fault.TRAIN_MODE: "The network is in train mode",
    Fault.RANDOM_OUTPUT: "The network answers at random",
    Fault.CLASS_COUNT: "Another number of classes",
    Fault.CLASSES_SHIFTED: "The class names are shifted by one",
    Fault.CLASSES_SWAPPED: "Class names are swapped",
    Fault.CLASS_ORDER: "The class names stand in another order",
    Fault.NOT_FINITE: "Weights that are not finite",
    Fault.NOT_LOADED: "Weights that never loaded",
    Fault.HEAD_NOT_LOADED: "The last layer was never trained or never loaded",
    Fault.STATISTICS_NOT_LOADED: "BatchNorm's running statistics never loaded",
    Fault.CONSTANT_OUTPUT: "The scores do not depend on the photo",
}


def _head(evidence: Evidence) -> str:
    if "outputs" in evidence:
        return (
            f"The network has {evidence['outputs']} output{'s' * (evidence['outputs'] != 1)}, which the head "
            f"'{evidence['given']}' does not fit."
        )
    if evidence["by"] == "trace":
        return f"The network ends in a {evidence['seen']}, but it is read as '{evidence['given']}'."
    if evidence["seen"] == "sigmoid":
        return (
            "The outputs are read as a softmax, but they look like a yes or no each: "
            f"{format_share(evidence['several'])} of {evidence['photos']} photos have more than one yes, and the scores of "
            "different classes rise and fall without each other."
        )
    return (
        f"The outputs are read as a yes or no each, but then {format_number(evidence['present'])} of "
        f"{evidence['classes']} labels are "
        "present on each photo; they look like the logits of a softmax."
    )


def _twice(evidence: Evidence, kind: str) -> str:
    if evidence["by"] == "trace":
        return f"The forward pass ends in {' of '.join(f'a {kind}' for kind in evidence['closing'])}: take all but one out."
    if "total" in evidence:
        return (
            f"The outputs of each photo are positive and add up to {format_number(evidence['total'])}: they are "
            "shares already, and a "
            "softmax of them makes all classes alike."
        )
    return (
        f"The outputs are a {kind} of what is a {kind} already: no probability is above "
        f"{format_number(evidence['largest'])}, where "
        f"the inner one reaches {format_number(evidence['inner'])}. Take one of them out."
    )


def _classes(evidence: Evidence) -> str:
    pairs = ", ".join(f"'{old}' is '{new}'" for old, new in evidence["moved"][:_SHORT])
    more = ", ..." if len(evidence["moved"]) > _SHORT else ""
    return (
        f"{evidence['right']} of {evidence['photos']} labelled photos are right; with the names in another order "
        f"{evidence['right_then']} are ({pairs}{more})."
    )


def _count(evidence: Evidence) -> str:
    (names, outputs) = (evidence["names"], evidence["outputs"])
    (odd, what) = (abs(outputs - names), "missing" if outputs > names else "too many")
    text = (
        f"The class list has {names} names, the network gives {outputs} scores: {odd} name{'s are' if odd > 1 else ' is'} {what}."
    )
    if "background" in evidence:
        text += f" The list begins with '{evidence['background']}', for which the network has no score."
    if "end" in evidence:
        (before, behind) = ("with a name before the first one", "with one behind the last")
        if outputs < names:
            (before, behind) = ("without the first name", "without the last one")
        right = f"{evidence['right_first']} of {evidence['photos']} labelled photos are right"
        text += f" {before.capitalize()} {right}, {behind} {evidence['right_last']}."
        if evidence["end"] == "first" and outputs > names:
            text += " A first class 'background' is usual."
    if "end" not in evidence and "background" not in evidence:
        text += " Give one name for each score, in the order of the training."
    return text


def _not_loaded(evidence: Evidence) -> str:
    if "names" in evidence:
        return (
            f"{len(evidence['names'])} of {evidence['layers']} layers have exactly the weights of a fresh initialisation: "
            f"{listed(evidence['names'], 3)}. Do the names in the file differ?"
        )
    return (
        f"All {evidence['layers']} layers have exactly the distribution of a fresh initialisation, and no "
        "norm was ever changed. Was "
        "the file loaded, and do its names fit (strict=False hides that)?"
    )


def _head_not_loaded(evidence: Evidence) -> str:
    text = f"The {evidence['weights']:,} weights of the last layer '{evidence['layer']}' are as initialised, all others are not"
    if "accuracy" in evidence:
        return f"{text}; {format_share(evidence['accuracy'])} of the labelled photos are right."
    if "probability" in evidence:
        return (
            f"{text}; the first class gets {format_number(evidence['probability'])} on average, of {evidence['classes']} classes."
        )
    return f"{text}."


def _constant(evidence: Evidence) -> str:
    where = f" From layer '{evidence['layer']}' on everything is the same." if "layer" in evidence else ""
    return f"Photos, black, white and noise ({evidence['inputs']} inputs) all get the same scores.{where}"


def _train_mode(evidence: Evidence) -> str:
    parts = [
        f"{evidence[key]} {name}{'s' * (evidence[key] > 1)}"
        for key, name in (("batch_norms", "BatchNorm"), ("dropouts", "Dropout"))
        if evidence[key]
    ]
    changed = ""
    if "changed" in evidence:
        changed = f" In train mode {evidence['changed']} of {evidence['photos']} photos get another first class."
    return (
        f"{' and '.join(parts)} would act as in training.{changed} seewhy runs networks in eval mode; in your own code write "
        "network.eval() first."
    )


def _size(evidence: Evidence) -> str:
    if "works" not in evidence:
        return f"Another input size fits the network better: {evidence.get('size_text', '')}".rstrip(": ") + "."
    if not evidence["works"]:
        return (
            f"The network cannot take {format_size(tuple(evidence['size']))} ({evidence['error']}), nor any usual size: say the "
            f"one of its training, {setting('size')}."
        )
    sizes = listed((format_size((rows, columns)) for rows, columns in evidence["works"]), 4)
    return f"The network cannot take {format_size(tuple(evidence['size']))} ({evidence['error']}). It can take {sizes}."


def _not_finite(evidence: Evidence) -> str:
    if not evidence["tensors"]:
        return (
            "The network's scores are not finite for some photos, though its weights are: half precision "
            "overflows, or a division."
        )
    return (
        f"{len(evidence['tensors'])} of {evidence['of']} tensors hold NaN or infinity: "
        f"{listed(evidence['tensors'], 3)}. Load the "
        "weights again, or train with a smaller learning rate."
    )


def _believed(evidence: Evidence) -> str:
    """What the network learned from; where it does not fit fully, only as the best that is known."""
    if evidence.get("fits_fully", True):
        return f": {evidence['believed']}."
    return f". The best fit of the lists that are known, but not certain: {evidence['believed']}."


_WHAT: dict[Fault, Callable[[Evidence], str]] = {
    Fault.ALREADY_NORMALISED: lambda e: (
        f"The arrays range {e['low']:.1f} … {e['high']:.1f}, and the preprocessing would normalise them "
        "again: give raw photos, or "
        f"{setting('preprocess', None)}."
    ),
    Fault.CHANNEL_ORDER: lambda e: "The network reads the colours in another order than it is given them.",
    Fault.NOT_NORMALISED: lambda e: f"The network gets values of 0 to 1, but it learned from others{_believed(e)}",
    Fault.NORMALISED_TWICE: lambda e: f"The values are normalised, and again, or the network does it itself{_believed(e)}",
    Fault.VALUE_RANGE: lambda e: f"The network gets values of another range than it learned from{_believed(e)}",
    Fault.MEAN_STD: lambda e: f"Another mean and std fit the network better{_believed(e)}",
    Fault.INPUT_SIZE: _size,
    Fault.RESIZE: lambda e: "Another way to lay photos into the input fits the network better.",
    Fault.DOUBLE_SOFTMAX: lambda e: _twice(e, "softmax"),
    Fault.DOUBLE_SIGMOID: lambda e: _twice(e, "sigmoid"),
    Fault.HEAD: _head,
    Fault.TRAIN_MODE: _train_mode,
    Fault.RANDOM_OUTPUT: lambda e: (
        f"The same photo gets other scores each time (by {format_share(e['deviation'])} of the largest), in eval mode, too: "
        "something in the forward pass is drawn at random."
    ),
    Fault.CLASS_COUNT: _count,
    Fault.CLASSES_SHIFTED: _classes,
    Fault.CLASSES_SWAPPED: _classes,
    Fault.CLASS_ORDER: _classes,
    Fault.NOT_FINITE: _not_finite,
    Fault.NOT_LOADED: _not_loaded,
    Fault.HEAD_NOT_LOADED: _head_not_loaded,
    Fault.STATISTICS_NOT_LOADED: lambda e: (
        f"The weights are trained, but all {e['norms']} BatchNorms still have running mean 0 and variance 1, "
        "and have seen no batch: "
        "were the buffers left out of the file?"
    ),
    Fault.CONSTANT_OUTPUT: _constant,
}


def _proof(evidence: Evidence) -> Iterable[str]:
    """The numbers of a comparison of preparations."""
    if "gap" in evidence:
        (before, after) = map(format_number, evidence["gap"])
        yield (
            f"What the BatchNorms read differs from what they expect by {before} nats a channel now, by {after} then "
            f"({evidence['photos']} photo{'s' * (evidence['photos'] != 1)})."
        )
        if "believed" in evidence and not evidence.get("fits_fully", True):
            yield (
                "Sound networks leave 0.002 to 0.03, so it does not fit fully: the training may have used others yet. Few "
                "photos, or ones unlike those of the training, leave more, too."
            )
    if "accuracy" in evidence and isinstance(evidence["accuracy"], Sequence):
        (before, after) = map(format_share, evidence["accuracy"])
        yield f"Of {evidence['labelled']} labelled photos {before} are right now, {after} then."
    if "says" in evidence:
        (before, after) = map(format_number, evidence["says"])
        yield (
            f"The predictions say {before} nats of a photo now, {after} then, and stand by it when a little is cut off. That is "
            "weaker evidence; labelled photos would decide."
        )
    if "as_good" in evidence:
        yield f"As good by these numbers: {listed(evidence['as_good'], 3)}."


def _instead(evidence: Evidence) -> Iterable[str]:
    """What explains the labels as well, and is to be mended in place of this, not beside it."""
    if "instead" in evidence:
        instead = evidence["instead"]
        yield (
            f"Or, as far as so few photos can tell: {_titles_of(instead)}, and nothing else; then {instead['right']} of "
            f"{instead['labelled']} labelled photos are right. One of the two is to be mended, not both; the code of the "
            f"training says which. In that case w{_writing(instead['settings'])[1:]}"
        )


def _cure(finding: Finding) -> str:
    if not finding.settings:
        return ""
    write = _writing(finding.settings)
    if (
        "believed" in finding.evidence
        and not finding.evidence.get("fits_fully", True)
        and finding.fault is not Fault.CHANNEL_ORDER
    ):
        return f"Look the values up in the code of the training; until then w{write[1:]}"
    return write


def _writing(settings: Mapping[str, Any]) -> str:
    if "classes" in settings:
        names = settings["classes"]
        if len(names) > _SHORT:
            return f"Write a class list in the order {', '.join(repr(name) for name in names[:_SHORT])}, ..."
        return f"Write {setting('classes', list(names))}."
    return f"Write {', '.join(setting(name, value) for name, value in settings.items())}."


def source_text(sources: Sequence[Basis]) -> str:
    """By what preparations were compared, in words."""
    names = {
        Basis.LABELS: "the labels",
        Basis.STATISTICS: "what the BatchNorms expect",
        Basis.CONFIDENCE: "how much the predictions say",
    }
    return alternatives([names[source] for source in sources]).replace(" or ", " and ")
