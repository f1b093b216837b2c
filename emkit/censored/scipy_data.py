"""Responses of a `scipy.stats.CensoredData`, which keeps them by kind."""

from typing import Any

import numpy as np

from emkit._typing import Array

__all__ = ["bounds_by_kind", "in_order", "is_scipy", "order_lost"]


def is_scipy(y: Any) -> bool:
    return hasattr(y, "_uncensored") and hasattr(y, "_interval")


def bounds_by_kind(y: Any) -> dict[str, Array]:
    """Bounds of a `scipy.stats.CensoredData` by kind, of those kinds that there are."""
    kinds = {
        "uncensored": np.column_stack([y._uncensored, y._uncensored]),
        "left": np.column_stack([np.full(len(y._left), -np.inf), y._left]),
        "right": np.column_stack([y._right, np.full(len(y._right), np.inf)]),
        "interval": np.reshape(y._interval, (-1, 2)),
    }
    return {kind: bounds for kind, bounds in kinds.items() if len(bounds)}


def in_order(kinds: dict[str, Array]) -> Array:
    bounds: Array = np.concatenate([*kinds.values()]) if kinds else np.empty((0, 2))
    return bounds


def order_lost(kinds: dict[str, Array]) -> str:
    told = ", ".join(f"{len(bounds)} {kind}" for kind, bounds in kinds.items())
    return f"CensoredData does not keep the order of its rows. They come by kind: {told}."
