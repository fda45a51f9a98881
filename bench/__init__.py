"""seewhy beside its peers, measured in one run: ``python -m bench``, or one of them: ``python -m bench.gradcam``."""
