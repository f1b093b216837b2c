"""A fit that fails leaves the estimator as it was; one that is interrupted, itself alone."""

import os
import signal
import time

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    censored_target,
)
from emkit.engine import fit_em, trace
from emkit.exceptions import WorkerError
from emkit.models.kmeans import KMeans, Points

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(0, 1, (40, 3)), RNG.normal(4, 1, (40, 3))])
LIFE = X[:, 0] + RNG.normal(size=80)
Y = censored_target(np.minimum(LIFE, 4.0), event=LIFE <= 4.0)
#: What a fit that cannot be made may raise, and a fit that is interrupted.
ERRORS = (ValueError, TypeError, RuntimeError, OSError, MemoryError, KeyboardInterrupt)
ESTIMATORS = {
    "mixture": lambda: EMGaussianMixture(2, random_state=0),
    "grid": lambda: EMGaussianMixtureIC(max_components=2, n_init=1, random_state=0),
    "imputer": lambda: EMImputer(random_state=0),
    "regressor": EMCensoredRegressor,
}
METHODS = {
    "mixture": "predict predict_proba score_samples score sample impute aic bic icl summary",
    "grid": "predict predict_proba score_samples score sample",
    "imputer": "transform score score_samples summary get_feature_names_out",
    "regressor": "predict predict_quantile predict_interval summary",
}


def fit(estimator, rows, **more):
    if isinstance(estimator, EMCensoredRegressor):
        return estimator.fit(rows, Y[: np.shape(rows)[0]] if np.shape(rows) else Y, **more)
    return estimator.fit(rows, **more)


def same(before, after):
    return before.keys() == after.keys() and all(before[k] is after[k] for k in before)


class Lost:
    """Blocks of rows that cannot be read to the end."""

    def __init__(self, error, width):
        self.error, self.width = error, width

    def __iter__(self):
        yield np.ones((5, self.width)) * np.arange(5.0)[:, None]
        raise self.error


def refused(kind):
    """What no estimator can fit: of another width, so that what was half read would show."""
    return {
        "text": np.array([["a", 1.0], [1.0, 2.0], [2.0, 0.0]] * 10, dtype=object),
        "infinity": np.full((30, 2), np.inf),
        "no rows": np.empty((0, 2)),
        "no column observed": np.full((30, 2), np.nan),
        "one dimension": np.arange(30.0),
        "lost": Lost(OSError("the disk is gone"), 2),
        "out of memory": Lost(MemoryError("of a source"), 2),
        "interrupted while read": Lost(KeyboardInterrupt(), 2),
    }[kind]


REFUSED = (
    "text",
    "infinity",
    "no rows",
    "no column observed",
    "one dimension",
    "lost",
    "out of memory",
    "interrupted while read",
)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_refused_refit_changes_nothing(name, kind):
    if (name, kind) == ("imputer", "no column observed"):
        pytest.skip("fits: there is nothing to model")
    estimator = fit(ESTIMATORS[name](), X)
    before = dict(vars(estimator))
    with pytest.raises(
        (ValueError, TypeError, RuntimeError, OSError, MemoryError, KeyboardInterrupt)
    ):
        fit(estimator, refused(kind))
    assert same(before, vars(estimator))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_refused_argument_changes_nothing(name):
    estimator = fit(ESTIMATORS[name](), X).set_params(n_init=-1)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match="n_init"):
        fit(estimator, X[:20])
    assert same(before, vars(estimator))


@pytest.mark.parametrize("kind", ["infinity", "lost", "interrupted while read", "never fitted"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_unfitted_use_is_told(name, kind):
    estimator = ESTIMATORS[name]()
    if kind != "never fitted":
        with pytest.raises(ERRORS):
            fit(estimator, refused(kind))
    assert not [attribute for attribute in vars(estimator) if attribute.endswith("_")]
    takes_nothing = {"sample", "summary", "get_feature_names_out"}
    for method in METHODS[name].split():
        with pytest.raises(NotFittedError):
            getattr(estimator, method)(*(() if method in takes_nothing else (X,)))


@pytest.mark.parametrize("name", ["mixture", "imputer"])
def test_a_refused_batch_changes_nothing(name):
    estimator = ESTIMATORS[name]().partial_fit(X).partial_fit(X[:30])
    before = dict(vars(estimator))
    for kind in ("text", "infinity", "one dimension", "lost", "interrupted while read"):
        with pytest.raises(ERRORS):
            estimator.partial_fit(refused(kind))
        assert same(before, vars(estimator))


# From the keyboard


def interrupted_at(estimator, rows, n_iter, monkeypatch):
    """Fit, and be interrupted at an E-step of the run; the fit must end with that."""
    calls, evaluate = [], trace.evaluate

    def counted(*args):
        calls.append(1)
        if len(calls) == n_iter:
            raise KeyboardInterrupt
        return evaluate(*args)

    monkeypatch.setattr(trace, "evaluate", counted)
    with pytest.raises(KeyboardInterrupt):
        fit(estimator, rows)
    monkeypatch.undo()


@pytest.mark.parametrize("name", ["mixture", "imputer", "regressor"])
@pytest.mark.parametrize("warm_start", [False, True])
def test_an_interrupted_refit_keeps_nothing_of_the_fit_before(name, warm_start, monkeypatch):
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    rows = X if name == "regressor" else holes
    estimator = fit(ESTIMATORS[name](), rows).set_params(warm_start=warm_start, tol=0.0)
    before = dict(vars(estimator))
    interrupted_at(estimator, rows[10:], 2, monkeypatch)
    now = vars(estimator)
    assert now["history_"] is not before["history_"]
    for attribute, value in now.items():
        if attribute.endswith("_") and isinstance(value, np.ndarray | list | tuple | float):
            assert value is not before.get(attribute), attribute
    fit(estimator, rows)  # and it goes on


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("n_iter", [1, 2])
def test_an_interrupted_first_fit_answers_or_says_that_it_cannot(name, n_iter, monkeypatch):
    estimator = ESTIMATORS[name]()
    interrupted_at(estimator, X, n_iter, monkeypatch)
    for method in METHODS[name].split():
        arguments = () if method in ("summary", "sample", "get_feature_names_out") else (X,)
        try:
            getattr(estimator, method)(*arguments)
        except (NotFittedError, AttributeError) as error:
            # A grid lends the methods of its best fit: those are no attributes before it has one.
            assert isinstance(error, NotFittedError) or name == "grid", method


def test_an_interrupted_regression_says_what_it_lacks(monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    from emkit.plotting import CensoredRegressionDisplay

    regressor = EMCensoredRegressor()
    interrupted_at(regressor, X, 2, monkeypatch)
    assert np.isfinite(regressor.predict(X)).all()
    for use in (
        regressor.summary,
        lambda: CensoredRegressionDisplay.from_estimator(regressor, X, Y, feature=0),
    ):
        with pytest.raises(NotFittedError, match="interrupted"):
            use()


@pytest.mark.parametrize("name", ["mixture", "imputer", "regressor"])
def test_interrupted_before_the_first_point_it_is_as_before(name, monkeypatch):
    estimator = fit(ESTIMATORS[name](), X)
    before = dict(vars(estimator))

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("emkit.engine.starts.initialize", interrupted)
    monkeypatch.setattr("emkit.engine.starts.retracted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(estimator, X[5:])
    assert same(before, vars(estimator))


# Workers


class Killed(KMeans):
    """A model whose E-step ends the worker that makes it."""

    def __init__(self, n_clusters):
        super().__init__(n_clusters)
        self.home = os.getpid()

    def e_step(self, *args, **kwargs):
        if os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)  # or this process has made all runs before a worker is there
        return super().e_step(*args, **kwargs)


def test_a_worker_that_dies_is_told_as_such():
    with pytest.raises(WorkerError, match="died, likely killed for want of memory.*n_jobs"):
        fit_em(Killed(2), Points(X), n_init=16, n_jobs=2, algorithm="cem")
