"""Explanations of many photos in a folder: Parquet shards, and a manifest that says how they were made."""

from seewhy.store.manifest import UnreadPhoto
from seewhy.store.store import Store

__all__ = ["Store", "UnreadPhoto"]
