"""What an estimator is kept as: its attributes, and the version of emkit that wrote them."""

from typing import Any

from emkit import __version__
from emkit.base.estimator import Parameters
from emkit.exceptions import VersionWarning, warn

__all__ = ["BaseEstimator"]


class BaseEstimator(Parameters):
    """scikit-learn's, with a state that knows which emkit it comes from.

    Pickle, joblib, skops and `copy` all go by that state.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_emkit_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_emkit_version", "a version that did not say which it was")
        if version != __version__:
            name = type(self).__name__
            warn(
                f"This {name} was kept by emkit {version} and is opened by {__version__}. Its "
                "attributes may mean something else or be missing. Install the version that wrote "
                f"it, or fit the {name} again.",
                VersionWarning,
            )
        super().__setstate__(state)
