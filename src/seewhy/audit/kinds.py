"""The words that the audit decides by: kinds of verdicts, roles of changes, kinds of controls, reasons of candidates."""

from __future__ import annotations

# Verdicts.
SHORTCUT, SURROUNDINGS, LOCAL, NONE, UNDECIDED = "shortcut", "surroundings", "local", "none", "undecided"
KINDS = (SHORTCUT, SURROUNDINGS, LOCAL, NONE, UNDECIDED)

# Strata of scores that clean networks of ours are compared in: this one and SURROUNDINGS.
OVERLAY = "overlay"

# Roles of changes: the cue put on another photo, and two ways of taking it away from its own.
CUE, FILLED, REPLACED = "cue", "filled", "replaced"
FILLS = (FILLED, REPLACED)

# Controls of a cue that was put on another photo: another part of the donor, another class's photo in its stead, nothing but the
# place covered, the opposite of it. The cue has to turn more than each kind of them.
ELSEWHERE, THIRD, COVERED, OPPOSITE = "elsewhere", "third", "covered", "opposite"
DECIDING = (ELSEWHERE, THIRD, COVERED, OPPOSITE)
# The cue's own pixels in another order tell whether its colours are enough: a coloured patch is a cue, too, so that they decide
# nothing.
SHUFFLED = "shuffled"
OTHER_PLACE = "other place"  # of a cue that was taken away

# Why something is a candidate: the same pixels recur at a place, or at any; maps point there; nothing else is known of the class;
# the same border; the outer ring of the photos. A property of the whole photo or of its ground has its own name
# (``properties.PROPERTIES``).
RECURRING, MOVING, EVIDENCE, CORNER = "recurring", "moving", "evidence", "corner"
BORDER, RING = "border", "ring"
