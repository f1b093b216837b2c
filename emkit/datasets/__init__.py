"""Small data sets with censored responses."""

from emkit.datasets._loaders import load_lung, load_motorettes

__all__ = ["load_lung", "load_motorettes"]
