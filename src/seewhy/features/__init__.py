"""What a network sees inside, and how a whole folder of photos lies in its feature space."""
