"""On how many threads a network runs."""

from __future__ import annotations

import torch
from threadpoolctl import ThreadpoolController


class PassThreads:
    """The threads of the passes that are begun in this thread: all at first. Passes of other threads keep theirs."""

    def __init__(self) -> None:
        self._openmp = ThreadpoolController().select(user_api="openmp")
        self.count = torch.get_num_threads()

    def use(self, count: int) -> None:
        """At least one."""
        count = max(1, count)
        if count != self.count:
            self._openmp.limit(limits=count)  # OpenMP keeps the number for each thread by itself
            self.count = count
