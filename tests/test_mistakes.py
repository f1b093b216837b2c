"""Mistakes that people make with the engine: each is named, with what to do instead."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from systems import Counts, Linkage, Poisson, Rates, Split, Theta

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.engine import (
    EM,
    Anderson,
    AnnealedEM,
    Blocks,
    EMModel,
    Genetic,
    MonteCarloEM,
    MonteCarloModel,
    OnlineEM,
    Restarts,
    ShortRuns,
    SimulatedAnnealingEM,
    Squarem,
    StochasticEM,
    StopReason,
    check_model,
    fit_em,
    standard_errors,
)
from emkit.exceptions import DataWarning, ModelError, NotConvergedWarning

COUNTS = np.array([125, 18, 20, 34])
TABLE = np.column_stack([np.arange(6.0), [20.0, 25.0, 15.0, 10.0, 20.0, 10.0]])
START = Rates(np.array([0.5, 0.5]), np.array([1.0, 3.0]))


def mistake(base, message, **methods):
    """A model with a mistake in it, and what is said of that."""
    name = "-".join([base.__name__, *methods])
    return pytest.param(type("Mistaken", (base,), methods)(), message, id=f"{name}: {message[:40]}")


# Models whose missing datum is anything


def linkage_stats(self, counts, params):
    return Linkage.split(self, counts, params.t)


@dataclass
class DataTheta:
    t: float


class Lists(NamedTuple):
    away: list
    toward: list


def nan_from(t):
    def e_step(self, counts, params):
        stats, value = Linkage.e_step(self, counts, params)
        return stats, np.nan if params.t > t else value

    return e_step


def answering(answer):
    return lambda self, *args: answer


def raising(error):
    def method(self, *args):
        raise error

    return method


def with_stats(convert):
    return lambda self, counts, params: (convert(linkage_stats(self, counts, params)), -1.0)


ALIKE = "of the type and shapes of the start"
PAIR = r"must return \(stats, log_likelihood\)"
OF_ANY_MODEL = [
    mistake(Linkage, r"e_step returned nan at iteration \d", e_step=nan_from(0.6)),
    mistake(
        Linkage,
        "e_step returned -inf at iteration 0.* is_feasible return False",
        e_step=lambda self, counts, params: (linkage_stats(self, counts, params), -np.inf),
    ),
    mistake(
        Linkage,
        rf"e_step returned Split alone, not a pair, at .* 0\. .*{PAIR}",
        e_step=linkage_stats,
    ),
    mistake(Linkage, f"e_step returned float alone, not a pair.*{PAIR}", e_step=answering(0.0)),
    mistake(Linkage, f"e_step returned NoneType alone.*{PAIR}", e_step=answering(None)),
    mistake(
        Linkage,
        r"e_step returned \(\w+, \w+\) as stats.*no NamedTuple",
        e_step=with_stats(tuple),
    ),
    mistake(
        Linkage,
        "e_step returned dict as stats, which is no NamedTuple",
        e_step=with_stats(lambda stats: stats._asdict()),
    ),
    mistake(
        Linkage,
        "e_step returned list as away, which is neither a float array nor a number",
        e_step=with_stats(lambda stats: Lists([stats.away], [stats.toward])),
    ),
    mistake(
        Linkage,
        "e_step returned float as stats",  # in the wrong order
        e_step=lambda self, counts, params: Linkage.e_step(self, counts, params)[::-1],
    ),
    mistake(
        Linkage,
        r"e_step returned an array of shape \(4,\) as log_likelihood, no number: sum it",
        e_step=lambda self, counts, params: (
            linkage_stats(self, counts, params),
            counts * np.log(self.cells(params.t)),
        ),
    ),
    mistake(
        Linkage,
        "e_step failed at iteration 0 with AttributeError: .*'tt'",
        e_step=lambda self, counts, params: params.tt,
    ),
    mistake(
        Linkage,
        r"e_step failed at iteration 0 with TypeError: .*positional argument.*e_step\(data, params",
        e_step=lambda self, params: None,
    ),
    mistake(Linkage, "log_prior returned nan at iteration 0", log_prior=answering(np.nan)),
    mistake(
        Linkage,
        r"log_prior returned NoneType, no number, at iteration 0",
        log_prior=answering(None),
    ),
    mistake(
        Linkage,
        r"m_step lowered the objective .* at iteration \d",
        m_step=lambda self, stats, params: Theta(params.t * 0.9),
    ),
    mistake(
        Linkage,
        rf"m_step returned t of shape \(2,\), not \(\), at iteration 1.*{ALIKE}",
        m_step=answering(Theta(np.array([0.5, 0.6]))),
    ),
    mistake(Linkage, "m_step returned float, not Theta, at iteration 1", m_step=answering(0.5)),
    mistake(Linkage, "m_step returned NoneType, not Theta", m_step=answering(None)),
    mistake(
        Linkage,
        f"m_step failed at iteration 1 with KeyError: 'oops'.*{ALIKE}",
        m_step=raising(KeyError("oops")),
    ),
    mistake(
        Linkage,
        "m_step failed at iteration 1 with AttributeError: .*'towards'",
        m_step=lambda self, stats, params: Theta(stats.towards),
    ),
    mistake(
        Linkage,
        "conditional_step returned NoneType, not Theta, at iteration 1",
        conditional_step=answering(None),
    ),
    mistake(Linkage, r"propose returned float, not Theta, at iteration \d", propose=answering(0.5)),
    mistake(
        Linkage,
        r"propose failed at iteration \d with KeyError.*or None",
        propose=raising(KeyError("oops")),
    ),
    mistake(
        Linkage,
        "retract returned float64, not Theta, at iteration",
        retract=lambda self, params: params.t,
    ),
    mistake(
        Linkage,
        r"is_feasible returned an array of bool of shape \(2,\), neither True nor False: end it "
        r"with \.all\(\), at iteration 0.*must return True or False",
        is_feasible=lambda self, params: np.array([True, False]),
    ),
    mistake(
        Linkage,
        "is_feasible returned NoneType, neither .*: likely it has no return, at iteration 0",
        is_feasible=answering(None),
    ),
    mistake(Linkage, "is_feasible returned str, neither", is_feasible=answering("no")),
    mistake(
        Linkage,
        "objective_rounding returned NoneType, no number, at iteration 1",
        objective_rounding=answering(None),
    ),
    mistake(
        Linkage,
        "objective_rounding returned nan, at iteration 1.*0 or more",
        objective_rounding=answering(np.nan),
    ),
    mistake(
        Linkage,
        "objective_rounding returned -1.0, at iteration 1",
        objective_rounding=answering(-1.0),
    ),
    mistake(
        Linkage, "progress returned NoneType, no number, at iter.* 1", progress=answering(None)
    ),
    mistake(
        Linkage,
        r"progress returned an array of shape \(2,\), no number",
        progress=answering(np.ones(2)),
    ),
    mistake(
        Linkage,
        r"progress failed at iteration 1 with KeyError.*progress\(before, after\) must",
        progress=raising(KeyError("oops")),
    ),
    mistake(
        Linkage,
        "acceleration_threshold returned NoneType, no number, at iteration 0",
        acceleration_threshold=answering(None),
    ),
    mistake(
        Linkage,
        "acceleration_threshold returned nan",
        acceleration_threshold=answering(np.nan),
    ),
    mistake(
        Linkage,
        "m_step returned t of type str, which is neither a float array nor a number, at iter.* 1",
        m_step=answering(Theta("half")),
    ),
    mistake(Linkage, "m_step returned t of type bool", m_step=answering(Theta(True))),
    mistake(Linkage, "m_step returned t of type NoneType", m_step=answering(Theta(None))),
    mistake(
        Linkage,
        "m_step returned t of type object",
        m_step=answering(Theta(np.array(0.5, dtype=object))),
    ),
    mistake(
        Linkage,
        "conditional_step lowered the objective .* conditional_step does not raise it",
        conditional_step=lambda self, counts, params: Theta(0.5 * params.t),
    ),
    mistake(
        Linkage,
        "initialize failed at iteration 0 with KeyError: 'oops'",
        initialize=raising(KeyError("oops")),
    ),
    mistake(
        Linkage,
        "initialize returned DataTheta, which is no NamedTuple, at iteration 0. .*Params",
        initialize=answering(DataTheta(0.5)),
    ),
    mistake(Linkage, "initialize returned dict", initialize=answering({"t": 0.5})),
    mistake(Linkage, "initialize returned float", initialize=answering(0.5)),
    mistake(Linkage, "initialize returned list as t", initialize=answering(Theta([0.5]))),
    mistake(Linkage, "initialize returned NoneType", initialize=answering(None)),
]


@pytest.mark.parametrize(("model", "message"), OF_ANY_MODEL)
def test_the_method_of_a_model_is_named(model, message):
    with pytest.raises(ModelError, match=message):
        fit_em(model, COUNTS, n_init=2, random_state=1)


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("method", ["initialize", "e_step", "m_step", "is_feasible", "propose"])
def test_what_is_no_mistake_of_the_model_goes_on_as_it_is(method, error):
    model = type("Interrupted", (Linkage,), {method: raising(error())})()
    with pytest.raises(error):
        fit_em(model, COUNTS, random_state=1)


class Runaway(EMModel):
    """Its objective has no maximum, and an extrapolation lands where it is -inf."""

    def initialize(self, data, rng):
        return Theta(1.0)

    def e_step(self, data, params):
        return Theta(params.t), -1.0 / params.t if params.t else -np.inf

    def m_step(self, stats, params):
        return Theta(2.0 * params.t)


@pytest.mark.filterwarnings("ignore:The best run did not converge")
@pytest.mark.parametrize("tol", [0.0, 1e-8])
@pytest.mark.parametrize("acceleration", ["louis", "squarem", "anderson"])
def test_no_proposal_is_taken_whose_objective_is_not_finite(acceleration, tol):
    result = fit_em(Runaway(), None, acceleration=acceleration, tol=tol, max_iter=60)
    assert np.isfinite(result.history).all() and (np.diff(result.history) >= 0.0).all()


@pytest.mark.parametrize("answer", [True, np.True_])
@pytest.mark.parametrize("algorithm", ["em", "sem"])
def test_a_callback_ends_its_run_by_any_true(algorithm, answer):
    told = {"algorithm": algorithm, "callback": lambda state: answer}
    result = fit_em(Poisson(), TABLE, start=START, **told)
    assert result.reason is StopReason.CALLBACK and len(result.history) <= 2


class Single(Poisson):
    """A joint in single precision, as of a network."""

    def log_joint(self, table, bound):
        log_joint, work = super().log_joint(table, bound)
        return log_joint.astype(np.float32), work


def test_a_joint_in_single_precision_is_summed_in_double():
    with pytest.raises(ModelError, match="log_joint returned an array in float32"):
        check_model(Single(), TABLE, start=START)
    with pytest.raises(ModelError, match="may be rounding: work in float64, or say in objective"):
        fit_em(Single(), TABLE, start=START, acceleration=None)
    Single.objective_rounding = answering(1e-4)
    exact = fit_em(Poisson(), TABLE, start=START, acceleration=None)
    result = fit_em(Single(), TABLE, start=START, acceleration=None)
    np.testing.assert_allclose(result.params.rates, exact.params.rates, rtol=1e-3)
    assert result.log_likelihood == pytest.approx(exact.log_likelihood, rel=1e-6)


class LaterNaN(Linkage):
    e_step = nan_from(0.6)


def test_it_is_named_from_other_processes_too():
    with pytest.raises(ModelError, match="e_step returned nan"):
        fit_em(LaterNaN(), COUNTS, n_init=2, n_jobs=2, random_state=1)


def test_an_extrapolation_beyond_the_model_is_told_from_a_broken_step():
    class Strict(Poisson):
        def log_joint(self, table, bound):
            if (bound.rates < 0).any() or (bound.weights < 0).any():
                raise ValueError("not a mixture")
            return super().log_joint(table, bound)

        def is_feasible(self, params):
            return True

    class Leap(Anderson):
        def propose(self, point, image):
            return -image

    message = "log_joint failed .*not a mixture.*extrapolation: is_feasible may refuse them"
    with pytest.raises(ModelError, match=message):
        fit_em(Strict(), TABLE, start=START, acceleration=Leap())


# Models whose missing datum is a class


def transposed(self, table, bound):
    return Poisson.log_joint(self, table, bound)[0].T.copy(), 0


class Unweighted(Poisson):
    """Where weights do not tell how many rows there are, the tile does."""

    def weights(self, table):
        return None


class Pairs(Unweighted):
    """Nor does a tile that is no array."""

    def tiles(self, table, bound):
        return [(table, None)]

    def log_joint(self, tile, bound):
        return super().log_joint(tile[0], bound)

    def statistics(self, tile, resp, work, bound):
        return super().statistics(tile[0], resp, work, bound)


WAY = r"\(n_classes, n\)"
OF_CLASSES = [
    mistake(
        Poisson,
        rf"log_joint returned an array of shape \(2, 6\) alone, not a pair, at iteration 0.*{WAY}",
        log_joint=lambda self, table, bound: Poisson.log_joint(self, table, bound)[0],
    ),
    mistake(
        Poisson,
        rf"log_joint returned an array of shape \(6, 2\), where \(2, 6\) was expected.*{WAY}",
        log_joint=transposed,
    ),
    mistake(
        Unweighted,
        rf"log_joint returned an array of shape \(6, 2\), where \(2, 6\) was expected.*{WAY}",
        log_joint=transposed,
    ),
    mistake(
        Pairs,
        r"statistics failed .* with ValueError.*given resp of shape \(6, 2\)",
        log_joint=lambda self, tile, bound: transposed(self, tile[0], bound),
    ),
    mistake(
        Poisson,
        r"log_joint returned an array of shape \(6,\) as log_joint",
        log_joint=lambda self, table, bound: (Poisson.log_joint(self, table, bound)[0][0], None),
    ),
    mistake(
        Poisson,
        r"log_joint returned an array of int64 of shape \(2, 6\), which cannot hold logarithms",
        log_joint=lambda self, table, bound: (np.zeros((2, 6), dtype=np.int64), None),
    ),
    mistake(
        Poisson,
        "log_joint failed at iteration 0 with ValueError: .*read-only.*may overwrite",
        log_joint=lambda self, table, bound: (np.broadcast_to(np.log(0.2), (2, 6)), None),
    ),
    mistake(
        Poisson,
        "log_joint gave a log-likelihood of nan at iteration 0",
        log_joint=lambda self, table, bound: (np.full((2, 6), np.nan), None),
    ),
    mistake(
        Poisson,
        "log_joint failed at iteration 0 with AttributeError: .*'rate'",
        log_joint=lambda self, table, bound: bound.rate,
    ),
    mistake(
        Poisson,
        r"statistics failed at .* 0 with TypeError.*statistics\(tile, resp, work, bound\) must",
        statistics=lambda self, table, resp, bound: None,
    ),
    mistake(
        Poisson,
        r"statistics returned \(ndarray, ndarray\), which is no NamedTuple, at iteration 0",
        statistics=lambda *args: tuple(Poisson.statistics(*args)),
    ),
    mistake(
        Poisson,
        "statistics returned NoneType",
        statistics=answering(None),
    ),
    mistake(
        Poisson,
        r"m_step returned weights of shape \(6,\), not \(2,\), at iteration 1",  # no sum over rows
        statistics=lambda self, table, resp, work, bound: Counts(resp.sum(0), resp.sum(0)),
    ),
    mistake(
        Poisson,
        "from_tile_sums returned list as n, which is neither",
        statistics=lambda self, table, resp, work, bound: Counts([1.0, 2.0], resp @ table[:, 0]),
    ),
    mistake(Poisson, "from_tile_sums returned NoneType", from_tile_sums=answering(None)),
    mistake(
        Poisson,
        r"weights returned an array of shape \(6, 1\)",
        weights=lambda self, table: table[:, 1:],
    ),
    mistake(
        Poisson,
        r"weights returned 5 numbers for a tile of 6 rows, at iteration 0.*weights\(tile\) must",
        weights=lambda self, table: table[1:, 1],
    ),
    mistake(
        Pairs,
        r"log_joint returned an array of shape \(2, 6\), where \(n_classes, 5\) was expected, bec",
        weights=lambda self, tile: tile[0][1:, 1],
    ),
    mistake(Poisson, "weights returned list", weights=lambda self, table: list(table[:, 1])),
    mistake(
        Poisson,
        r"weights returned .*-25\.0\)? among its numbers; a weight is 0 or more",
        weights=lambda self, table: -table[:, 1],
    ),
    mistake(Poisson, "weights returned .*nan", weights=lambda self, table: np.full(6, np.nan)),
    mistake(Poisson, "tiles failed at iteration 0 with TypeError", tiles=answering(None)),
    mistake(Poisson, "tiles returned no tile, at iteration 0", tiles=answering([])),
    mistake(Poisson, "bind failed at iteration 0 with KeyError", bind=raising(KeyError("oops"))),
]


@pytest.mark.parametrize(("model", "message"), OF_CLASSES)
@pytest.mark.parametrize("data", [TABLE, Blocks([TABLE])], ids=["array", "blocks"])
def test_the_method_of_a_latent_class_model_is_named(model, message, data):
    with pytest.raises(ModelError, match=message) as caught:
        fit_em(model, data, start=START)
    assert "e_step" not in str(caught.value)  # which the user did not write


class Broken(Poisson):
    def statistics(self, table, resp, work, bound):
        raise KeyError("oops")


def test_a_latent_class_model_is_named_from_other_processes_too():
    with pytest.raises(ModelError, match=r"statistics failed at iteration 0 .*resp of shape"):
        fit_em(Broken(), TABLE, start=[START, START], n_jobs=2)


# Models that draw what is missing


class Drawn(MonteCarloModel):
    def initialize(self, counts, rng):
        return Theta(0.5)

    def sample_latent(self, counts, params, rng, size):
        return rng.binomial(counts[0], params.t / (2 + params.t), size)

    def complete_statistics(self, counts, latent):
        return Split(counts[1] + counts[2], latent.mean() + counts[3])

    def m_step(self, stats, params):
        return Theta(stats.toward / (stats.toward + stats.away))


OF_DRAWS = [
    mistake(
        Drawn,
        "sample_latent failed at iteration 1 with KeyError",
        sample_latent=raising(KeyError("oops")),
    ),
    mistake(
        Drawn,
        r"complete_statistics returned \(int, float\), which is no NamedTuple, at iteration 1",
        complete_statistics=answering((1, 2.0)),
    ),
    mistake(Drawn, "log_likelihood returned NoneType, no number", log_likelihood=answering(None)),
]


@pytest.mark.parametrize(("model", "message"), OF_DRAWS)
def test_the_method_that_draws_is_named(model, message):
    with pytest.raises(ModelError, match=message):
        fit_em(model, COUNTS, algorithm="mcem", random_state=0)


# Arguments


class Abstract(EMModel):
    def initialize(self, data, rng): ...


def no_callback(state, more): ...


WRONG_TYPES = [
    ({"model": Poisson}, r"model must be an instance: write Poisson\(...\)"),
    ({"model": "poisson"}, "model must be an EMModel or LatentClassModel. Got str"),
    ({"model": EMGaussianMixture(2)}, "model must be an EMModel .* Got EMGaussianMixture"),
    *(
        ({name: value}, f"{name} must be an integer.* Got {value!r}")
        for name in ("n_init", "max_iter", "n_jobs")
        for value in (2.5, "2", True)
    ),
    ({"n_init": None}, "n_init must be an integer. Got None"),
    ({"max_iter": None}, "max_iter must be an integer. Got None"),
    ({"tol": "a"}, "tol must be a number of nats, 0 or more. Got 'a'"),
    ({"tol": None}, "tol must be a number of nats, 0 or more. Got None"),
    ({"tol": True}, "tol must be a number of nats, 0 or more. Got True"),
    ({"callback": 3}, "callback must be None or a callable that takes a State. Got int"),
    ({"start": (0.5, 2.0)}, r"start must be Params, a NamedTuple .* Got \(float, float\)"),
    ({"start": Rates}, "start must be Params, a NamedTuple .* Got the class Rates"),
    ({"start": {"weights": 1.0}}, "start must be Params, a NamedTuple .* Got dict"),
    ({"start": np.ones(4)}, r"start must be Params, .* Got an array of shape \(4,\)"),
    ({"start": [START, 0.5]}, "start must be Params, .* Got float"),
    ({"start": Rates([0.5, 0.5], START.rates)}, "start must be .* Got list as weights"),
    ({"start": Rates("a", START.rates)}, "start must be .* Got str as weights"),
    ({"random_state": "a"}, "random_state must be None, an integer.* Got 'a'"),
    ({"random_state": 2.5}, "random_state must be None, an integer.* Got 2.5"),
]
OUT_OF_RANGE = [
    ({"n_init": 0}, "n_init must be at least 1. Got 0"),
    ({"n_jobs": 0}, "n_jobs must not be 0"),
    ({"tol": -1.0}, "tol must be a number of nats, 0 or more. Got -1.0"),
    ({"tol": np.nan}, "tol must be a number of nats, 0 or more. Got nan"),
    ({"max_iter": -1}, "max_iter must be 0 or more. Got -1"),
    ({"random_state": -1}, "random_state must be None, an integer, 0 or more.* Got -1"),
    ({"start": []}, "start must be Params or a list of at least one. Got an empty list"),
    ({"search": "luck"}, r"search must be one of \['annealing', .* Got 'luck'"),
    ({"search": Restarts}, "search must be one of .* Got <class"),
    ({"algorithm": "emm"}, r"algorithm must be one of \['cem', 'em', .* Got 'emm'"),
    ({"algorithm": EM}, "algorithm must be one of .* Got <class"),
    ({"acceleration": "warp"}, r"acceleration must be one of \['anderson', .* Got 'warp'"),
    ({"acceleration": Anderson}, "acceleration must be one of .* Got <class"),
]


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [(TypeError, *case) for case in WRONG_TYPES] + [(ValueError, *case) for case in OUT_OF_RANGE],
)
def test_an_argument_is_refused_by_name_and_value(error, arguments, message):
    with pytest.raises(error, match=message):
        fit_em(**{"model": Poisson(), "data": TABLE} | arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Restarts(budget=1.5), "budget must be an integer or None. Got 1.5"),
        (lambda: Restarts(budget="many"), "budget must be an integer or None. Got 'many'"),
        (lambda: ShortRuns(n_iter=1.5), "n_iter must be an integer. Got 1.5"),
        (lambda: Genetic(population=4.5), "population must be an integer. Got 4.5"),
        (lambda: Anderson(order=1.5), "order must be an integer. Got 1.5"),
        (lambda: Anderson(order="5"), "order must be an integer. Got '5'"),
        (lambda: Anderson(damping="half"), "damping must be a number. Got 'half'"),
        (lambda: Squarem(below="late"), "below must be a number. Got 'late'"),
        (lambda: MonteCarloEM(size=1.5), "size must be an integer. Got 1.5"),
        (lambda: MonteCarloEM(growth="fast"), "growth must be a number. Got 'fast'"),
        (lambda: StochasticEM(burn_in="half"), "burn_in must be a number. Got 'half'"),
        (lambda: SimulatedAnnealingEM(n_iter=1.5), "n_iter must be an integer. Got 1.5"),
        (lambda: AnnealedEM(betas=("cold", 1.0)), "betas must be a tuple of numbers"),
        (lambda: OnlineEM(decay="slow"), "decay must be a number. Got 'slow'"),
        (lambda: OnlineEM.start(3), "params must be Params.* Got int, which is no NamedTuple"),
        (lambda: OnlineEM.start(Theta), "params must be Params.* Got the class Theta"),
        (
            lambda: OnlineEM().update(Linkage(), Theta(0.5), COUNTS),
            r"state must be an OnlineState, from OnlineEM.start\(params\).* Got Theta",
        ),
        (
            lambda: OnlineEM().update(Linkage, OnlineEM.start(Theta(0.5)), COUNTS),
            r"write Linkage\(...\)",
        ),
        (
            lambda: OnlineEM().update(Drawn(), OnlineEM.start(Theta(0.5)), COUNTS),
            "Online EM needs an exact E-step, and Drawn has no method e_step",
        ),
        (
            lambda: standard_errors(Linkage, COUNTS, Theta(0.6)),
            r"model must be an instance: write Linkage\(...\)",
        ),
        (lambda: standard_errors(Linkage(), COUNTS, Theta("x")), "result must be .* Got str as t"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    ("data", "params", "method"),
    [(list(COUNTS), Theta(0.6), "complete_score|e_step"), (COUNTS, START, "AttributeError.*'t'")],
)
def test_standard_errors_do_not_take_the_result_for_an_extrapolation(data, params, method):
    class Strict(Linkage):
        def e_step(self, counts, params):
            if isinstance(counts, list):
                raise TypeError("counts are no list")
            return super().e_step(counts, params)

        def is_feasible(self, params):
            return True

    with pytest.raises(ModelError, match=method) as caught:
        standard_errors(Strict(), data, params)
    assert "extrapolation" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (lambda climber, starts: [], "Got an empty one"),
        (lambda climber, starts: None, "Got NoneType"),
        (lambda climber, starts: climber(starts)[0], "Got EMResult"),
        (lambda climber, starts: [1, 2], "Got one with int in it"),
        (lambda climber, starts: climber(starts[0]), "takes a list of Start.* Got Start"),
        (lambda climber, starts: climber([START]), "takes a list of Start.* Got Rates"),
    ],
)
def test_a_search_that_returns_what_it_must_not_is_named(answer, got):
    def mine(climber, starts):
        return answer(climber, starts)

    expected = got if got.startswith("takes") else f"The search mine must return a list.*{got}"
    with pytest.raises(TypeError, match=expected):
        fit_em(Poisson(), TABLE, search=mine)


@pytest.mark.parametrize(
    ("method", "answer", "message"),
    [
        ("mutate", answering(None), "mutate returned NoneType, not Rates"),
        ("mutate", raising(KeyError("oops")), "mutate failed at iteration 0 with KeyError"),
        ("recombine", answering(START._replace(rates=START.rates[:1])), "recombine returned rates"),
        ("recombine", raising(KeyError("oops")), r"recombine failed .*mother, father, rng"),
    ],
)
def test_a_method_of_the_genetic_search_is_named(method, answer, message):
    model = type("Mistaken", (Poisson,), {method: answer})()
    with pytest.raises(ModelError, match=message):
        fit_em(model, TABLE, search=Genetic(budget=300, n_iter=2), random_state=0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (answering(None), "weight_of returned NoneType, no number, at iteration 1"),
        (raising(KeyError("oops")), "weight_of failed at iteration 1 with KeyError"),
    ],
)
def test_a_weight_of_a_batch_that_is_none_is_named(answer, message):
    model = type("Mistaken", (Linkage,), {"weight_of": answer})()
    with pytest.raises(ModelError, match=message):
        OnlineEM().update(model, OnlineEM.start(Theta(0.5)), COUNTS)


class Huge(EMModel):
    """A mean of numbers whose squares overflow, half of them missing."""

    def initialize(self, rows, rng):
        return Theta(0.0)

    def e_step(self, rows, params):
        observed = rows / 1e200 - params.t / 1e200
        return Split(len(rows) * 2.0, rows.sum() + len(rows) * params.t), -(observed @ observed)

    def m_step(self, stats, params):
        return Theta(stats.toward / stats.away)


@pytest.mark.parametrize("acceleration", ["anderson", "squarem", "louis"])
def test_squares_that_overflow_are_no_news(acceleration):
    rows = np.array([1.0, 2.0, 4.0]) * 1e200
    result = fit_em(Huge(), rows, acceleration=acceleration, tol=1e-12)  # warnings are errors
    assert result.converged and result.params.t == pytest.approx(7e200 / 3, rel=1e-4)
    error = standard_errors(Huge(), rows, result)
    assert error.t == pytest.approx(1e200 / np.sqrt(6.0), rel=1e-3)


def test_a_missing_method_is_named():
    with pytest.raises(TypeError, match="abstract methods '?e_step"):
        Abstract()
    with pytest.raises(TypeError, match="has no method e_step: fit it with algorithm='mcem'"):
        fit_em(Drawn(), COUNTS)
    with pytest.raises(TypeError, match="Linkage does not say how: it has no method sample_latent"):
        fit_em(Linkage(), COUNTS, algorithm=MonteCarloEM())
    with pytest.raises(TypeError, match="Linkage has none: it must be a LatentClassModel"):
        fit_em(Linkage(), COUNTS, algorithm="cem")


# Runs that do not converge


class Backtracking(Linkage):
    """Its step leads downhill."""

    backtracks = True

    def m_step(self, stats, params):
        return Theta(0.5 * params.t)


class OnTheBoundary(Linkage):
    """Without recombinants the maximum is at t = 1, which is_feasible excludes."""

    counts = np.array([0, 0, 0, 34])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_iter": 2}, "reached max_iter=2 before a step gained less than tol=1e-12. Allow"),
        ({"search": Restarts(budget=4)}, "reached the budget of its search before a step gained"),
        (
            {"data": OnTheBoundary.counts, "model": OnTheBoundary()},
            r"after 1 step\(s\) the M-step led where the model is not defined .*is_feasible accept",
        ),
        ({"model": Backtracking()}, "no part of .* however short.* m_step does not lead uphill"),
        (
            {"algorithm": "mcem", "model": Drawn(), "max_iter": 2},
            "reached max_iter=2 before it was as precise as asked",
        ),
    ],
)
def test_a_run_that_does_not_converge_says_so_at_the_line_of_the_user(arguments, message):
    arguments = {"model": Linkage(), "data": COUNTS, "start": Theta(0.5)} | arguments
    with pytest.warns(
        NotConvergedWarning, match=f"The best run did not converge: .*{message}"
    ) as w:
        result = fit_em(**arguments, tol=1e-12, acceleration=None, random_state=0)
    assert not result.converged and len(w) == 1
    assert w[0].filename == __file__


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"max_iter": 0}, StopReason.MAX_ITER),
        ({"callback": lambda state: state.n_iter == 1}, StopReason.CALLBACK),
        (
            {"model": Poisson(), "data": TABLE, "start": START, "algorithm": "sem", "max_iter": 5},
            StopReason.SCHEDULE,
        ),
        # One start fails, the best run does not.
        ({"start": [Theta(0.5), Theta(1.5)]}, StopReason.TOLERANCE),
    ],
)
def test_a_run_that_was_told_to_end_says_nothing(arguments, reason):
    arguments = {"model": Linkage(), "data": COUNTS, "start": Theta(0.5)} | arguments
    result = fit_em(**arguments)  # a warning would be an error
    assert result.reason is reason


def test_an_estimator_warns_once_in_the_words_of_scikit_learn():
    mixture = EMGaussianMixture(2, max_iter=1, tol=0.0, random_state=0)
    for estimator in (mixture, make_pipeline(mixture)):
        with pytest.warns(ConvergenceWarning, match="did not converge") as caught:
            estimator.fit(X)
        assert [warning.filename for warning in caught] == [__file__]


def one_rate():
    """Two classes that are one: what tells them apart is not determined."""
    params = Rates(np.array([0.5, 0.5]), np.full(2, TABLE[:, 1] @ TABLE[:, 0] / TABLE[:, 1].sum()))
    standard_errors(Poisson(), TABLE, params)


def in_a_pipeline(estimator):
    return lambda: make_pipeline(estimator).fit(X)


X = np.random.default_rng(0).normal(size=(30, 2))
TWICE = X[:, [0, 0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda: EMGaussianMixture(2, reg_covar=0.1, random_state=0).fit(X),
        lambda: EMGaussianMixture(2, reg_covar=0.1, random_state=0).fit_predict(X),
        in_a_pipeline(EMGaussianMixture(2, reg_covar=0.1, random_state=0)),
        lambda: EMImputer().fit_transform(np.column_stack([X, np.full(30, np.nan)])),
        lambda: EMCensoredRegressor().fit(TWICE, X[:, 1]),
        one_rate,
    ],
    ids=["fit", "fit_predict", "pipeline", "imputer", "regressor", "standard_errors"],
)
def test_a_warning_points_at_the_line_of_the_user(call):
    with pytest.warns(DataWarning) as caught:
        call()
    assert {warning.filename for warning in caught} == {__file__}


def test_a_score_that_cannot_be_one_is_named():
    class NoScore(Linkage):
        def complete_score(self, stats, params):
            raise KeyError("oops")

    class WrongScore(Linkage):
        def complete_score(self, stats, params):
            return Theta(np.ones(2))

    result = fit_em(Linkage(), COUNTS, start=Theta(0.5), tol=1e-12)
    with pytest.raises(ModelError, match="complete_score failed .* with KeyError"):
        standard_errors(NoScore(), COUNTS, result)
    with pytest.raises(ModelError, match=r"complete_score returned t of shape \(2,\), not \(\)"):
        standard_errors(WrongScore(), COUNTS, result)
