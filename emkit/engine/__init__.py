r"""The EM engine: write an E-step and an M-step, `fit_em` does the rest.

A model is a pair of steps that meet at additive expected sufficient statistics (`EMModel`). With
observed data :math:`x`, missing data :math:`z` and complete-data statistics :math:`S`,

.. math:: \text{E: } s = E[S(x, z) \mid x; \theta], \qquad
          \text{M: } \theta' = \arg\max_{\vartheta}\;
              E[\log p(x, z; \vartheta) \mid x; \theta] + \log p(\vartheta),

and the M-step sees the data through :math:`s` alone. Parameters and statistics are NamedTuples of
arrays or of such NamedTuples, so that a model may be made of parts. Because statistics add, those
of `Blocks` are a sum. The E-step also returns the log-likelihood at :math:`\theta`, so that the
objective reported is that of the parameters returned. Whole models stand in the examples of
`fit_em`, `LatentClassModel` and `standard_errors`; ``examples/your_own_em.py`` takes one step
by step; `check_model` tries a new one on a few rows.

What each method of a model buys:

==========================================  =====================================================
``initialize``, ``e_step``, ``m_step``      the climb: restarts, acceleration, blocks; and
                                            `standard_errors` from differences of the EM map
``log_joint``, ``statistics``               the E-step, if a class is missing (`LatentClassModel`);
                                            "cem", "sem", annealing, genetic search
``is_feasible``, ``retract``                extrapolation that stays inside the model; ``retract``
                                            leads back into families that are curved
``backtracks = True``                       an M-step that may go too far, such as Newton's
``log_prior``                               maximum a posteriori: a prior is part of the objective
``complete_score``                          standard errors in two E-steps a parameter, "louis" in
                                            "mcem"
``sample_latent, complete_statistics``      "mcem", "saem"; a `MonteCarloModel` needs no E-step
``continue_latent``                         "saem" by a Markov chain, where no draw is independent
``conditional_step``                        ECME: parameters that the M-step leaves
``propose``                                 points of the model's own, such as Newton steps
==========================================  =====================================================

Guaranteed, for exact E-steps: the objective never falls beyond rounding, accelerated or not;
``converged`` means that one plain EM step gained less than ``tol``, and where ``tol`` is below the
rounding of the objective, such as 0, that EM's own steps are nothing but rounding; the same seed
gives the same starts, whatever ``n_jobs``. An M-step that only raises its objective (GEM) keeps all
of it.
A best run that did not converge is warned of (`emkit.exceptions.NotConvergedWarning`).

Not guaranteed: the highest maximum, or that a stationary point is a maximum and no saddle. A small
gain is not a small distance: plain EM that crawls stops too early unless ``tol`` is smaller. Forms
that draw may fall, and end by a rule or a schedule of their own.

Which form of EM, and which search over starts; an `Acceleration`, an `Algorithm` or a `Search` of
one's own is one class with one or two methods:

==============================  ===============================================================
``algorithm="em"``              the default: exact
``"mcem"``                      no formula for the E-step, but what is missing can be drawn
``"saem"``                      the same by one draw an iteration, also of a Markov chain
``"cem"``                       the partition is what is wanted; quick, biased where classes
                                overlap
``"sem"``                       plain EM stays at saddles; the mean of a chain of drawn labels
``search="restarts"``           the default: every start to the end, the best kept
``"short_runs"``                many starts, of which few are worth a climb
``"annealing"``                 overlapping classes; not classes far apart, which it merges
``"simulated_annealing"``       every start is near a maximum that is not the highest
``"genetic"``                   many classes, of which every start has some right
==============================  ===============================================================
"""

from emkit.engine.acceleration import Acceleration, Anderson, Louis, Squarem
from emkit.engine.algorithms import EM, Algorithm, AnnealedEM, ClassificationEM
from emkit.engine.blocks import Blocks
from emkit.engine.checking import check_model
from emkit.engine.fit import fit_em
from emkit.engine.genetic import Genetic
from emkit.engine.inference.standard_errors import standard_errors
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.model import EMModel, MonteCarloModel
from emkit.engine.monte_carlo import MonteCarloEM
from emkit.engine.online import OnlineEM, OnlineState
from emkit.engine.options import RunOptions
from emkit.engine.posterior import Stochastic, Tempered, hard, soft
from emkit.engine.result import EMResult, RunSummary, State, StopReason
from emkit.engine.search import Annealing, Restarts, ShortRuns, SimulatedAnnealing
from emkit.engine.starts import Climber, Outcome, Search, Start
from emkit.engine.stochastic import SimulatedAnnealingEM, StochasticEM
from emkit.engine.stochastic_approximation import StochasticApproximationEM

__all__ = [
    "EM",
    "Acceleration",
    "Algorithm",
    "Anderson",
    "AnnealedEM",
    "Annealing",
    "Blocks",
    "ClassificationEM",
    "Climber",
    "EMModel",
    "EMResult",
    "Genetic",
    "LatentClassModel",
    "Louis",
    "MonteCarloEM",
    "MonteCarloModel",
    "OnlineEM",
    "OnlineState",
    "Outcome",
    "Restarts",
    "RunOptions",
    "RunSummary",
    "Search",
    "ShortRuns",
    "SimulatedAnnealing",
    "SimulatedAnnealingEM",
    "Squarem",
    "Start",
    "State",
    "Stochastic",
    "StochasticApproximationEM",
    "StochasticEM",
    "StopReason",
    "Tempered",
    "check_model",
    "fit_em",
    "hard",
    "soft",
    "standard_errors",
]


def __dir__() -> list[str]:
    return __all__
