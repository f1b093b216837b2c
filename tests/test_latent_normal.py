"""The latent normal: tetrachoric correlations, identities, and laws of every fit."""

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal, norm, rankdata
from sklearn.base import clone

from emkit import EMImputer
from emkit.engine import Blocks, check_model
from emkit.exceptions import DataWarning
from emkit.models.latent_normal.answers import MOVES, expect
from emkit.models.latent_normal.chances import Mirrored, RowChances
from emkit.models.latent_normal.columns import LatentColumns
from emkit.models.latent_normal.gibbs import LatentParams, Normal, sweep
from emkit.models.latent_normal.margins import Margin
from emkit.models.latent_normal.model import LatentNormal, as_chances
from emkit.models.latent_normal.moments import moments
from emkit.models.latent_normal.rows import LatentRows
from emkit.numerics.incomplete_rows import patterns

#: Most that a correlation may differ from the maximum-likelihood one.
BIAS = 0.02
#: How far two runs of the chain are apart at most.
NOISE = 0.03


def latent(**arguments):
    return EMImputer(method="latent_normal", random_state=0, **arguments)


def tetrachoric(probabilities):
    """The correlation of the normal whose quadrants have these probabilities (2, 2)."""
    p = np.asarray(probabilities) / np.sum(probabilities)
    cuts = ndtri([p[0].sum(), p[:, 0].sum()])

    def excess(r):
        return multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf(cuts) - p[0, 0]

    return brentq(excess, -0.999, 0.999)


def binary(counts):
    """A frame of two booleans; keys have a digit a column, '.' where missing."""
    cell = {"0": False, "1": True, ".": None}
    rows = [[cell[digit] for digit in key] for key, n in counts.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["first", "second"]).astype("boolean")


def mixed(n=300, seed=0, holes=0.2):
    """Numbers, counts with many zeros, booleans, ordered and unordered levels of one factor."""
    rng = np.random.default_rng(seed)
    z = 0.8 * rng.standard_normal((n, 1)) + 0.6 * rng.standard_normal((n, 6))
    whole = pd.DataFrame(
        {
            "cost": np.exp(z[:, 0]),
            "visits": pd.array(np.maximum(np.round(2 * z[:, 1]), 0).astype(int), dtype="Int64"),
            "member": pd.array(z[:, 2] > 0.4, dtype="boolean"),
            "grade": pd.Categorical.from_codes(np.digitize(z[:, 3], [-0.6, 0.5]), ["c", "b", "a"]),
            "colour": pd.Categorical.from_codes(
                np.digitize(z[:, 4], [-0.4, 0.7]), ["red", "green", "blue"]
            ),
            "score": z[:, 5],
        }
    )
    whole["grade"] = whole["grade"].cat.as_ordered()
    return whole, whole.mask(rng.random(whole.shape) < holes)


def of_one_cell(imputer):
    """Correlations of the columns that one latent cell stands for."""
    names = ["cost", "visits", "member", "grade", "score"]
    places = [imputer.latent_names_.index(name) for name in names]
    return imputer.correlation_[np.ix_(places, places)]


# Correlations


@pytest.mark.parametrize(
    "counts",
    [
        {"00": 348, "01": 231, "10": 34, "11": 387},  # 0.789
        {"00": 68, "01": 16, "10": 55, "11": 260},  # 0.811
        {"00": 209, "01": 41, "10": 137, "11": 113},  # 0.497
        {"00": 609, "01": 64, "10": 98, "11": 28},  # 0.304
        {"00": 48, "01": 76, "10": 60, "11": 16},  # -0.597
        {"00": 225, "01": 25, "10": 25, "11": 225},  # 0.951
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_correlations_of_booleans_are_tetrachoric(counts, seed):
    right = tetrachoric(np.reshape(list(counts.values()), (2, 2)))
    imputer = clone(latent()).set_params(random_state=seed).fit(binary(counts))
    assert imputer.latent_names_ == ["first", "second"]
    assert_allclose(imputer.correlation_[0, 1], right, atol=BIAS)
    assert_array_equal(np.diag(imputer.correlation_), 1.0)


def test_a_tetrachoric_correlation_with_missing_cells(golden):
    case = golden("mixed_tables.json")["golden"]["saturated"]["cases"][0]
    right = tetrachoric(np.reshape(case["probabilities"], (2, 2)))
    imputer = latent().fit(binary(case["counts"]))
    assert_allclose(imputer.correlation_[0, 1], right, atol=BIAS)


@settings(max_examples=8, deadline=None)
@given(st.floats(-0.9, 0.9), st.floats(-0.8, 0.8), st.floats(-0.8, 0.8), st.integers(0, 1000))
def test_any_table_of_two_by_two(r, a, b, seed):
    both = multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf([a, b])
    p = np.array([both, ndtr(a) - both, ndtr(b) - both, 1 - ndtr(a) - ndtr(b) + both])
    n = np.rint(800 * p).astype(int) + 1
    right = tetrachoric(n.reshape(2, 2))
    frame = binary(dict(zip(["00", "01", "10", "11"], n.tolist(), strict=True)))
    imputer = latent().set_params(random_state=seed).fit(frame)
    assert_allclose(imputer.correlation_[0, 1], right, atol=BIAS)


@pytest.mark.parametrize("method_of_levels", ["ordered", "number and level"])
def test_polychoric_and_polyserial_correlations_of_drawn_normals(method_of_levels):
    rng = np.random.default_rng(1)
    z = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 4000)
    of = [np.digitize(z[:, 0], [-1.0, 0.2, 0.9]), np.digitize(z[:, 1], [-0.5, 0.6])]
    first = pd.Categorical.from_codes(of[0], list("abcd"), ordered=True)
    second = pd.Categorical.from_codes(of[1], list("abc"), ordered=True)
    frame = pd.DataFrame({"x": first, "y": second})
    if method_of_levels == "number and level":
        frame["x"] = z[:, 0] ** 3
    assert_allclose(latent().fit(frame).correlation_[0, 1], 0.6, atol=0.04)


def test_complete_numbers_have_normal_score_correlations():
    rng = np.random.default_rng(0)
    X = np.exp(rng.multivariate_normal(np.zeros(3), 0.5 * np.eye(3) + 0.5, 200))
    scores = ndtri((rankdata(X, axis=0) - 0.5) / len(X))
    imputer = latent(shrinkage=0.0).fit(X)
    assert_allclose(imputer.correlation_, np.corrcoef(scores.T), atol=1e-5)


def test_numbers_with_missing_cells_are_those_of_a_normal_of_their_scores():
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal(np.zeros(3), 0.5 * np.eye(3) + 0.5, 200)
    X[rng.random(X.shape) < 0.15] = np.nan
    ranks, n = rankdata(X, axis=0, nan_policy="omit"), (~np.isnan(X)).sum(axis=0)
    normal = EMImputer(shrinkage=0.0, tol=1e-10).fit(ndtri((ranks - 0.5) / n)).covariance_
    deviation = np.sqrt(np.diag(normal))
    right = normal / np.outer(deviation, deviation)
    assert_allclose(latent(shrinkage=0.0).fit(X).correlation_, right, atol=0.01)


# Laws


def test_monotone_transforms_change_nothing_but_the_margin():
    _, holes = mixed()
    moved = holes.assign(cost=np.log(holes["cost"]) * 1e3 + 7.0)
    first, second = (latent().fit(frame) for frame in (holes, moved))
    assert_array_equal(first.correlation_, second.correlation_)
    a, b = first.transform(holes), second.transform(moved)
    pd.testing.assert_frame_equal(a.drop(columns="cost"), b.drop(columns="cost"))
    for name, p in first.impute_proba(holes).items():
        assert_array_equal(p, second.impute_proba(moved)[name])


def test_rows_are_filled_alike_in_any_table_and_order():
    _, holes = mixed()
    imputer = latent().fit(holes)
    whole = imputer.transform(holes)
    order = np.random.default_rng(1).permutation(len(holes))
    pd.testing.assert_frame_equal(imputer.transform(holes.iloc[order]), whole.iloc[order])
    pd.testing.assert_frame_equal(imputer.transform(holes.iloc[7:9]), whole.iloc[7:9])
    pd.testing.assert_frame_equal(imputer.transform(holes), whole)


def test_columns_in_another_order_tell_the_same():
    _, holes = mixed(600)
    order = ["score", "colour", "member", "cost", "grade", "visits"]
    first, second = latent().fit(holes), latent().fit(holes[order])
    assert_allclose(of_one_cell(second), of_one_cell(first), atol=NOISE)
    a, b = first.impute_proba(holes)["member"], second.impute_proba(holes[order])["member"]
    assert np.abs(a - b).mean() < 0.02


def test_weights_are_repeated_rows():
    _, holes = mixed(500)
    weights = np.random.default_rng(2).integers(0, 3, len(holes)).astype(float)
    again = holes.loc[holes.index.repeat(weights.astype(int))]
    by_weight = latent().fit(holes, sample_weight=weights)
    by_rows = latent().fit(again)
    assert by_weight.shrinkage_ == by_rows.shrinkage_
    assert_allclose(of_one_cell(by_weight), of_one_cell(by_rows), atol=NOISE)
    assert_allclose(by_weight.tables_["colour"], by_rows.tables_["colour"])
    one, two = (imputer.impute_proba(holes)["colour"] for imputer in (by_weight, by_rows))
    assert np.abs(one - two).mean() < 0.02


def test_what_is_observed_stays_and_the_frame_comes_as_it_came():
    whole, holes = mixed()
    imputer = latent().fit(holes)
    for filled in (imputer.transform(holes), *imputer.multiple_impute(holes, 2)):
        assert filled.dtypes.equals(holes.dtypes)
        assert not filled.isna().any().any()
        pd.testing.assert_frame_equal(filled.where(holes.notna()), whole.where(holes.notna()))
        assert filled["cost"].between(holes["cost"].min(), holes["cost"].max()).all()


def test_it_tells_more_than_the_mode():
    whole, holes = mixed(600)
    filled = latent().fit_transform(holes)
    for name in ("member", "grade", "colour"):
        missing = holes[name].isna()
        right = (filled[name][missing].astype(str) == whole[name][missing].astype(str)).mean()
        mode = (whole[name][missing].astype(str) == str(holes[name].mode()[0])).mean()
        assert right > mode + 0.05


def test_draws_have_the_probabilities_that_are_told_and_are_joint():
    _, holes = mixed(400)
    holes = holes.assign(again=holes["member"])
    imputer = latent().fit(holes)
    told = imputer.impute_proba(holes)["colour"]
    drawing = imputer.set_params(sample_posterior=True)
    missing = holes["colour"].isna()
    share = np.zeros(told.shape)
    for seed in range(30):
        drawn = drawing.set_params(random_state=seed).transform(holes)
        share += np.eye(3)[drawn["colour"].cat.codes] / 30
        both = holes["member"].isna()
        assert (drawn["member"] == drawn["again"])[both].mean() > 0.8
    assert_allclose(share[missing].mean(axis=0), told[missing].mean(axis=0), atol=0.05)
    assert np.corrcoef(share[missing].ravel(), told[missing].ravel())[0, 1] > 0.9


def test_limits_hold_for_means_and_draws():
    _, holes = mixed()
    limits = {"min_value": {"cost": 1.0, "visits": 1}, "max_value": {"cost": 2.0, "visits": 3}}
    for drawn in (False, True):
        filled = latent(sample_posterior=drawn, **limits).fit_transform(holes)
        assert filled["cost"][holes["cost"].isna()].between(1.0, 2.0).all()
        assert filled["visits"][holes["visits"].isna()].between(1, 3).all()


def test_a_fitted_one_is_kept_and_begun_anew():
    _, holes = mixed(120)
    imputer = latent().fit(holes)
    kept = pickle.loads(pickle.dumps(imputer))
    pd.testing.assert_frame_equal(kept.transform(holes), imputer.transform(holes))
    written = skops.io.dumps(imputer)
    types = skops.io.get_untrusted_types(data=written)
    assert len(types) <= 6, types
    read = skops.io.loads(written, trusted=types)
    pd.testing.assert_frame_equal(read.transform(holes), imputer.transform(holes))
    assert_array_equal(clone(imputer).fit(holes).correlation_, imputer.correlation_)
    on = clone(imputer).set_params(warm_start=True).fit(holes).fit(holes)
    assert_allclose(of_one_cell(on), of_one_cell(imputer), atol=2 * NOISE)
    assert not hasattr(imputer.set_params(method="classes").fit(holes), "correlation_")


def test_the_moments_of_numbers_are_those_of_their_margins():
    X = np.exp(np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 2000))
    imputer = latent(shrinkage=0.0).fit(X)
    assert_allclose(imputer.location_, X.mean(axis=0), rtol=0.01)
    assert_allclose(imputer.covariance_, np.cov(X.T), rtol=0.15)
    assert_allclose(imputer.summary()["mean"], imputer.location_)


# What there is little of

DEGENERATE = {
    "a level seen once": lambda n: pd.Categorical(["y"] + ["x"] * (n - 1)),
    "a level never seen": lambda n: pd.Categorical(["x", "y"] * (n // 2), ["x", "y", "z"]),
    "ordered, never seen": lambda n: pd.Categorical(["x", "z"] * (n // 2), list("xyz"), True),
    "no cell": lambda n: pd.Categorical([None] * n, ["x", "y"]),
    "no number": lambda n: np.full(n, np.nan),
    "a constant": lambda n: np.full(n, 2.0),
    "one number": lambda n: np.r_[3.0, np.full(n - 1, np.nan)],
    "two numbers": lambda n: np.r_[3.0, 1e9, np.full(n - 2, np.nan)],
    "nothing but zeros and one": lambda n: np.r_[5.0, np.zeros(n - 1)],
    "as many levels as rows": lambda n: pd.Categorical([f"level {i}" for i in range(n)]),
    "a copy": lambda n: np.arange(n, dtype=float),
}


@pytest.mark.parametrize("kind", DEGENERATE)
@pytest.mark.parametrize("n", [4, 60])
@pytest.mark.parametrize("shrinkage", ["auto", 0.0])
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_whatever_a_column_lacks_the_answer_is_finite(kind, n, shrinkage):
    b = pd.array(np.arange(n) % 3 == 0, dtype="boolean")
    frame = pd.DataFrame({"x": np.arange(n, dtype=float), "odd": DEGENERATE[kind](n), "b": b})
    frame = frame.mask(np.arange(n)[:, None] == [n - 1] * 3)  # a row without a cell
    imputer = latent(shrinkage=shrinkage).fit(frame)
    assert np.isfinite(imputer.correlation_).all()
    filled = imputer.transform(frame)
    assert not filled.drop(columns="odd", errors="ignore").isna().any().any()
    if kind not in {"no cell", "no number"}:
        assert not filled["odd"].isna().any()
    for p in imputer.impute_proba(frame).values():
        assert np.isfinite(p).all()


def test_columns_of_many_levels_go_by_their_shares():
    rng = np.random.default_rng(0)
    code = rng.integers(0, 200, 1000)
    frame = pd.DataFrame({"place": [f"p{c}" for c in code], "x": code + rng.standard_normal(1000)})
    frame.loc[:99, "place"] = None
    imputer = latent().fit(frame)
    assert imputer.latent_names_ == ["x"]
    p = imputer.impute_proba(frame)["place"][:100]
    assert_allclose(p, np.broadcast_to(p[0], p.shape))
    assert_allclose(p.sum(axis=1), 1.0)
    assert not imputer.transform(frame).isna().any().any()


def test_what_it_does_not_offer_is_refused():
    whole, holes = mixed(60)
    imputer = latent().fit(holes)
    assert np.isnan(imputer.log_likelihood_)
    assert imputer.converged_
    for method in (imputer.score, imputer.score_samples, imputer.standard_errors):
        with pytest.raises(ValueError, match="method='latent_normal'"):
            method(holes)
    with pytest.raises(ValueError, match="partial_fit has no method='latent_normal'"):
        latent().partial_fit(whole[["cost", "score"]])
    for argument in ({"n_components": 2}, {"covariance_type": "diag"}):
        with pytest.raises(ValueError, match=f"{next(iter(argument))} must be"):
            latent(**argument).fit(holes)
    with pytest.raises(ValueError, match="block by block"):
        latent().fit(Blocks([whole[["cost", "score"]].to_numpy()] * 2))


def test_empty_columns_are_told():
    with pytest.warns(DataWarning, match="Nothing is observed"):
        latent().fit(pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [np.nan] * 3}))


# Parts


def test_a_repeated_number_is_an_interval_and_others_are_scores():
    x = np.r_[np.zeros(30), np.arange(1.0, 71.0)]
    margin = Margin.of(x, np.ones(100))
    low, high = margin.intervals(np.array([0.0, 5.0]))
    assert_allclose([low[0], high[0]], [-np.inf, ndtri(0.3)])
    assert np.isnan([low[1], high[1]]).all()
    assert_allclose(margin.quantiles(margin.scores(x)), x)
    assert_array_equal(margin.quantiles(np.linspace(-8, ndtri(0.3) - 1e-9, 5)), 0.0)
    assert_allclose(margin.within(-np.inf, np.inf), [-np.inf, np.inf])
    assert_allclose(margin.within(0.0, 0.0), [-np.inf, ndtri(0.3)])
    z = np.random.default_rng(0).standard_normal((200_000, 1))
    mean = margin.expect(np.array([0.3]), np.array([0.8]))
    assert_allclose(mean, margin.quantiles(0.3 + 0.8 * z).mean(), rtol=0.02)


def test_chances_of_rows_are_uniform_and_their_own():
    cells = np.random.default_rng(0).standard_normal((3, 5000))
    first, second = RowChances(cells)((4, 5000)), RowChances(cells[:, 10:20])((4, 10))
    assert_array_equal(first[:, 10:20], second)
    assert_allclose(np.sort(first.ravel()), (np.arange(first.size) + 0.5) / first.size, atol=0.02)
    assert np.abs(np.corrcoef(first)[np.triu_indices(4, 1)]).max() < 0.06
    chances = RowChances(np.zeros((1, 1)))
    assert len({float(chances((1, 1))[0, 0]) for _ in range(100)}) == 100


def test_mirrored_chances_are_those_drawn_turned_round():
    drawn = Mirrored(RowChances(np.arange(12.0).reshape(3, 4)))
    first, second = drawn((3, 4)), drawn((2, 4))
    mirror = drawn.mirror()
    assert_array_equal(mirror((3, 4)), 1.0 - first)
    assert_array_equal(mirror((2, 4)), 1.0 - second)


def test_means_of_cells_are_exact_but_for_less_than_independent_moves_leave():
    """Of a number that hangs on one binary cell; rows differ in a column of no use to it."""
    n, r = 600, 0.8
    rng = np.random.default_rng(0)
    X = np.column_stack([np.arange(n) % 2, rng.normal(size=n), rng.normal(size=n)])
    columns = LatentColumns.of(X, np.ones(n), [2, 0, 0], [True, False, False], 30)
    binary, number = columns.ordinals[0].at, columns.numbers[0]
    S = np.eye(3)
    S[binary, number.at] = S[number.at, binary] = r
    X[:, 1] = np.nan
    means = expect(columns, LatentParams(np.zeros(3), S), X)[0][:, 1]
    z = ndtri((np.arange(4000) + 0.5) / 8000)  # of the lower half
    of_cell = np.array([number.margin.expect(r * v, np.full(4000, 0.6)) for v in (z, -z)])
    for level in (0, 1):
        found, of_moves = means[X[:, 0] == level], of_cell[level].std() / np.sqrt(2 * MOVES)
        assert abs(found.mean() - of_cell[level].mean()) < 4.0 * of_moves / np.sqrt(n / 2)
        assert found.std() < of_moves


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.floats(0.0, 0.9), st.integers(0, 10_000))
def test_incomplete_rows_are_those_of_the_textbook(d, share, seed):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((d, d))
    S = root @ root.T + 0.1 * np.eye(d)
    X = rng.standard_normal((40, d))
    X[rng.random(X.shape) < share] = np.nan
    order, found = patterns(X)
    assert_array_equal(np.sort(order), np.arange(40))
    z, weights, total = X[order].T, rng.random(40), np.zeros((d, d))
    expected, variances, spread = np.nan_to_num(z), np.zeros(z.shape), np.zeros((d, d))
    for pattern in found:
        at, part = pattern.at(np.linalg.inv(S)), pattern.part
        expected[:, part] = at.expect(expected[:, part])
        variances[:, part] = at.variances()
        spread += at.spread(weights[part])
    for i in range(40):
        m, o = np.isnan(z[:, i]), ~np.isnan(z[:, i])
        slope = np.linalg.solve(S[np.ix_(o, o)], S[np.ix_(o, m)]).T
        C = S[np.ix_(m, m)] - slope @ S[np.ix_(o, m)]
        assert_allclose(expected[m, i], slope @ z[o, i], atol=1e-8)
        assert_allclose(variances[m, i], np.diag(C), atol=1e-8)
        total[np.ix_(m, m)] += weights[i] * C
    assert_allclose(spread, total, atol=1e-8)


@pytest.mark.parametrize("balanced", [False, True])
def test_moves_of_the_chain_leave_the_normal_as_it_is(balanced):
    rng = np.random.default_rng(0)
    n, S = 4000, np.array([[1.0, 0.6, 0.3], [0.6, 1.0, -0.2], [0.3, -0.2, 1.0]])
    z = rng.multivariate_normal([0.2, 0.0, -0.1], S, n)
    of = [z[:, 0] > 0.0, np.digitize(z[:, 1], [-0.5, 0.5]), z[:, 2] > 0.3]
    X = np.column_stack(of).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    columns = LatentColumns.of(X, np.ones(n), [2, 3, 2], [False, True, False], 30)
    # Cuts where the cells were cut: then draws are of the normal that made them.
    cuts = ([0.0], [-0.5, 0.5], [0.3])
    ordinals = tuple(
        o._replace(cuts=np.r_[-np.inf, c, np.inf])
        for o, c in zip(columns.ordinals, cuts, strict=True)
    )
    data = LatentRows.of(columns._replace(ordinals=ordinals), X)
    normal = Normal.of(LatentParams(np.array([0.2, 0.0, -0.1]), S), data)
    chances, at = as_chances(rng), z[data.order].T
    total = np.zeros((3, 3))
    for _ in range(40):
        at = sweep(data, normal, at, chances, balanced=balanced).drawn
        total += np.cov(at) / 40
    assert_allclose(total, S, atol=0.06)
    assert_allclose(at.mean(axis=1), [0.2, 0.0, -0.1], atol=0.06)


def test_the_model_keeps_its_contract():
    _, holes = mixed(80)
    X = np.column_stack([holes["cost"], holes["score"], holes["colour"].cat.codes]).astype(float)
    X[X[:, 2] < 0, 2] = np.nan
    columns = LatentColumns.of(X, np.ones(len(X)), [0, 0, 3], [False] * 3, 30)
    check_model(LatentNormal(columns, 0.01), LatentRows.of(columns, X), split=None)


def test_moments_by_mehler_are_those_of_draws():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.exponential(size=300), np.maximum(rng.standard_normal(300), 0.0)])
    columns = LatentColumns.of(X, np.ones(300), [0, 0], [False, False], 30)
    params = LatentParams(np.array([0.2, -0.1]), np.array([[1.2, 0.6], [0.6, 0.9]]))
    z = rng.multivariate_normal(*params, 400_000)
    drawn = np.stack([c.margin.quantiles(z[:, c.at]) for c in columns.numbers])
    mean, covariance = moments(columns, params)
    assert_allclose(mean, drawn.mean(axis=1), atol=0.01)
    assert_allclose(covariance, np.cov(drawn), atol=0.02)


def test_scores_are_of_the_middle_of_a_rank():
    assert_allclose(Margin.of(np.arange(5.0), np.ones(5)).score, norm.ppf((np.arange(5) + 0.5) / 5))
