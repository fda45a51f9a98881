"""All measures of a map, one line each. A new one is a file with its function, and a line here."""

from __future__ import annotations

from seewhy.evaluate import curves, stability
from seewhy.evaluate.drop import average_drop, increase
from seewhy.evaluate.infidelity import SQUARES, infidelity
from seewhy.evaluate.metric import Metric
from seewhy.evaluate.on_object import energy_on_object, pointing
from seewhy.evaluate.randomisation import randomisation
from seewhy.explanation import Explanation

_RISE = "Petsiuk et al. 2018, arXiv:1806.07421, section 4.2"
_PLUS_PLUS = "Chattopadhay et al. 2018, arXiv:1710.11063, section 5.1"
_YEH = "Yeh et al. 2019, arXiv:1901.09392"
_ADEBAYO = "Adebayo et al. 2018, arXiv:1810.03292"
_WANG = "Wang et al. 2020, arXiv:1910.01279, section 4.3"
_ZHANG = "Zhang et al. 2016, arXiv:1608.00507, section 4.1"


def _maps(explanation: Explanation, steps: int) -> int:
    return 3


def _squares(explanation: Explanation, steps: int) -> int:
    return SQUARES


def _again(explanation: Explanation, steps: int) -> int:
    return round(explanation.cost.forward)


METRICS: dict[str, Metric] = {
    "deletion": Metric("deletion area", False, _RISE, curves.deletion, passes=curves.passes),
    "insertion": Metric("insertion area", True, _RISE, curves.insertion, passes=curves.passes),
    "average_drop": Metric("average drop", False, _PLUS_PLUS, average_drop, passes=_maps),
    "increase": Metric("increase", True, _PLUS_PLUS, increase, passes=_maps),
    "infidelity": Metric("infidelity", False, f"{_YEH}, section 2", infidelity, passes=_squares),
    "stability": Metric("change under noise", False, f"{_YEH}, section 3", stability.stability, passes=stability.passes),
    "randomisation": Metric("likeness without weights", False, _ADEBAYO, randomisation, passes=_again),
    "energy": Metric("energy on the object", True, _WANG, energy_on_object, needs_mask=True),
    "pointing": Metric("peak on the object", True, _ZHANG, pointing, needs_mask=True),
}
