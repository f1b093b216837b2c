"""EMImputer at the ends: exact relations, nothing but prior, odd weights and units, any search."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from emkit import EMImputer
from emkit.engine import Annealing, Blocks, Genetic, Restarts, ShortRuns
from emkit.engine.search import SEARCHES
from emkit.exceptions import DataWarning
from emkit.models.mixture.relations import exact_relations
from emkit.models.mixture.single_normal import pairwise_moments
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES

few = settings(max_examples=30, deadline=None, derandomize=True)


def table(n=60, d=3, seed=0, share=0.2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d)))
    holes = rng.random(X.shape) < share
    holes[np.arange(n), rng.integers(d, size=n)] = False
    X[holes] = np.nan
    return X


X = table()


# Relations that hold exactly


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (300.0, 1e6), (-2.0, 1e-9)])
def test_a_table_of_rank_one_is_recovered(seed, shift, scale):
    """As scikit-learn asks of its iterative imputer (test_iterative_imputer_rank_one)."""
    rng = np.random.RandomState(seed)
    truth = rng.rand(50, 1) @ rng.rand(1, 50)
    missing = rng.rand(50, 50) < 0.5
    truth = scale * (truth + shift)
    filled = EMImputer().fit_transform(np.where(missing, np.nan, truth))
    assert_allclose(filled / scale, truth / scale, atol=1e-5)


@st.composite
def redundant(draw):
    """A table, and the same with a column that follows from others, in any place."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, d = draw(st.integers(40, 80)), draw(st.integers(2, 4))
    mixed = np.eye(d) + rng.uniform(-0.4, 0.4, size=(d, d))
    base = rng.normal(size=(n, d)) @ mixed * 10.0 ** rng.integers(-3, 4, d)
    kind = draw(st.sampled_from(["copy", "sum", "difference"]))
    unit = base.std(axis=0)
    weights = {
        "copy": np.eye(d)[0] * rng.choice([-3.0, 0.01, 1.0]),
        "sum": np.ones(d) / unit,
        "difference": np.r_[1.0 / unit[0], -1.0 / unit[1], np.zeros(d - 2)],
    }[kind]
    follows = base @ weights + rng.choice([0.0, 50.0]) * np.std(base @ weights)
    whole = np.c_[base, follows][:, (order := rng.permutation(d + 1))]
    concerned = np.flatnonzero(np.r_[weights != 0.0, True][order])
    cells = whole.copy()
    cells[rng.random(cells.shape) < 0.1] = np.nan
    return whole, cells, concerned


@few
@given(redundant())
def test_cells_that_follow_from_others_are_filled_with_what_follows(case):
    whole, cells, concerned = case
    imputer = EMImputer(max_iter=2000).fit(cells)
    determined = np.isnan(cells[:, concerned]).sum(axis=1) == 1
    error = (imputer.transform(cells) - whole)[np.ix_(determined, concerned)]
    assert_allclose(error / whole[:, concerned].std(axis=0), 0.0, atol=2e-3)


@few
@given(redundant())
def test_relations_are_those_of_the_rows(case):
    whole, cells, _ = case
    data = Rows.of(cells)
    units = data.scaling()
    variances = np.diag(pairwise_moments(data, units).covariance)
    found = exact_relations(data, units, variances)
    assert found is not None
    values, vectors = np.linalg.eigh(found.covariance / np.sqrt(np.outer(variances, variances)))
    assert np.sum(values < 1e-8) == 1
    across = vectors[:, 0] / np.sqrt(variances)
    rows = (whole - units.shift) / units.scale - found.mean
    assert_allclose(rows @ across, 0.0, atol=1e-5)


@few
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.5]), st.booleans())
def test_no_relation_is_seen_where_there_is_none(seed, share, ties):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(4, 40)), int(rng.integers(2, 8))
    cells = rng.normal(size=(n, d))
    cells[:, 0] = np.round(cells[:, 0]) if ties else cells[:, 0]
    cells[rng.random(cells.shape) < share] = np.nan
    cells[:2] = rng.normal(size=(2, d))  # every column varies
    data = Rows.of(cells)
    units = data.scaling()
    assert exact_relations(data, units, np.ones(d)) is None


@few
@given(
    seed=st.integers(0, 10**6),
    rank=st.integers(1, 5),
    size=st.sampled_from([(200, 12), (500, 20), (120, 10)]),
    missing=st.sampled_from([0.1, 0.2, 0.25]),
)
def test_tables_of_low_rank_are_recovered_where_few_rows_are_complete(seed, rank, size, missing):
    """In every row that holds enough cells to say where in the plane it lies."""
    n, d = size
    rng = np.random.default_rng(seed)
    whole = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d))
    cells = whole.copy()
    cells[rng.random(cells.shape) < missing] = np.nan
    told = (~np.isnan(cells)).sum(axis=1) >= rank + 3
    filled = EMImputer().fit_transform(cells)
    assert_allclose(filled[told], whole[told], rtol=0.0, atol=0.02 * whole.std())


@few
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.25]), st.sampled_from([0.1, 0.3, 0.5]))
def test_a_column_that_hardly_varies_where_rows_are_complete_is_not_constant(seed, share, rare):
    """Nothing follows from others, though among the few complete rows a column may be 0."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(60, 8))
    cells[:, ::2] *= rng.random((60, 4)) < rare
    cells[rng.random(cells.shape) < share] = np.nan
    assume(((cells != 0.0) & ~np.isnan(cells)).sum(axis=0).min() >= 4)
    data = Rows.of(cells)
    units = data.scaling()
    variances = np.diag(pairwise_moments(data, units).covariance)
    assert exact_relations(data, units, variances) is None


def test_shrinkage_that_is_given_is_not_kept_within_relations():
    """The M-step is (1 - s) S + s D with D diagonal, as documented."""
    whole = np.c_[table(share=0.0), table(share=0.0)[:, 0]]
    imputer = EMImputer(shrinkage=0.25).fit(whole)
    S = np.cov(whole.T, ddof=0)
    assert_allclose(imputer.covariance_, 0.75 * S + 0.25 * np.diag(np.diag(S)), rtol=1e-9)


# Nothing but prior


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_all_shrinkage_leaves_what_covariances_are_drawn_to(kind, n_components):
    imputer = EMImputer(
        n_components, shrinkage=1.0, covariance_type=kind, random_state=0, tol=1e-10, max_iter=2000
    ).fit(X)
    history = imputer.history_
    assert (np.diff(history) >= -1e-12 * np.abs(history[1:])).all()
    assert_allclose(history[-1], imputer.log_likelihood_, rtol=1e-12)
    assert imputer.shrinkage_ == 1.0
    layout = STRUCTURES[kind].layout
    variances = np.nanvar(X, axis=0) / n_components ** (2.0 / 3.0)
    for covariance in layout.dense(imputer.covariances_, n_components, 3):
        if STRUCTURES[kind].scale_invariant and layout.ndim == 2:
            assert_allclose(covariance, np.diag(variances), rtol=1e-9, atol=1e-9)
        assert_allclose(covariance - np.diag(np.diag(covariance)), 0.0, atol=1e-9)
    nearly = EMImputer(
        n_components, shrinkage=1 - 2e-6, covariance_type=kind, random_state=0, tol=1e-10,
        max_iter=2000,
    ).fit(X)  # fmt: skip
    assert_allclose(imputer.covariances_, nearly.covariances_, rtol=1e-4, atol=1e-4)


def test_what_is_given_has_no_standard_error_and_the_rest_has():
    data = np.r_[X, X + 6.0]
    imputer = EMImputer(2, shrinkage=1.0, random_state=0, tol=1e-12, max_iter=2000).fit(data)
    errors = imputer.standard_errors(data)
    assert (errors.location > 0.0).all()
    assert np.isfinite(errors.covariance).all()
    one = EMImputer(shrinkage=1.0, tol=1e-12).fit(data)
    errors = one.standard_errors(data)
    assert_array_equal(errors.covariance, 0.0)
    n = (~np.isnan(data)).sum(axis=0)  # the columns are independent
    assert_allclose(errors.location, np.sqrt(np.diag(one.covariance_) / n), rtol=1e-5)


@few
@given(
    st.integers(0, 10**6), st.sampled_from(["copy", "constant rows", "few rows"]), st.integers(1, 3)
)
def test_the_objective_never_falls_at_hardly_any_shrinkage(seed, kind, n_components):
    """Of a table without variance in some direction, which a prior this weak cannot give it."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(6 if kind == "few rows" else 25, 5))
    if kind == "copy":
        cells[:, 4] = cells[:, 0] - cells[:, 1]
    if kind == "rank one":
        cells[:] = cells[:, :1] * np.arange(1.0, 6.0)
    cells[1:][rng.random((len(cells) - 1, 5)) < 0.2] = np.nan
    imputer = EMImputer(n_components, shrinkage=1e-13, tol=1e-8, random_state=0, max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        imputer.fit(cells)
    history = imputer.history_
    assert (np.diff(history) >= -1e-9 * np.maximum(1.0, np.abs(history[1:]))).all()
    assert np.isfinite(imputer.transform(cells)).all()


def test_a_stream_goes_on_with_nothing_but_prior():
    imputer = EMImputer(2, shrinkage=1.0, random_state=0).partial_fit(X).partial_fit(X[::-1])
    assert_allclose(imputer.covariances_[0], imputer.covariances_[1])


# Search


@pytest.mark.parametrize(
    "search",
    [*SEARCHES, ShortRuns(budget=10), Annealing(budget=10), Genetic(budget=10), Restarts(budget=2)],
)
@pytest.mark.parametrize("kind", ["full", "diag"])
def test_one_normal_has_one_start_whatever_the_search(search, kind):
    plain = EMImputer(covariance_type=kind).fit(X)
    searched = EMImputer(covariance_type=kind, search=search, n_init=3, random_state=5).fit(X)
    assert_array_equal(searched.location_, plain.location_)
    assert_array_equal(searched.covariance_, plain.covariance_)
    assert len(searched.runs_) == 1


def test_a_search_that_is_none_is_refused_with_one_normal_too():
    with pytest.raises(ValueError, match="search must be one of"):
        EMImputer(search=ShortRuns).fit(X)


# Tolerance


def test_the_default_is_exact_for_one_normal(golden):
    """Amelia and lavaan: airquality to four decimals."""
    case = golden("imputer.json")["cases"][0]
    imputer = EMImputer(shrinkage=0.0).fit(np.array(case["X"], dtype=float))
    assert_allclose(imputer.location_, [41.8712, 184.8468, 9.9575, 77.8824], atol=5e-5)
    assert_allclose(imputer.log_likelihood_, -2326.6974, atol=5e-5)


def test_more_components_than_there_are_clusters_converge_at_the_defaults():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(20_000, 20))
    data[rng.random(data.shape) < 0.1] = np.nan
    assert EMImputer(3, random_state=0).fit(data).converged_


@pytest.mark.parametrize("factor", [1e-6, 1.0 / 60.0, 1e6])
def test_the_tolerance_is_per_sample(factor):
    """Weights that are multiplied change nothing where no prior goes by their sum."""
    imputer = EMImputer(shrinkage=0.1)
    weight = np.random.default_rng(0).exponential(size=60)
    plain = imputer.fit(X, sample_weight=weight)
    location, n_iter = plain.location_, plain.n_iter_
    other = imputer.fit(X, sample_weight=factor * weight)
    assert other.n_iter_ == n_iter
    assert_allclose(other.location_, location, rtol=1e-6, atol=1e-9)


# Weights


@pytest.mark.parametrize("total", [1.0, 10.0])
@pytest.mark.parametrize("n_components", [1, 3])
def test_weights_that_sum_to_few_rows_are_told(total, n_components):
    data = table(300)
    weight = np.full(300, total / 300)
    with pytest.warns(DataWarning, match=rf"these sum to {total:g}, less than the 300 rows"):
        EMImputer(n_components, random_state=0).fit(data, sample_weight=weight)


@pytest.mark.parametrize(
    ("weight", "arguments"),
    [
        (None, {}),
        (np.ones(60), {}),
        (np.arange(60) % 3, {}),
        (np.full(60, 1.0 / 60.0), {"shrinkage": 0.1}),
        (np.random.default_rng(0).dirichlet(np.ones(60)) * 60, {}),
    ],
)
def test_other_weights_are_not(weight, arguments):
    imputer = EMImputer(**arguments).fit(X, sample_weight=weight)  # a warning would be an error
    total = len(X) if weight is None else weight.sum()
    assert imputer.shrinkage_ == 0.1 if arguments else imputer.shrinkage_ < 0.02
    assert_allclose(imputer.score(X, sample_weight=weight) * total, imputer.log_likelihood_)


# Units


@pytest.mark.parametrize("power", [3, 9, 18])
@pytest.mark.parametrize("n_components", [1, 2])
def test_one_variance_for_columns_in_units_far_apart(power, n_components):
    data = table(12, share=0.1) * [10.0**-power, 1.0, 10.0**power]
    imputer = EMImputer(n_components, covariance_type="spherical", random_state=0).fit(data)
    assert np.isfinite(imputer.transform(data)).all()


@pytest.mark.parametrize("kind", ["spherical", "EEV"])
@pytest.mark.parametrize("n_components", [1, 2])
def test_units_that_no_number_spans_are_refused_with_the_remedy(kind, n_components):
    data = table(12, share=0.1) * [1e-90, 1.0, 1e90]
    with pytest.raises(ValueError, match=r"too far apart.*Scale the columns"):
        EMImputer(n_components, covariance_type=kind, random_state=0).fit(data)


# Limits by name

FRAME = pd.DataFrame(table(share=0.4), columns=["age", "size", "weight"])


@pytest.mark.parametrize("sample_posterior", [False, True])
def test_limits_go_by_name(sample_posterior):
    by_name = EMImputer(
        min_value={"weight": 0.5, "age": None},
        max_value={"size": -0.2},
        sample_posterior=sample_posterior,
        random_state=0,
    )
    inf = np.inf
    by_place = EMImputer(
        min_value=[-inf, -inf, 0.5],
        max_value=[inf, -0.2, inf],
        sample_posterior=sample_posterior,
        random_state=0,
    )
    assert_array_equal(by_name.fit_transform(FRAME), by_place.fit_transform(FRAME))


def test_features_without_names_go_by_number():
    filled = EMImputer(min_value={2: 0.5}).fit_transform(FRAME.to_numpy())
    assert (filled[FRAME.isna().to_numpy()[:, 2], 2] >= 0.5).all()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"min_value": {"hight": 1.0}}, r"min_value names features that X does not have: \['hight"),
        ({"max_value": {"age": "old"}}, r"max_value\['age'\] should be a number. Got 'old'"),
        ({"min_value": {"age": 2}, "max_value": {"age": 1}}, "Got 2.0 and 1.0 for feature age"),
        ({"min_value": {"age": np.nan}}, "Got nan and inf for feature age"),
    ],
)
def test_bad_limits_by_name(limits, message):
    with pytest.raises(ValueError, match=message):
        EMImputer(**limits).fit(FRAME)


# Standard errors where there are none


def test_no_standard_errors_of_a_fit_that_is_all_but_singular():
    rng = np.random.default_rng(0)
    data = np.c_[rng.normal(size=30), np.zeros(30)]
    data[:, 1] = data[:, 0]
    data[rng.random(data.shape) < 0.3] = np.nan
    with pytest.warns(ConvergenceWarning):
        imputer = EMImputer(3, shrinkage=1e-6, random_state=0, max_iter=3).fit(data)
    with pytest.warns(DataWarning, match="No standard errors"):
        errors = imputer.standard_errors(data)
    assert np.isnan(errors.location).any()


@few
@given(st.floats(-1e9, 1e9), st.sampled_from([2, 3, 5]), st.sampled_from(["full", "diag", "EEV"]))
def test_a_constant_feature_has_no_spread_not_even_of_rounding(value, n_components, structure):
    """Its mean over the components missed it by a rounding, and so it had a variance."""
    imputer = EMImputer(n_components, covariance_type=structure, random_state=0, max_iter=0)
    imputer.fit(np.c_[X, np.full(len(X), value)])
    assert imputer.location_[-1] == value
    assert not imputer.covariance_[-1].any()
    assert not imputer.covariance_[:, -1].any()
    assert_allclose(imputer.location_, imputer.weights_ @ imputer.means_)


@pytest.mark.parametrize("fill", [1e16, -1e20, 1e30])
@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize("form", ["array", "blocks", "stream", "categories"])
def test_a_fill_value_beside_which_nothing_is_left_is_refused(form, n_components, fill):
    """Cells of its column would be filled with some part of it; mixtures refuse it too."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(250, 2)) + 6.0 * rng.integers(2, size=(250, 1))
    X[5, 1] = X[6, 0] = np.nan
    imputer = EMImputer(n_components, random_state=0)
    assert np.isfinite(clone(imputer).fit_transform(X)).all()
    X[0, 0] = fill
    if form == "categories":
        X[:, 1] = X[:, 1] > 3.0
        imputer.set_params(categorical_features=[1])
    fit = imputer.partial_fit if form == "stream" else imputer.fit
    with pytest.raises(ValueError, match="Column 0 of X holds .*put NaN in its place"):
        fit(Blocks([X[:100], X[100:]]) if form == "blocks" else X)
