"""What EMGaussianMixtureIC finds: the maxima of mclust or higher, in any units, from any data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris

from emkit import EMGaussianMixture, EMGaussianMixtureIC
from emkit.datasets import load_galaxies
from emkit.exceptions import DataWarning
from emkit.mixture import Race
from emkit.mixture.candidates import Candidate, model_of
from emkit.numerics.covariance import NAMES, STRUCTURES

IRIS = load_iris().data
#: To which mclust converges, by 1e-5 of the log-likelihood.
SAME = 1e-2


def of_mclust(golden, name):
    """Data, and mclust's best over them."""
    theirs = golden("selection_mclust.json")[name]
    if name.startswith("lognormal"):
        seed = int(name.partition("_")[2])
        return np.random.default_rng(seed).lognormal(3, 1.5, (200, 1)), theirs
    return np.array(theirs["X"]) if "X" in theirs else load_galaxies().data, theirs


def grid(max_components, **options):
    return EMGaussianMixtureIC(max_components=max_components, **{"random_state": 0, **options})


def places(sd):
    """Five places in degrees, sixty fixes at each."""
    at = np.array([[0, 0], [0.09, 0.01], [0.02, 0.08], [0.07, 0.07], [0.05, 0.03]]) + [52.4, 4.8]
    return at[np.repeat(np.arange(5), 60)] + np.random.default_rng(1).normal(0, sd, (300, 2))


def lines(sd):
    """Three spectral lines."""
    at = np.repeat([0, 0.05, 0.1], 60)
    return (at + np.random.default_rng(1).normal(0, sd, 180))[:, None]


# As good as mclust


@pytest.mark.parametrize(
    "name",
    [
        *("islands", "quakes", "galaxies", "acidity", "banknote", "diabetes", "EuroUnemployment"),
        *("thyroid", *(f"lognormal_{seed}" for seed in range(4))),
    ],
)
@pytest.mark.filterwarnings("ignore:.*left out:emkit.exceptions.DataWarning")
def test_the_least_criterion_is_no_more_than_that_of_mclust(golden, name):
    X, theirs = of_mclust(golden, name)
    ours = grid(theirs["max_components"]).fit(X)
    assert ours.best_criterion_ <= theirs["bic"] + SAME


def test_galaxies():
    """Three components, as R mclust finds from starts of the user's; from its own it says four."""
    ours = grid(4).fit(load_galaxies().data)
    assert ours.best_params_["n_components"] == 3
    assert_allclose(ours.best_criterion_, 441.612, atol=1e-3)


def test_what_random_rows_alone_find():
    """Four components of the galaxies: partitions end at -199.06 or below, whatever the seed."""
    race = Race(("random_from_data",), finalists=10)
    options = {"reg_covar": 0.0, "tol": 1e-6, "max_iter": 1000, "random_state": 1}
    X = load_galaxies().data
    mixture = EMGaussianMixture(4, n_init=10, search=race, **options).fit(X)
    assert_allclose(mixture.score(X) * len(X), -197.454, atol=1e-3)


@pytest.mark.parametrize("seed", range(2))
def test_long_clusters_side_by_side(seed):
    """Turned, and ten times as long as they are apart: as good as from the labels of the draw."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], 200)
    turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    X = np.c_[rng.normal(0, 10, 400), 5 * y + rng.normal(0, 1, 400)] @ turn.T
    told = EMGaussianMixture(2, resp_init=y, reg_covar=0.0, tol=1e-6, max_iter=1000).fit(X)
    ours = grid(3).fit(X)
    assert ours.best_params_["n_components"] == 2
    assert ours.best_criterion_ <= told.bic(X) + SAME


# Units


@pytest.mark.parametrize("sd", [1e-4, 1e-6])
def test_places_and_lines(sd):
    """As R mclust 6.0.0 (EII 5, E 3), however small they are."""
    assert grid(7).fit(places(sd)).best_params_["n_components"] == 5
    assert grid(5).fit(lines(sd)).best_params_["n_components"] == 3


@pytest.mark.parametrize("unit", [1e-3, 1e6])
def test_iris_in_any_unit(unit):
    assert grid(4).fit(IRIS * unit).best_params_ == {"n_components": 2, "covariance_type": "full"}


@settings(max_examples=6, deadline=None)
@given(
    st.integers(0, 3),
    st.lists(st.floats(-6, 6), min_size=2, max_size=2),
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2),
)
def test_the_choice_has_no_unit(seed, powers, shifts):
    rng = np.random.default_rng(seed)
    k = 1 + seed % 3
    X = rng.normal(size=(90, 2)) + 8.0 * (np.arange(90) % k)[:, None] * [1, (-1) ** seed]
    scale = 10.0 ** np.array(powers)
    # Where covariances are matrices or variances of their own, columns have units of their own.
    free = ["full", "tied", "diag"]
    one, other = (grid(3, covariance_type=free).fit(Z) for Z in (X, (X + shifts) * scale))
    assert other.best_params_ == one.best_params_
    shift = 2 * len(X) * np.log(scale).sum()
    assert_allclose(other.best_criterion_ - shift, one.best_criterion_, rtol=1e-4)
    options = {"covariance_type": ["spherical", "EEV"], "n_init": 2}
    one, other = (grid(3, **options).fit(Z) for Z in (X, (X + shifts) * scale[0]))
    assert other.best_params_ == one.best_params_


# Components that collapse


def heap():
    """Two clusters, and a place between them at which 40 rows are equal."""
    rng = np.random.default_rng(0)
    return np.concatenate(
        [rng.normal(size=(60, 1)), rng.normal(8, 1, (60, 1)), np.full((40, 1), 4)]
    )


@pytest.mark.parametrize("reg_covar", [None, 1e-6])
@pytest.mark.filterwarnings("ignore:.*left out:emkit.exceptions.DataWarning")
def test_no_component_is_a_heap_of_equal_rows(reg_covar):
    """Its likelihood has no bound, and a fit to it would win, whatever the unit."""
    chosen = []
    for unit in (1e-2, 1.0, 1e2):
        options = {"covariance_type": "full", "reg_covar": reg_covar and reg_covar * unit**2}
        ours = grid(4, **options).fit(heap() * unit)
        assert np.sqrt(ours.covariances_).min() > 0.05 * unit
        chosen.append(ours.best_params_)
    assert chosen[0] == chosen[1] == chosen[2]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_no_component_collapses_where_cells_are_missing(seed):
    """EM then stops at what rounding leaves of a variance, and calls that converged."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.exponential(2, (40, 3)))
    X[rng.random(X.shape) < 0.25] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    ours = grid(5, n_init=3).fit(X)
    for name in ours.results_["covariance_type"][ours.results_["failure"] == ""]:
        assert name in NAMES
    layout = STRUCTURES[ours.best_params_["covariance_type"]].layout
    dense = layout.dense(ours.covariances_, *ours.means_.shape)
    assert np.linalg.eigvalsh(dense).min() > 1e-6


def test_two_components_in_one_are_not_two():
    """Random rows of a table of two places may be the same: EM then stays at one normal."""
    X = np.repeat([[0.0], [1.0]], 20, axis=0) + np.tile([[0.0], [0.1]], (20, 1))
    with pytest.warns(DataWarning, match="one and the same"):
        ours = grid(5, covariance_type="full", search=Race()).fit(X)
    order = np.sort(ours.means_.ravel())
    assert (np.diff(order) > 1e-3).all()


def test_where_all_collapse_other_kinds_are_tried():
    """Islands: from partitions the largest have a component of their own."""
    X = np.r_[np.random.default_rng(3).lognormal(3, 1.5, 60), [5e4, 5e4]][:, None]
    told = {"covariance_type": "full", "min_components": 2, "n_init": 1}
    with pytest.raises(ValueError, match="singular"):
        grid(2, search=Race(("kmeans",)), **told).fit(X)
    race = Race()
    ours = grid(2, search=race, **told).fit(X).best_estimator_
    assert ours.search == race and len(ours.runs_) >= 1
    assert np.isfinite(ours.bic(X)) and ours.covariances_.min() > 1.0


# One fit a model


def test_models_that_are_one():
    """From what a structure says of itself, whichever structures there are."""
    for d in (1, 4):
        assert len({model_of(Candidate(1, name), d) for name in NAMES}) == (1 if d == 1 else 3)
    shared = {name for name in NAMES if STRUCTURES[name].n_parameters(3, 1) == 1}
    assert len({model_of(Candidate(3, name), 1) for name in shared}) == 1
    assert len({model_of(Candidate(3, name), 1) for name in NAMES}) == 2
    assert len({model_of(Candidate(3, name), 2) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("columns", [[0], [0, 2]])
@pytest.mark.filterwarnings("ignore:.*left out:emkit.exceptions.DataWarning")
def test_they_are_fitted_once_and_agree_with_a_fit_of_their_own(columns, monkeypatch):
    fitted = []
    plain = EMGaussianMixture.fit

    def counted(self, *args, **kwargs):
        fitted.append((self.n_components, self.covariance_type))
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(EMGaussianMixture, "fit", counted)
    X = IRIS[::3, columns]
    alone = grid(2, covariance_type=list(NAMES), n_init=2, search=Race()).fit(X)
    assert len(fitted) == len(set(fitted)) == (1 + 2 if len(columns) == 1 else 3 + len(NAMES))
    for k, name, bic in zip(
        *(alone.results_[key] for key in ("n_components", "covariance_type", "bic")), strict=True
    ):
        options = {"min_components": int(k), "covariance_type": str(name), "n_init": 2}
        options["search"] = Race()
        own = grid(int(k), **options).fit(X)
        assert_allclose(own.best_criterion_, bic, atol=1e-3)


# Starts


def test_the_first_start_and_the_best_go_to_the_end():
    race = Race(("hierarchical", "kmeans", "random_from_data"), finalists=2)
    options = {"reg_covar": 0.0, "tol": 1e-6, "max_iter": 1000, "random_state": 0}
    mixture = EMGaussianMixture(4, n_init=6, search=race, **options).fit(IRIS)
    long = [run.converged for run in mixture.runs_]
    assert len(long) == 6 and long[0] and sum(long) >= 2
    alone = EMGaussianMixture(
        4, init_params="hierarchical", search=Race(("hierarchical",)), **options
    )
    assert mixture.lower_bound_ >= alone.fit(IRIS).lower_bound_ - 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("round",)}, r"kinds must hold .* Got \('round',\)"),
        ({"kinds": ()}, "kinds must hold"),
        ({"n_iter": 0}, "n_iter must be at least 1"),
        ({"finalists": 0}, "finalists must be at least 1"),
    ],
)
def test_bad_races(options, message):
    with pytest.raises(ValueError, match=message):
        Race(**options)


def test_what_is_given_of_a_start_is_kept():
    """A race from a start that is given, or from draws beside which means are."""
    means = IRIS[[0, 60, 120]]
    given = EMGaussianMixture(3, means_init=means, search=Race(), random_state=0).fit(IRIS)
    plain = EMGaussianMixture(3, means_init=means, random_state=0).fit(IRIS)
    assert_allclose(given.lower_bound_, plain.lower_bound_, atol=1e-3)
