"""The EM engine: write an E-step and an M-step, `fit_em` does the rest.

A model is a pair of steps that meet at additive expected sufficient statistics (`EMModel`; where
the missing datum is a class label, `LatentClassModel` needs only the joint density). The engine
gives it restarts in parallel, acceleration, a monotone objective and a stop rule with a reason.
`fit_em` shows a whole model in its example.
"""

from emkit.engine.acceleration import Acceleration, Anderson, Squarem
from emkit.engine.blocks import Blocks
from emkit.engine.model import EMModel, LatentClassModel
from emkit.engine.posterior import hard, soft
from emkit.engine.result import EMResult, RunSummary, State, StopReason
from emkit.engine.search import Restarts, ShortRuns, fit_em

__all__ = [
    "Acceleration",
    "Anderson",
    "Blocks",
    "EMModel",
    "EMResult",
    "LatentClassModel",
    "Restarts",
    "RunSummary",
    "ShortRuns",
    "Squarem",
    "State",
    "StopReason",
    "fit_em",
    "hard",
    "soft",
]
