"""Rows wherever they lie: in memory, in a source that is read block by block, on a cluster."""
