"""What a network computes inside, what it responds to most, and how a folder of photos is arranged in its feature space."""

from seewhy.features.activations import Activations, activations
from seewhy.features.deep_dream import Dream, deep_dream
from seewhy.features.embed import Embedding, embed
from seewhy.features.extremes import Extremes, extremes

__all__ = ["Activations", "Dream", "Embedding", "Extremes", "activations", "deep_dream", "embed", "extremes"]
