"""Pictures in scikit-learn's Display convention; they need matplotlib.

``from_estimator`` computes and draws, ``plot(ax=None)`` draws again, and the data, the axes and the
artists stay on the object.
"""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.plotting.censored import CensoredRegressionDisplay as CensoredRegressionDisplay
    from emkit.plotting.convergence import ConvergenceDisplay as ConvergenceDisplay
    from emkit.plotting.imputation import ImputationDisplay as ImputationDisplay
    from emkit.plotting.mixture import MixtureDisplay as MixtureDisplay
    from emkit.plotting.selection import SelectionDisplay as SelectionDisplay
    from emkit.plotting.showing import show as show

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "CensoredRegressionDisplay": "censored",
        "ConvergenceDisplay": "convergence",
        "ImputationDisplay": "imputation",
        "MixtureDisplay": "mixture",
        "SelectionDisplay": "selection",
        "show": "showing",
    },
)
