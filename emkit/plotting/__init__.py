"""Pictures in scikit-learn's Display convention; they need matplotlib.

``from_estimator`` computes and draws, ``plot(ax=None)`` draws again, and the data, the axes and the
artists stay on the object.
"""

from emkit.plotting._censored import CensoredRegressionDisplay
from emkit.plotting._convergence import ConvergenceDisplay
from emkit.plotting._imputation import ImputationDisplay
from emkit.plotting._mixture import MixtureDisplay
from emkit.plotting._selection import SelectionDisplay

__all__ = [
    "CensoredRegressionDisplay",
    "ConvergenceDisplay",
    "ImputationDisplay",
    "MixtureDisplay",
    "SelectionDisplay",
]
