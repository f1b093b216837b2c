"""Columns as messages name them."""

from typing import Any

import numpy as np

__all__ = ["column_labels", "column_names", "listed"]


def column_names(estimator: Any) -> Any:
    """Names of the columns seen in fit, or their numbers where they have none."""
    return getattr(estimator, "feature_names_in_", np.arange(estimator.n_features_in_))


def column_labels(estimator: Any) -> list[Any]:
    """The same where the columns may have other names than strings, as in a table of categories."""
    coding = getattr(estimator, "_coding", None)
    return list(column_names(estimator).tolist() if coding is None else coding.names)


def listed(names: Any) -> str:
    """The first five names, in words."""
    return ", ".join(str(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
