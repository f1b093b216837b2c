"""What a fit tells while it runs: lines, scikit-learn's callbacks, what an interrupt leaves."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.base.progress import Progress
from emkit.datasets import load_motorettes
from emkit.engine import Restarts, ShortRuns, StopReason
from emkit.metrics import log_likelihood_scorer

X = load_iris().data
HOLES = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.1, np.nan, X)


def fits():
    """The three estimators with the data that they are fitted to."""
    motors = load_motorettes()
    return {
        "mixture": (EMGaussianMixture(3, random_state=0), (X,)),
        "imputer": (EMImputer(), (HOLES,)),
        "regressor": (EMCensoredRegressor(), (motors.data, motors.target)),
    }


@pytest.fixture(params=["mixture", "imputer", "regressor"])
def fit(request):
    return fits()[request.param]


# Lines


def test_silence_is_the_default(fit, capsys):
    estimator, data = fit
    estimator.fit(*data)
    assert capsys.readouterr() == ("", "")


def test_one_line_a_start_and_one_at_the_end(fit, capsys):
    estimator, data = fit
    estimator.set_params(verbose=1).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == ["Initialization 0"]
    assert f"{estimator.n_iter_} iterations" in lines[-1]
    assert f"{estimator.history_[-1]:.5f}" in lines[-1]


def test_one_line_an_iteration(capsys):
    mixture = EMGaussianMixture(3, n_init=2, verbose=2, verbose_interval=1, random_state=0).fit(X)
    out = capsys.readouterr().out
    assert out.count("  Iteration ") == sum(run.n_iter for run in mixture.runs_)
    assert out.count("Initialization converged.") == 2
    every_second = clone(mixture).set_params(verbose_interval=2).fit(X)
    expected = sum(run.n_iter // 2 for run in every_second.runs_)
    assert capsys.readouterr().out.count("  Iteration ") == expected


# Callbacks of scikit-learn 1.9


class Recorder:
    """Counts tasks, and keeps what the estimator would be at their ends."""

    max_propagation_depth = None

    def __init__(self):
        self.began, self.ended, self.fitted = [], [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.began.append((context.estimator_name, context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append((context.estimator_name, context.task_name, context.task_id))
        self.fitted.append((context.task_name, fitted_estimator))

    def count(self, name):
        return sum(task[1] == name for task in self.began)


class Stopper(Recorder):
    def on_fit_task_end(self, estimator, context):
        return context.task_name == "iteration" and context.task_id == 2


class Interrupter(Recorder):
    """The user loses patience in iteration ``at`` of start ``start``."""

    def __init__(self, at, start=0):
        super().__init__()
        self.at, self.start = at, start

    def on_fit_task_end(self, estimator, context):
        here = context.task_name, context.task_id, context.parent and context.parent.task_id
        if here == ("iteration", self.at, self.start):
            raise KeyboardInterrupt


needs_callbacks = pytest.mark.skipif(
    not hasattr(EMGaussianMixture, "set_callbacks"), reason="scikit-learn before 1.9"
)


@needs_callbacks
def test_one_task_a_start_and_one_an_iteration(fit):
    estimator, data = fit
    recorder = Recorder()
    estimator.set_callbacks(recorder).fit(*data)
    assert sorted(recorder.began) == sorted(recorder.ended)
    assert recorder.count("start") == len(estimator.runs_)
    accepted = sum(len(run.history) - 1 for run in estimator.runs_)
    assert recorder.count("iteration") == accepted >= 1
    assert recorder.began[0][1] == recorder.ended[-1][1] == "fit"


@needs_callbacks
def test_plain_em_tells_every_iteration():
    recorder = Recorder()
    mixture = EMGaussianMixture(3, n_init=3, random_state=0).set_callbacks(recorder).fit(X)
    assert recorder.count("start") == 3
    assert recorder.count("iteration") == sum(run.n_iter for run in mixture.runs_)


@needs_callbacks
def test_monitors_see_the_estimator_as_it_is_then(fit):
    estimator, data = fit
    recorder = Recorder()
    estimator.set_callbacks(recorder).fit(*data)
    (best,) = estimator.runs_
    seen = [fitted for name, fitted in recorder.fitted if name == "iteration"]
    np.testing.assert_allclose([f.history_[-1] for f in seen], best.history[1:], rtol=1e-13)
    for fitted in (seen[0], seen[-1]):
        check_is_fitted(fitted)
        assert fitted.n_features_in_ == estimator.n_features_in_
    method = "transform" if isinstance(estimator, EMImputer) else "predict"
    last = getattr(seen[-1], method)(data[0])
    np.testing.assert_allclose(last, getattr(estimator, method)(data[0]), rtol=1e-6)


@needs_callbacks
def test_a_monitor_of_scores():
    from sklearn.callback import ScoringMonitor

    def log_likelihood(mixture, X, y):
        return mixture.score(X)

    monitor = ScoringMonitor(scoring={"log_likelihood": log_likelihood})
    mixture = EMGaussianMixture(3, random_state=0).set_callbacks(monitor).fit(X)
    scores = [row["log_likelihood"] for row in monitor.get_logs().data if "log_likelihood" in row]
    np.testing.assert_allclose(max(scores), mixture.score(X), rtol=1e-12)
    assert len(scores) >= mixture.n_iter_


@needs_callbacks
def test_progress_bar_in_a_grid_search_over_a_pipeline(capsys):
    from sklearn.callback import ProgressBar

    pytest.importorskip("rich")
    pipeline = make_pipeline(StandardScaler(), EMGaussianMixture(random_state=0))
    grid = {"emgaussianmixture__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2).set_callbacks(
        ProgressBar(max_propagation_depth=None), recorder := Recorder()
    )
    search.fit(X)
    assert "- start" in capsys.readouterr().out
    fits = 2 * 2 + 1
    assert recorder.count("start") == fits
    assert {name for name, _, _ in recorder.began} >= {"GridSearchCV", "Pipeline"}


@needs_callbacks
@pytest.mark.parametrize("search", [ShortRuns(), Restarts(budget=60), "genetic"])
def test_every_search_tells_its_starts(search):
    recorder = Recorder()
    mixture = EMGaussianMixture(2, n_init=4, search=search, random_state=0)
    mixture.set_callbacks(recorder).fit(X)
    starts = [task_id for _, name, task_id in recorder.began if name == "start"]
    assert len(starts) == len(set(starts)) >= 4


@needs_callbacks
def test_workers_tell_too():
    from sklearn.callback import ScoringMonitor

    # Workers import what scores: sooner from the package than from this file.
    monitor = ScoringMonitor(scoring={"score": log_likelihood_scorer})
    mixture = EMGaussianMixture(3, n_init=3, n_jobs=2, random_state=0).set_callbacks(monitor).fit(X)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "iteration"]
    assert len(rows) == sum(run.n_iter for run in mixture.runs_)


@needs_callbacks
def test_a_callback_can_end_a_run():
    mixture = EMGaussianMixture(3, random_state=0, init_params="random_from_data")
    mixture.set_callbacks(Stopper())
    with pytest.warns(ConvergenceWarning):
        mixture.fit(X)
    assert mixture.n_iter_ == 3
    assert mixture.runs_[0].reason == StopReason.CALLBACK


@needs_callbacks
def test_sample_weight_reaches_the_callbacks():
    class Weights(Recorder):
        def on_fit_task_end(self, estimator, context, *, metadata=None):
            self.fitted.append(metadata)

    weights = np.linspace(1.0, 2.0, len(X))
    EMGaussianMixture(2, random_state=0).set_callbacks(seen := Weights()).fit(
        X, sample_weight=weights
    )
    assert all(metadata["sample_weight"] is weights for metadata in seen.fitted)


def test_without_callbacks_nothing_is_followed():
    assert Progress(EMGaussianMixture(), X, None, None).callback is None


# Interrupts


@needs_callbacks
def test_an_interrupt_leaves_the_best_so_far(fit):
    estimator, data = fit
    whole = clone(estimator).fit(*data)
    with pytest.raises(KeyboardInterrupt):
        estimator.set_callbacks(Interrupter(at=1)).fit(*data)
    assert not estimator.converged_
    assert estimator.history_[-1] == pytest.approx(whole.runs_[0].history[2], rel=1e-12)
    assert estimator.runs_ == ()
    if isinstance(estimator, EMImputer):
        assert np.isfinite(estimator.transform(HOLES)).all()
    else:
        assert np.isfinite(estimator.predict(data[0])).all()


@needs_callbacks
def test_an_interrupt_keeps_an_earlier_start_that_is_better():
    mixture = EMGaussianMixture(3, n_init=3, random_state=0, init_params="random_from_data")
    whole = clone(mixture).fit(X)
    with pytest.raises(KeyboardInterrupt):
        mixture.set_callbacks(Interrupter(at=0, start=1)).fit(X)
    assert mixture.history_[-1] == pytest.approx(whole.runs_[0].objective, rel=1e-12)


@needs_callbacks
def test_an_interrupt_stops_a_grid_search():
    grid = GridSearchCV(EMGaussianMixture(random_state=0), {"n_components": [1, 2, 3]}, cv=2)
    recorder = Interrupter(at=0)
    with pytest.raises(KeyboardInterrupt):
        grid.set_callbacks(recorder).fit(X)
    assert recorder.count("start") == 1


def test_an_interrupt_before_the_first_point_leaves_nothing(monkeypatch):
    def impatient(*args, **kwargs):
        raise KeyboardInterrupt

    mixture = EMGaussianMixture(2)
    monkeypatch.setattr("emkit.models.mixture.gaussian.GaussianMixtureModel.initialize", impatient)
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(X)
    with pytest.raises(NotFittedError):
        mixture.predict(X)


@needs_callbacks
def test_warnings_point_at_the_user():
    mixture = EMGaussianMixture(3, max_iter=1, random_state=0, init_params="random_from_data")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture.fit(X)
    assert [w.filename for w in caught] == [__file__]
