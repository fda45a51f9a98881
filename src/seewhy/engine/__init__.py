"""How a network is run: traced, planned, tapped at a layer, and fed in batches. Knows nothing of photos or methods."""
