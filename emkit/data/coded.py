"""What an estimator publishes of the columns of categories that it was fitted to."""

from typing import Any

import numpy as np

from emkit.data.categories import Coding

__all__ = ["publish_levels"]


def publish_levels(estimator: Any, coding: Coding | None, n_features: int) -> None:
    """Which features are categories, and of what levels."""
    estimator.is_categorical_ = np.zeros(n_features, dtype=bool)
    estimator.categories_ = []
    for j, category in coding.categories.items() if coding else ():
        estimator.is_categorical_[j] = True
        levels = np.empty(len(category.levels), dtype=object)
        levels[:] = category.levels
        estimator.categories_.append(levels)
