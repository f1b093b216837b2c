"""The EM engine: write an E-step and an M-step, `fit_em` does the rest.

A model is a pair of steps that meet at additive expected sufficient statistics (`EMModel`; where
the missing datum is a class label, `LatentClassModel` needs only the joint density). The engine
gives it restarts in parallel, acceleration, a monotone objective and a stop rule with a reason.
`fit_em` shows a whole model in its example.
"""

from emkit.engine.acceleration import Acceleration, Anderson, Louis, Squarem
from emkit.engine.algorithms import EM, Algorithm, AnnealedEM, ClassificationEM
from emkit.engine.blocks import Blocks
from emkit.engine.inference import standard_errors
from emkit.engine.model import EMModel, LatentClassModel, MonteCarloModel
from emkit.engine.monte_carlo import MonteCarloEM
from emkit.engine.posterior import Stochastic, Tempered, hard, soft
from emkit.engine.result import EMResult, RunSummary, State, StopReason
from emkit.engine.search import fit_em
from emkit.engine.stochastic import SimulatedAnnealingEM, StochasticEM
from emkit.engine.strategies import Annealing, Genetic, Restarts, ShortRuns, SimulatedAnnealing

__all__ = [
    "EM",
    "Acceleration",
    "Algorithm",
    "Anderson",
    "AnnealedEM",
    "Annealing",
    "Blocks",
    "ClassificationEM",
    "EMModel",
    "EMResult",
    "Genetic",
    "LatentClassModel",
    "Louis",
    "MonteCarloEM",
    "MonteCarloModel",
    "Restarts",
    "RunSummary",
    "ShortRuns",
    "SimulatedAnnealing",
    "SimulatedAnnealingEM",
    "Squarem",
    "State",
    "Stochastic",
    "StochasticEM",
    "StopReason",
    "Tempered",
    "fit_em",
    "hard",
    "soft",
    "standard_errors",
]
