"""check_model: the project's own models keep the contract; a model that breaks it is named."""

import threading
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from systems import Counts, Linkage, Poisson, Rates, Rotated, ScoredRotated, Split, Theta
from test_classic import INTERIOR, example

from emkit import MixturePrior
from emkit.engine import Blocks, EMModel, MonteCarloModel, check_model, tree
from emkit.exceptions import ModelError
from emkit.mixture.prior import internal_prior
from emkit.models import Categorical, Columns, Gaussian, LatentClasses, Product
from emkit.models import Poisson as PoissonCounts
from emkit.models.censored.first_line import prepare
from emkit.models.censored.residuals import ExactSums
from emkit.models.kmeans import KMeans, Points
from emkit.models.laws.registry import LAWS
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.moments import MixtureMoments
from emkit.models.mixture.starts import draw
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(0, 1, (80, 3)), RNG.normal(3, 0.7, (60, 3))]) * [1.0, 5.0, 0.1]
HOLES = np.where(RNG.random(X.shape) < 0.15, np.nan, X)
WEIGHTS = RNG.integers(1, 4, len(X)).astype(float)
COUNTS = np.array([125, 18, 20, 34])
TABLE = np.column_stack([np.arange(6.0), [20.0, 25.0, 15.0, 10.0, 20.0, 10.0]])


# The project's own models


def cut_rows(data):
    X, weights, *_ = data
    halves = slice(0, 60), slice(60, None)
    return tuple(Rows.of(X[rows], None if weights is None else weights[rows]) for rows in halves)


def mixture(name, X, weights=None, prior=None, n_components=2):
    data, structure = Rows.of(X, weights), STRUCTURES[name]
    shift, spread = data.scaling()
    units = Scaling(shift, structure.common_scale(spread))
    ridge = np.full(X.shape[1], 1e-3)
    of_columns = Scaling(shift, spread)
    prior = internal_prior(prior, structure.layout, units, of_columns, data, n_components, ridge)
    parts = MixtureParams(None, None, None)
    model = GaussianMixtureModel(
        structure,
        units,
        total_weight=data.total_weight,
        prior=prior,
        incomplete=data.incomplete,
        draw_start=partial(draw, method="random", n_components=n_components, parts=parts),
    )
    return model, data, {"split": cut_rows}


MIXTURES = {
    f"{name}-{label}": (mixture, name, *arguments)
    for name in NAMES
    for label, arguments in {
        "complete": (X,),
        "holes": (HOLES,),
        "weights": (X, WEIGHTS),
        "prior": (X, None, MixturePrior(weight_concentration=2.0)),
        "single": (HOLES, WEIGHTS, None, 1),
        "all": (HOLES, WEIGHTS, MixturePrior(weight_concentration=2.0)),
    }.items()
}


def whole_mixture(name):
    model, data, options = mixture(name, X)
    return MixtureMoments(model), data, options


def censored(law):
    y = X @ [1.0, 0.1, 0.0] + RNG.normal(size=len(X))
    low, high = y.copy(), y.copy()
    high[y > np.median(y)], low[y > np.median(y)] = np.inf, np.median(y)
    low[:9], high[:9] = y[:9] - 0.5, y[:9] + 0.5
    data, units, gram = prepare(X, low, high, WEIGHTS, True, summarise=law.exact_sums_suffice)

    def cut(data):
        second = data.take(slice(30, None))._replace(exact=ExactSums.none(len(gram)))
        return data.take(slice(0, 30)), second

    return law.model(units.line, gram, 0.5, True), data, {"split": cut}


def emissions(name, incomplete):
    """Classes that say something of normal, Poisson and categorical columns."""
    normal = X.copy()
    if incomplete:
        normal[::7, 1] = np.nan
    counts, codes = RNG.poisson(3.0, len(X)), RNG.integers(0, 3, len(X))
    parts = [Gaussian(2, name), PoissonCounts(2), Categorical(2, 3)]
    return LatentClasses(Product(parts)), Columns((normal, counts, codes), WEIGHTS), {}


def cut_columns(data):
    middle = np.shape(data)[-1] // 2
    return data[..., :middle], data[..., middle:]


#: How the data of a classic example are cut, where they are no rows.
SPLITS = dict.fromkeys(["_classic", "_variant", "_abo", "_death_notices", "_network"])
SPLITS |= {"_two_coins": cut_columns}


def classic(build):
    model, data, start, *_ = build()
    return model, data, {"start": start, "split": SPLITS.get(build.__name__, "rows")}


def words():
    g = example("baum_welch")
    return g["HiddenMarkov"](), Blocks(g["words"][:20]), {"split": None}


OWN = {
    **MIXTURES,
    **{f"whole-{name}": (whole_mixture, name) for name in NAMES},
    **{f"emissions-{name}": (emissions, name, False) for name in NAMES},
    **{f"emissions-{name}-holes": (emissions, name, True) for name in NAMES},
    "kmeans": (lambda: (KMeans(3), Points(X, WEIGHTS), {}),),
    **{f"censored_{name}": (censored, distribution.law) for name, distribution in LAWS.items()},
    "poisson": (lambda: (Poisson(), TABLE, {}),),
    "linkage": (lambda: (Linkage(), COUNTS, {"split": None}),),
    "poisson_blocks": (lambda: (Poisson(), Blocks([TABLE[:2], TABLE[2:]]), {}),),
    "rotated": (lambda: (Rotated(2), X[:, ::2], {}),),
    "rotated_score": (lambda: (ScoredRotated(2), X[:, ::2], {}),),
    "hidden_markov": (words,),
    **{build.__name__: (classic, build) for build in INTERIOR},
}


@pytest.mark.parametrize("case", OWN.values(), ids=OWN)
@pytest.mark.parametrize("seed", range(2))
def test_a_model_of_the_project_keeps_the_contract(case, seed):
    build, *arguments = case
    model, data, options = build(*arguments)
    check_model(model, data, random_state=seed, **options)


# Broken models


def mistake(base, message, **methods):
    """A model with a mistake in it, and what is said of that."""
    return pytest.param(type("Mistaken", (base,), methods)(), message, id=message[:60])


def with_statistics(change):
    def statistics(self, table, resp, work, bound):
        return change(Poisson.statistics(self, table, resp, work, bound))

    return statistics


class Square(NamedTuple):
    side: np.ndarray


class Sums(NamedTuple):
    n: float
    total: np.ndarray


class Diamond(EMModel):
    """Normal means on the circle of radius 1: a curved family, and a complete one."""

    def initialize(self, rows, rng):
        angle = rng.uniform(0, 1)
        return Square(np.array([np.cos(angle), np.sin(angle)]))

    def e_step(self, rows, params):
        return Sums(len(rows), rows.sum(0)), -0.5 * ((rows - params.side) ** 2).sum()

    def m_step(self, stats, params):
        return Square(stats.total / np.linalg.norm(stats.total))

    def retract(self, params):
        return Square(params.side / np.linalg.norm(params.side))


ROWS = RNG.normal(size=(20, 2)) + 1.0


class Remembering(Poisson):
    """What one E-step leaves behind changes the next."""

    calls = 0

    def log_joint(self, table, bound):
        self.calls += 1
        log_joint, work = super().log_joint(table, bound)
        return log_joint + self.calls, work


class Forgetful(Poisson):
    shift = 0.0

    def log_joint(self, table, bound):
        log_joint, work = super().log_joint(table, bound)
        return log_joint + self.shift, work

    def __getstate__(self):
        return {}


def forgetful():
    model = Forgetful()
    model.shift = 1.0
    return model


def locked():
    model = Poisson()
    model.lock = threading.Lock()
    return model


def in_place(self, stats, params):
    stats.n[:] /= stats.n.sum()
    return Rates(stats.n, stats.events / stats.n)


def moved_in_place(self, table, bound):
    bound.rates[:] *= 1.001
    return Poisson.log_joint(self, table, bound)


def eats_its_data(self, table, bound):
    joint = Poisson.log_joint(self, table, bound)
    table[0, 1] *= 2.0
    return joint


def starts_in_its_data(self, table, rng):
    params = Poisson.initialize(self, table, rng)
    table *= 2.0
    return params


BROKEN = [
    mistake(
        Poisson,
        "statistics is not additive: n of all rows is .* neither a mean nor a share",
        statistics=with_statistics(lambda s: Counts(s.n / s.n.sum(), s.events / s.n.sum())),
    ),
    mistake(
        Poisson,
        "statistics is not additive: events of all rows",
        from_tile_sums=lambda self, stats, bound: Counts(stats.n, np.sqrt(stats.events)),
    ),
    mistake(
        Poisson,
        "log_joint is not additive: log_likelihood of all rows",
        log_joint=lambda self, table, bound: (
            Poisson.log_joint(self, table, bound)[0] + len(table),
            0,
        ),
    ),
    mistake(
        Poisson,
        r"m_step lowered the objective from .* to .* at iteration \d.*what statistics expects",
        m_step=lambda self, stats, params: Rates(params.weights, stats.events / stats.n * 1.5),
    ),
    mistake(
        Poisson,
        r"conditional_step lowered the objective from .* at iteration \d.*does not raise it",
        conditional_step=lambda self, data, params: params._replace(rates=1.5 * params.rates),
    ),
    mistake(Poisson, "m_step changed its Counts in place", m_step=in_place),
    mistake(Poisson, "log_joint changed its Rates in place", log_joint=moved_in_place),
    mistake(Poisson, "log_joint changed its data in place", log_joint=eats_its_data),
    mistake(Poisson, "initialize changed its data in place", initialize=starts_in_its_data),
    mistake(
        Poisson,
        "retract changed its Rates in place",
        retract=lambda self, params: params if params.rates.sort() is None else None,
    ),
    mistake(
        Poisson,
        "statistics returned events with numbers that are not finite",
        statistics=with_statistics(lambda s: Counts(s.n, s.events * np.nan)),
    ),
    mistake(
        Poisson,
        "statistics returned n in float32, whose rounding",
        statistics=with_statistics(lambda s: Counts(s.n.astype(np.float32), s.events)),
    ),
    mistake(
        Poisson,
        "m_step returned rates in float32",
        m_step=lambda self, stats, params: Rates(
            stats.n / stats.n.sum(), (stats.events / stats.n).astype(np.float32)
        ),
    ),
    mistake(
        Poisson,
        "log_joint returned an array in float32",
        log_joint=lambda self, table, bound: (
            Poisson.log_joint(self, table, bound)[0].astype(np.float32),
            None,
        ),
    ),
    mistake(Poisson, "propose returned int, not Rates", propose=lambda self, *args: 3),
    mistake(
        Poisson,
        "propose changed its Counts in place",
        propose=lambda self, stats, params: stats.n.sort(),
    ),
    mistake(Poisson, "progress returned NoneType, no number", progress=lambda self, *args: None),
    mistake(
        Poisson,
        "acceleration_threshold returned NoneType, no number",
        acceleration_threshold=lambda self, data: None,
    ),
    mistake(Poisson, "is_feasible returned NoneType", is_feasible=lambda self, params: None),
    mistake(
        Poisson,
        r"complete_score is not the gradient of the objective: along rates\[\d\] it gives",
        complete_score=lambda self, stats, params: Rates(
            *Poisson.complete_score(self, stats, params)[:1], stats.events / params.rates
        ),
    ),
    mistake(
        Poisson,
        r"complete_score returned rates of shape \(1,\), not \(2,\)",
        complete_score=lambda self, stats, params: Rates(params.weights, params.rates[:1]),
    ),
    mistake(
        Poisson,
        "initialize drew parameters that is_feasible refuses: Rates",
        initialize=lambda self, table, rng: Rates(np.array([1.0, 0.0]), np.ones(2)),
    ),
    mistake(
        Poisson,
        "m_step led from the start to where the model is not defined",
        m_step=lambda self, stats, params: Rates(stats.n, -params.rates),
    ),
    mistake(
        Poisson,
        "log_prior returned inf at iteration",
        log_prior=lambda self, params: np.inf,
    ),
    pytest.param(Remembering(), "log_joint gave another objective the second time", id="memory"),
    pytest.param(
        forgetful(), "log_joint gave another objective from another process", id="forgetful"
    ),
    pytest.param(locked(), "Poisson cannot be sent to another process.*TypeError", id="locked"),
]
START = Rates(np.array([0.4, 0.6]), np.array([1.0, 3.0]))


@pytest.mark.parametrize(("model", "message"), BROKEN)
@pytest.mark.parametrize("data", [TABLE, Blocks([TABLE[2:], TABLE[:2]])], ids=["array", "blocks"])
def test_a_method_that_breaks_the_contract_is_named(model, message, data):
    data = Blocks([block.copy() for block in data]) if isinstance(data, Blocks) else data.copy()
    with pytest.raises(ModelError, match=message):
        check_model(model, data, random_state=0)


class Shares(LatentClasses):
    """Its statistics do not add up."""

    def from_tile_sums(self, stats, bound):
        stats = super().from_tile_sums(stats, bound)
        return tree.scale(stats, 1.0 / tree.flatten(stats).sum())


@pytest.mark.parametrize("blocks", [False, True])
def test_columns_are_cut_in_two_by_what_they_take(blocks):
    columns = Columns(RNG.poisson(3.0, 40))
    data = Blocks([columns.take(slice(30)), columns.take(slice(30, None))]) if blocks else columns
    check_model(LatentClasses(PoissonCounts(2)), data, random_state=0)
    with pytest.raises(ModelError, match="is not additive"):
        check_model(Shares(PoissonCounts(2)), data, random_state=0)


def test_a_curved_family_keeps_the_contract_and_a_retraction_that_drifts_does_not():
    check_model(Diamond(), ROWS, random_state=0)

    class Drifting(Diamond):
        def retract(self, params):
            return Square(0.5 * params.side)

    with pytest.raises(ModelError, match="retract moved parameters that are in the model already"):
        check_model(Drifting(), ROWS, random_state=0)


def test_a_conditional_step_is_not_blamed_for_the_m_step():
    class Both(Poisson):
        def m_step(self, stats, params):
            return Rates(params.weights, stats.events / stats.n * 1.5)

        def conditional_step(self, data, params):
            return params

    with pytest.raises(ModelError, match="^m_step lowered the objective"):
        check_model(Both(), TABLE, random_state=0)


def test_a_model_that_may_fall_or_step_too_far_may():
    class Overshooting(Poisson):
        backtracks = True

        def m_step(self, stats, params):
            return Rates(params.weights, stats.events / stats.n * 1.5)

    check_model(Overshooting(), TABLE, random_state=0)
    noisy = Remembering()
    noisy.exact = False
    check_model(noisy, TABLE, random_state=0)


class DrawnLinkage(MonteCarloModel):
    def initialize(self, counts, rng):
        return Theta(0.5)

    def sample_latent(self, counts, params, rng, size):
        return rng.binomial(counts[0], params.t / (2 + params.t), size)

    def complete_statistics(self, counts, latent):
        return Split(counts[1] + counts[2], latent.mean() + counts[3])

    def m_step(self, stats, params):
        return Theta(stats.toward / (stats.toward + stats.away))


def test_a_model_that_draws():
    check_model(DrawnLinkage(), COUNTS, random_state=0)

    class Broken(DrawnLinkage):
        def m_step(self, stats, params):
            return stats.toward

    with pytest.raises(ModelError, match="m_step returned float64, not Theta"):
        check_model(Broken(), COUNTS, random_state=0)


def test_draws_have_the_form_of_the_statistics():
    class Drawing(Linkage):
        sample_latent = DrawnLinkage.sample_latent
        complete_statistics = DrawnLinkage.complete_statistics

    check_model(Drawing(), COUNTS, split=None, random_state=0)

    class Broken(Drawing):
        def complete_statistics(self, counts, latent):
            return Theta(latent.mean())

    with pytest.raises(ModelError, match="complete_statistics returned Theta, not Split"):
        check_model(Broken(), COUNTS, split=None, random_state=0)


@pytest.mark.parametrize(
    ("split", "error", "message"),
    [
        ("rows", ModelError, "On half of the data, e_step failed .* pass split=None"),
        ("halves", ValueError, "split must be 'rows', a callable or None. Got 'halves'"),
    ],
)
def test_data_that_are_no_rows(split, error, message):
    with pytest.raises(error, match=message):
        check_model(Linkage(), COUNTS, split=split, random_state=0)


def test_data_that_cannot_be_cut_say_so():
    class Table(Poisson):
        def tiles(self, data, bound):
            return [data["table"]]

        def initialize(self, data, rng):
            return START

    with pytest.raises(TypeError, match="split='rows' cuts arrays, .* Got dict. Pass a callable"):
        check_model(Table(), {"table": TABLE})
    cut = lambda data: ({"table": TABLE[:2]}, {"table": TABLE[2:]})  # noqa: E731
    check_model(Table(), {"table": TABLE}, split=cut)


class Mean(NamedTuple):
    value: float


class Total(NamedTuple):
    total: float
    n: float


class Lifetimes(EMModel):
    """Exponential times, of which some are cut off; the answer is their total by the events."""

    def initialize(self, rows, rng):
        return Mean(rng.uniform(1.0, 10.0))

    def e_step(self, rows, params):
        times, failed = rows
        expected = times + params.value * ~failed
        log_likelihood = -failed.sum() * np.log(params.value) - times.sum() / params.value
        return Total(expected.sum(), len(times)), log_likelihood

    def m_step(self, stats, params):
        return Mean(stats.total / stats.n)


TIMES = np.array([2.0, 3.0, 5.0, 6.0, 8.0]), np.array([True, True, False, True, True])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("step", [1, 3, 5])
def test_an_m_step_that_gives_no_number_is_named_whatever_is_feasible_says(wrong, step):
    class Losing(Lifetimes):
        steps = 0

        def m_step(self, stats, params):
            self.steps += 1
            return Mean(wrong) if self.steps == step else super().m_step(stats, params)

        def is_feasible(self, params):
            return bool(np.isfinite(params.value))

    with pytest.raises(ModelError, match=f"m_step returned value .* not finite at step {step}"):
        check_model(Losing(), TIMES, start=Mean(5.0))


@pytest.mark.parametrize("per_unit", [-0.3, 0.02, 1e-4])
@pytest.mark.parametrize("start", [None, Mean(6.0), Mean(60.0)])
def test_a_prior_that_the_m_step_ignores_is_found_from_every_start(per_unit, start):
    """The objective may rise from all of them; beside where EM stands still it falls."""

    class Ignoring(Lifetimes):
        def log_prior(self, params):
            return per_unit * params.value

    for seed in range(40):
        check_model(Lifetimes(), TIMES, start=start, random_state=seed)
        with pytest.raises(ModelError, match="m_step lowered the objective"):
            check_model(Ignoring(), TIMES, start=start, random_state=seed)


@pytest.mark.parametrize(
    "log_prior",
    [
        lambda params: 5.0 * np.log(params.weights).sum(),
        lambda params: -0.5 * ((params.rates - 4.0) ** 2).sum(),
        lambda params: 3.0 * np.log(params.rates[0]),
    ],
    ids=["weights", "rates", "one rate"],
)
def test_a_prior_of_some_parameters_that_the_m_step_ignores_is_found(log_prior):
    class Ignoring(Poisson):
        complete_score = None

        def log_prior(self, params):
            return float(log_prior(params))

    for seed in range(10):
        check_model(Poisson(), TABLE, random_state=seed)
        with pytest.raises(ModelError, match="m_step lowered the objective"):
            check_model(Ignoring(), TABLE, random_state=seed)
