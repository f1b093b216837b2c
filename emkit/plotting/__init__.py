"""Pictures in scikit-learn's Display convention; they need matplotlib.

``from_estimator`` computes and draws, ``plot(ax=None)`` draws again, and the data, the axes and the
artists stay on the object.
"""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.plotting.censored import CensoredRegressionDisplay as CensoredRegressionDisplay
    from emkit.plotting.coefficients import CoefficientDisplay as CoefficientDisplay
    from emkit.plotting.convergence import ConvergenceDisplay as ConvergenceDisplay
    from emkit.plotting.imputation import ImputationDisplay as ImputationDisplay
    from emkit.plotting.mixture import MixtureDisplay as MixtureDisplay
    from emkit.plotting.probability import ProbabilityPlotDisplay as ProbabilityPlotDisplay
    from emkit.plotting.residuals import ResidualDisplay as ResidualDisplay
    from emkit.plotting.selection import SelectionDisplay as SelectionDisplay
    from emkit.plotting.showing import show as show
    from emkit.plotting.survival import SurvivalCurveDisplay as SurvivalCurveDisplay

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "CensoredRegressionDisplay": "censored",
        "CoefficientDisplay": "coefficients",
        "ConvergenceDisplay": "convergence",
        "ImputationDisplay": "imputation",
        "MixtureDisplay": "mixture",
        "ProbabilityPlotDisplay": "probability",
        "ResidualDisplay": "residuals",
        "SelectionDisplay": "selection",
        "SurvivalCurveDisplay": "survival",
        "show": "showing",
    },
)
