"""All measures of a map, one line each. A new one is a file with its function, and a line here."""

from __future__ import annotations

from seewhy.evaluate.curves import deletion, insertion
from seewhy.evaluate.drop import average_drop, increase
from seewhy.evaluate.infidelity import infidelity
from seewhy.evaluate.metric import Metric
from seewhy.evaluate.on_object import energy_on_object, pointing
from seewhy.evaluate.randomisation import randomisation
from seewhy.evaluate.stability import stability

_RISE = "Petsiuk et al. 2018, arXiv:1806.07421, section 4.2"
_PLUS_PLUS = "Chattopadhay et al. 2018, arXiv:1710.11063, section 5.1"
_YEH = "Yeh et al. 2019, arXiv:1901.09392"

METRICS: dict[str, Metric] = {
    "deletion": Metric("deletion area", False, _RISE, deletion),
    "insertion": Metric("insertion area", True, _RISE, insertion),
    "average_drop": Metric("average drop", False, _PLUS_PLUS, average_drop),
    "increase": Metric("increase", True, _PLUS_PLUS, increase),
    "infidelity": Metric("infidelity", False, f"{_YEH}, section 2", infidelity),
    "stability": Metric("change under noise", False, f"{_YEH}, section 3", stability),
    "randomisation": Metric("likeness without weights", False, "Adebayo et al. 2018, arXiv:1810.03292", randomisation),
    "energy": Metric("energy on the object", True, "Wang et al. 2020, arXiv:1910.01279, section 4.3", energy_on_object, True),
    "pointing": Metric("peak on the object", True, "Zhang et al. 2016, arXiv:1608.00507, section 4.1", pointing, True),
}
