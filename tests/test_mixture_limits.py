"""EMGaussianMixture, its grid and its classifier on tables with cells known to an interval."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from structures import OF_EACH_LAYOUT
from tables import Slices
from test_interval_cells import NAMES, table_of

from emkit import EMCensoredRegressor, EMGaussianMixture, EMGaussianMixtureIC, EMMixtureClassifier
from emkit.engine import Blocks
from emkit.exceptions import DataWarning

RNG = np.random.default_rng(0)
#: Two clusters, a third of whose cells lie below what can be detected in the first one.
CLASSES = np.repeat([0, 1], 60)
WHOLE = RNG.normal(size=(120, 3)) + 4.0 * CLASSES[:, None]
LOW, HIGH = [-0.4, -0.4, -np.inf], [np.inf, 4.5, np.inf]
X = WHOLE.clip(LOW, HIGH)
X[RNG.random(X.shape) < 0.05] = np.nan
BELOW, ABOVE = X <= LOW, X >= HIGH
CUT = BELOW | ABOVE
LIMITS = {"lower_limits": LOW, "upper_limits": HIGH}


def mixture(n_components=2, **arguments):
    return EMGaussianMixture(n_components, random_state=0, **arguments)


def exact(n_components=2, **arguments):
    return mixture(n_components, tol=1e-10, max_iter=2000, **arguments)


def written(value, below, above, low, high):
    """A cell as a laboratory writes it."""
    if np.isnan(value):
        return None
    return f"<{low:g}" if below else f">{high:g}" if above else repr(float(value))


TEXT = [
    [written(*cell) for cell in zip(X[i], BELOW[i], ABOVE[i], LOW, HIGH, strict=True)]
    for i in range(len(X))
]
ENDS = np.where(BELOW, -np.inf, X), np.where(ABOVE, np.inf, X)
TABLES = {
    "rows": TEXT,
    "objects": np.array(TEXT, dtype=object),
    "text": pd.DataFrame(TEXT),
    "polars": pl.DataFrame(TEXT, orient="row", schema=["a", "b", "c"]),
    "intervals": pd.DataFrame(
        {
            j: pd.arrays.IntervalArray.from_arrays(low, high, closed="both")
            for j, (low, high) in enumerate(zip(ENDS[0].T, ENDS[1].T, strict=True))
        }
    ),
}
FITTED = mixture(**LIMITS).fit(X)


def text_of(data):
    """`Rows` as a table of text."""
    bounds = data.bounds.table(data.shape[1])
    return [
        [
            repr(float(x)) if a != a else f"{float(a)!r}..{float(b)!r}"
            for x, a, b in zip(row, low, high, strict=True)
        ]
        for row, low, high in zip(data.X, *bounds, strict=True)
    ]


# One normal: the maximum, and how certain it is


@pytest.mark.parametrize("name", NAMES)
def test_one_component_is_at_the_maximum_of_direct_maximisation(golden, name):
    case = golden("detection_limits.json")["cases"][name]
    data, _ = table_of(case)
    table, weights = text_of(data), data.sample_weight
    fitted = mixture(1, reg_covar=0.0, tol=1e-13, max_iter=2000)
    fitted.fit(table, sample_weight=weights)
    n = data.total_weight
    assert_allclose(fitted.lower_bound_ * n, case["loglik"], rtol=0, atol=1e-6)
    assert_allclose(fitted.means_[0], case["mean"], rtol=0, atol=1e-5)
    assert_allclose(fitted.covariances_[0], case["cov"], rtol=0, atol=1e-5)
    errors = fitted.standard_errors(table, sample_weight=weights)
    assert_allclose(errors.means[0], case["se_mean"], rtol=0, atol=2e-6)
    lower = np.tril_indices(data.shape[1])
    assert_allclose(errors.covariances[0][lower], case["se_cov_lower"], rtol=0, atol=2e-6)


def test_one_column_is_a_tobit_fit_without_covariates():
    column = WHOLE[:, :1].clip(-0.4, 4.5)
    below, above = column[:, 0] <= -0.4, column[:, 0] >= 4.5
    ends = np.where(below, -np.inf, column[:, 0]), np.where(above, np.inf, column[:, 0])
    tobit = EMCensoredRegressor(tol=1e-13, max_iter=1000)
    tobit = tobit.fit(np.empty((120, 0)), np.column_stack(ends))
    fitted = exact(1, reg_covar=0.0, lower_limits=-0.4, upper_limits=4.5).fit(column)
    assert_allclose(fitted.means_[0], tobit.intercept_, atol=1e-8)
    assert_allclose(fitted.covariances_[0, 0, 0] ** 0.5, tobit.scale_, atol=1e-8)


def test_standard_errors_hardly_move_where_moments_are_near_and_not_exact():
    """Of three cells to a row they are by expectation propagation; independence is exact."""
    rng = np.random.default_rng(0)
    table = rng.multivariate_normal(np.zeros(3), 0.05 * np.ones(3) + 0.95 * np.eye(3), 600)
    table = table.clip(min=-0.3)
    errors = {
        kind: mixture(1, covariance_type=kind, lower_limits=-0.3).fit(table).standard_errors(table)
        for kind in ("full", "diag")
    }
    assert ((table <= -0.3).sum(axis=1) == 3).any()
    assert_allclose(errors["full"].means, errors["diag"].means, rtol=0.01)


# Laws


@pytest.mark.parametrize("kind", OF_EACH_LAYOUT)
def test_limits_that_no_cell_is_at_change_nothing(kind):
    limited = mixture(covariance_type=kind, lower_limits=-99.0, upper_limits=99.0).fit(X)
    plain = mixture(covariance_type=kind).fit(X)
    assert_array_equal(limited.means_, plain.means_)
    assert_array_equal(limited.covariances_, plain.covariances_)
    assert limited.lower_bound_ == plain.lower_bound_
    assert_array_equal(limited.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("kind", OF_EACH_LAYOUT)
def test_an_interval_as_wide_as_can_be_is_a_missing_cell(kind):
    wide = np.array(TEXT, dtype=object)
    wide[np.isnan(X)] = "-100..100"
    fits = [exact(covariance_type=kind).fit(table) for table in (wide, TABLES["objects"])]
    order = [fit.means_[:, 0].argsort() for fit in fits]
    assert_allclose(fits[0].means_[order[0]], fits[1].means_[order[1]], atol=1e-4)
    assert_allclose(fits[0].lower_bound_, fits[1].lower_bound_, rtol=1e-9)
    assert_allclose(fits[1].score_samples(wide), fits[1].score_samples(TEXT), rtol=1e-9)


@pytest.mark.parametrize("kind", OF_EACH_LAYOUT)
def test_a_tiny_interval_is_an_observed_cell_but_for_its_width(kind):
    tiny, width = np.array(TEXT, dtype=object), 1e-5
    cells = ~(CUT | np.isnan(X))
    cells[:, :2] = False
    tiny[cells] = [f"{x - width / 2!r}..{x + width / 2!r}" for x in X[cells].tolist()]
    fitted = mixture(covariance_type=kind, **LIMITS).fit(X)
    lost = np.log(width) * cells.sum(axis=1)
    assert_allclose(fitted.score_samples(tiny) - lost, fitted.score_samples(X), atol=1e-3)
    assert_allclose(fitted.predict_proba(tiny), fitted.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_whole_weights_are_rows_that_repeat(kind):
    weights = RNG.integers(1, 4, len(X))
    again = np.repeat(np.arange(len(X)), weights)
    means = [[0.0] * 3, [4.0] * 3]
    one = exact(covariance_type=kind, means_init=means, **LIMITS)
    one.fit(X, sample_weight=weights.astype(float))
    other = exact(covariance_type=kind, means_init=means, **LIMITS).fit(X[again])
    assert_allclose(one.means_, other.means_, atol=1e-6)
    assert_allclose(one.bic(X, weights), other.bic(X[again]), rtol=1e-9)
    if kind == "diag":
        ours, theirs = one.standard_errors(X, weights), other.standard_errors(X[again])
        assert_allclose(ours.means, theirs.means, rtol=1e-4)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_however_a_table_says_it_the_fit_is_the_same(table):
    fitted = mixture().fit(table)
    assert_array_equal(fitted.means_, FITTED.means_)
    assert fitted.lower_bound_ == FITTED.lower_bound_
    assert_array_equal(fitted.predict(table), FITTED.predict(X))
    assert_array_equal(fitted.score_samples(table), FITTED.score_samples(X))
    assert_array_equal(fitted.impute(table), FITTED.impute(X))


def test_columns_in_other_units_with_their_limits_are_the_same_fit():
    factor = np.array([1000.0, 0.01, 5.0])
    limits = {"lower_limits": LOW * factor, "upper_limits": HIGH * factor}
    scaled = exact(reg_covar=0.0, **limits).fit(X * factor)
    plain = exact(reg_covar=0.0, **LIMITS).fit(X)
    assert_allclose(scaled.predict_proba(X * factor), plain.predict_proba(X), atol=1e-6)
    seen = ~(np.isnan(X) | CUT)
    moved = (seen @ np.log(factor)).sum() / len(X)
    assert_allclose(scaled.lower_bound_ + moved, plain.lower_bound_, rtol=1e-9)


# What a fit says


def test_clusters_are_those_of_the_whole_table():
    whole = mixture().fit(WHOLE)
    order, of_whole = FITTED.means_[:, 0].argsort(), whole.means_[:, 0].argsort()
    assert_allclose(FITTED.means_[order], whole.means_[of_whole], atol=0.15)
    assert_allclose(FITTED.covariances_[order], whole.covariances_[of_whole], atol=0.3)
    right = order.argsort()[FITTED.predict(X)] == CLASSES
    assert right.mean() > 0.97
    assert abs(mixture().fit(X).means_.min(axis=0)[:2]).min() > 0.15  # with the limits as numbers


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_scores_and_criteria_are_of_the_likelihood_of_the_fit(kind):
    """In rows with three cells below their limits too, of which steps go by near masses."""
    table = WHOLE.clip(min=-0.2)
    fitted = mixture(covariance_type=kind, lower_limits=-0.2).fit(table)
    assert ((table <= -0.2).sum(axis=1) == 3).any()
    assert_allclose(fitted.score(table), fitted.lower_bound_, rtol=1e-12)
    assert_allclose(fitted.score_samples(table).mean(), fitted.lower_bound_, rtol=1e-12)
    assert_allclose(fitted.history_[-1], fitted.lower_bound_, atol=1e-3)  # but for reg_covar
    p = fitted._n_parameters()
    assert_allclose(fitted.bic(table), -240.0 * fitted.lower_bound_ + p * np.log(120))
    assert_array_equal(fitted.predict_proba(table).argmax(axis=1), fitted.predict(table))
    assert_array_equal(mixture(**LIMITS).fit_predict(X), FITTED.predict(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_imputed_cells_lie_within_and_others_stay(dtype):
    table = X.astype(dtype)
    filled = mixture(**LIMITS).fit(table).impute(table)
    assert filled.dtype == dtype
    assert not np.isnan(filled).any()
    assert (filled[BELOW] <= np.broadcast_to(np.array(LOW, dtype), X.shape)[BELOW]).all()
    assert (filled[ABOVE] >= np.broadcast_to(np.array(HIGH, dtype), X.shape)[ABOVE]).all()
    seen = ~(CUT | np.isnan(X))
    assert_array_equal(filled[seen], table[seen])
    assert np.abs(filled - WHOLE)[CUT].mean() < np.abs(X - WHOLE)[CUT].mean()


@pytest.mark.parametrize("algorithm", ["em", "sem", "cem"])
def test_other_forms_and_starts_take_limits(algorithm):
    for start in ({"resp_init": CLASSES}, {"means_init": [[0.0] * 3, [4.0] * 3]}, {}):
        fitted = mixture(algorithm=algorithm, max_iter=12, tol=1e-2, **start, **LIMITS).fit(X)
        assert (np.sort(fitted.means_, axis=0)[0, :2] < 0.3).all()


def test_a_fit_goes_on_from_another_and_is_kept():
    fitted = pickle.loads(pickle.dumps(FITTED))
    assert_array_equal(fitted.predict_proba(X), FITTED.predict_proba(X))
    again = fitted.set_params(warm_start=True).fit(X)
    assert again.n_iter_ <= 2
    assert again.lower_bound_ >= FITTED.lower_bound_


def test_rows_that_are_read_block_by_block_are_predicted():
    rows = Slices(X)
    assert_array_equal(np.asarray(FITTED.predict(rows)), FITTED.predict(X))
    assert_allclose(np.asarray(FITTED.impute(rows)[:]), FITTED.impute(X))


def test_labels_go_with_limits():
    known = np.where(np.arange(120) % 10, -1, CLASSES)
    fitted = mixture(**LIMITS).fit(X, labels=known)
    assert (fitted.predict(X) == CLASSES).mean() > 0.97
    assert_allclose(fitted.history_[-1], fitted.lower_bound_, atol=1e-3)
    classifier = EMMixtureClassifier(random_state=0, **LIMITS).fit(X, known)
    assert classifier.score(X, CLASSES) > 0.97
    by_text = EMMixtureClassifier(random_state=0).fit(TEXT, known)
    assert_array_equal(by_text.predict_proba(TEXT), classifier.predict_proba(X))


# The grid


@pytest.mark.parametrize(("table", "limits"), [(X, LIMITS), (TEXT, {})], ids=["limits", "text"])
def test_the_grid_chooses_by_the_likelihood_of_the_limits(table, limits):
    types = ["diag", "spherical"]
    grid = EMGaussianMixtureIC(
        1, 3, covariance_type=types, n_init=2, random_state=0, tol=1e-4, **limits
    )
    grid.fit(table)
    assert grid.best_params_["n_components"] == 2
    assert_allclose(grid.bic(table), grid.best_criterion_)


def test_a_grid_whose_limits_cut_nothing_is_that_without():
    options = {"max_components": 2, "n_init": 2, "random_state": 0}
    limited = EMGaussianMixtureIC(lower_limits=-99.0, **options).fit(WHOLE)
    plain = EMGaussianMixtureIC(**options).fit(WHOLE)
    assert_array_equal(limited.criterion_, plain.criterion_)


# Columns that do not vary in their own right


def test_a_column_of_which_an_interval_alone_is_known_is_a_constant():
    table = np.column_stack([X, np.full(120, -5.0)])
    limits = {"lower_limits": [*LOW, -4.0], "upper_limits": [*HIGH, np.inf]}
    told = pytest.warns(DataWarning, match="Only an interval is known of column.s. 3")
    with pytest.warns(DataWarning, match="3 are constant"), told:
        fitted = mixture(**limits).fit(table)
    assert_array_equal(fitted.means_[:, :3], FITTED.means_)
    assert_array_equal(fitted.means_[:, 3], [-4.0, -4.0])
    assert fitted.bic(table) == FITTED.bic(X)
    assert_array_equal(fitted.impute(table)[:, 3], np.full(120, -4.0))


def test_a_constant_varies_where_an_interval_excludes_it():
    table = np.column_stack([WHOLE, np.where(CLASSES, 2.0, 1.0)])
    fitted = mixture(1, upper_limits=[np.inf, np.inf, np.inf, 2.0]).fit(table)
    assert fitted._flat is None
    assert 1.0 < fitted.means_[0, 3] < 2.0
    table = [[*row, "1" if low else ">0.5"] for row, low in zip(WHOLE, CLASSES, strict=True)]
    with pytest.warns(DataWarning, match="3 are constant"):
        fitted = mixture().fit(table)
    assert_array_equal(fitted.means_[:, 3], [1.0, 1.0])


def test_a_table_of_nothing_but_one_interval_is_finite():
    with pytest.warns(DataWarning, match="Only an interval is known of column.s. 0"):
        fitted = EMGaussianMixture(lower_limits=0.0).fit(np.full((10, 1), -1.0))
    assert fitted.means_ < 0.0
    assert np.isfinite(fitted.score([[-1.0]]))


@pytest.mark.parametrize("missing", [False, True])
def test_a_copy_in_other_units_says_nothing_more(missing):
    """Its limits go over to the column that it is a copy of, where that misses a cell."""
    copy = 5.0 - 1000.0 * X[:, :1]
    table = np.hstack([X, copy])
    if missing:
        table[::4, 0] = np.nan
    limits = {"lower_limits": [*LOW, -np.inf], "upper_limits": [*HIGH, 5.0 - 1000.0 * LOW[0]]}
    with pytest.warns(DataWarning, match="3 follow from others"):
        fitted = mixture(**limits).fit(table)
    assert_allclose(fitted.means_[:, :3], FITTED.means_, atol=1e-9)
    assert_allclose(fitted.score(table), FITTED.score(X), rtol=1e-12)
    filled = fitted.impute(table)
    assert_allclose(filled[:, :3], FITTED.impute(X), atol=1e-9)
    assert_allclose(filled[:, 3], 5.0 - 1000.0 * filled[:, 0], rtol=1e-9)


def test_a_sum_tells_of_a_part_below_its_limit():
    whole, parts = WHOLE[:, :2], WHOLE[:, :2].clip(min=-0.4)
    table = np.column_stack([parts, whole.sum(axis=1)])
    with pytest.warns(DataWarning, match="2 follow from others"):
        fitted = mixture(lower_limits=[-0.4, -0.4, -np.inf]).fit(table)
    one = ((parts <= -0.4).sum(axis=1) == 1)[:, None] & (parts <= -0.4)
    both = (parts <= -0.4).all(axis=1)
    filled = fitted.impute(table)
    assert one.any() and both.any()
    assert_allclose(filled[:, :2][one], whole[one])
    assert (filled[both, :2] <= -0.4).all()
    assert_allclose(filled[both, :2].sum(axis=1), table[both, 2], atol=1e-4)


# What limits do not go with


FRAME = pd.DataFrame(TEXT, columns=["a", "b", "c"])
KINDS = pd.Categorical(list("xy") * 60)
CODED = FRAME.assign(kind=KINDS)
PLAIN = pd.DataFrame(WHOLE, columns=["a", "b", "c"]).assign(kind=KINDS)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda: mixture(noise=True, **LIMITS).fit(X), "no noise"),
        (lambda: mixture(noise=2.5).fit(TEXT), "no noise .noise=2.5"),
        (lambda: mixture(distribution="student_t", **LIMITS).fit(X), "no distribution='student_t'"),
        (lambda: mixture(distribution="student_t").fit(TEXT), "no distribution='student_t'"),
        (lambda: mixture(distribution="student_t").fit(WHOLE).predict(TEXT), "'student_t'"),
        (lambda: mixture(**LIMITS).partial_fit(X), "partial_fit takes numbers as they are"),
        (lambda: mixture().partial_fit(TEXT), "partial_fit takes numbers as they are"),
        (lambda: mixture().fit(WHOLE).partial_fit(TEXT), "partial_fit takes numbers as they are"),
        (lambda: mixture().fit(TEXT).partial_fit(WHOLE), "partial_fit takes numbers as they are"),
        (lambda: mixture(**LIMITS).fit(Slices(X)), "tables in memory"),
        (lambda: mixture(**LIMITS).fit(FRAME.assign(kind=list("xy") * 60)), "kind are categories"),
        (lambda: mixture().fit(FRAME.assign(kind=list("xy") * 60)), "kind are categories"),
        (lambda: mixture(**LIMITS).fit(Blocks([CODED])), "tables in memory"),
        (lambda: mixture().fit(Blocks([FRAME])), "known to an interval, as '<0.05'"),
        (lambda: mixture().fit(Blocks([CODED])), "known to an interval, as '<0.05'"),
        (lambda: mixture().fit(PLAIN).predict(CODED), "kind are categories"),
        (lambda: mixture().fit(PLAIN).predict(Blocks([CODED])), "do not go beside categories"),
        (
            lambda: mixture().fit(PLAIN).set_params(**LIMITS).predict(Blocks([PLAIN])),
            "kind are categories",
        ),
        (lambda: mixture(**LIMITS).predict(Slices(X)), "not fitted yet"),
        (lambda: mixture().partial_fit(CODED), "partial_fit takes numbers as they are"),
        (lambda: mixture().partial_fit(PLAIN).partial_fit(CODED), "takes numbers as they are"),
        (
            lambda: mixture().partial_fit(PLAIN[50:70]).partial_fit(CODED),
            "takes numbers as they are",
        ),
        (lambda: FITTED.conditional(X), "conditional takes numbers and missing cells"),
        (lambda: FITTED.conditional(TEXT), "conditional takes numbers and missing cells"),
        (lambda: mixture(lower_limits=1.0, upper_limits=0.0).fit(X), "limits of column 0 cross"),
        (lambda: mixture(lower_limits={"lead": 1.0}).fit(X), r"does not have: \['lead'\]"),
        (lambda: mixture(lower_limits=[0.0, 1.0]).fit(X), r"have the shape \(3,\)"),
        (lambda: mixture(lower_limits="low").fit(X), "'lower_limits' parameter"),
        (lambda: mixture().fit(FRAME.assign(a=["<1 mg"] + ["2"] * 119)), "'<1 mg' in row 0"),
        (lambda: mixture().fit(FRAME.assign(a=["5..1"] + ["2"] * 119)), "its limits cross"),
    ],
)
def test_what_does_not_go_is_refused_by_name(fit, message):
    with pytest.raises(ValueError, match=message):
        fit()


def test_conditional_takes_rows_without_limits_from_a_fit_with_them():
    conditional = FITTED.conditional([[1.0, np.nan, 2.0]])
    assert_allclose(conditional.mean, FITTED.impute([[1.0, np.nan, 2.0]]))
