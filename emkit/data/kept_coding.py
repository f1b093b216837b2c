"""How a fitted estimator keeps its categories: as plain data, in which no class of ours is."""

from typing import Any

from emkit.base.persistence import BaseEstimator
from emkit.data.categories import Coding

__all__ = ["KeepsCoding"]


class KeepsCoding(BaseEstimator):
    """An estimator with the `Coding` of its table in ``_coding``, or None."""

    _coding: Coding | None

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        coding = state.get("_coding")
        return {**state, "_coding": coding.packed()} if coding is not None else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("_coding"), dict):
            state = {**state, "_coding": Coding.unpacked(state["_coding"])}
        super().__setstate__(state)
