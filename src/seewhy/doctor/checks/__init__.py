"""What the doctor looks at, in order. A new check is a file and a line: a function from an examination to findings."""

from __future__ import annotations

from collections.abc import Callable

from seewhy.doctor.checks import constant, finite, head, labels, meaning, mode, preparation, untrained
from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Finding

Check = Callable[[Examination], list[Finding]]

# The first ones need no photo; a finding that ends the examination keeps the ones behind it from being asked.
CHECKS: tuple[Check, ...] = (
    finite.check,
    untrained.check,
    mode.check,
    constant.check,
    head.check,
    labels.check,
    preparation.check,
    meaning.check,
)
