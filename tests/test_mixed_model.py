"""Classes with local dependence: independent answers, identities, and laws of every fit."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from emkit import EMImputer
from emkit.engine import Tempered, check_model, fit_em, soft
from emkit.models.mixed import binding
from emkit.models.mixed.answers import draw, expect, score_samples
from emkit.models.mixed.completions import combine, group_slots, pairs_of, places_of, sum_levels
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixed.rows import CodedRows, Levels
from emkit.models.mixed.starts import draw_start
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.numerics.covariance import NAMES, STRUCTURES

EXACT = {"shrinkage": 0.0, "tol": 1e-12, "max_iter": 10_000}


@pytest.fixture(scope="module")
def cases(golden):
    return golden("mixed_tables.json")["golden"]


def categories(rows, levels):
    """A frame of categories from rows of digits, '.' where missing."""
    columns = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            f"c{j}": pd.Categorical.from_codes(
                [-1 if digit == "." else int(digit) for digit in column],
                [f"level {i}" for i in range(n)],
            )
            for j, (column, n) in enumerate(zip(columns, levels, strict=True))
        }
    )


def coded(
    X,
    codes,
    n_classes,
    n_levels,
    *,
    moves=True,
    structure="full",
    ridge=0.0,
    prior=0.0,
    weights=None,
):
    """A model, and rows as it takes them."""
    data = CodedRows(X, codes, weights)
    normal = None
    if X.shape[1]:
        scaling = data.scaling()
        scaling = scaling._replace(scale=STRUCTURES[structure].common_scale(scaling.scale))
        total = data.total_weight
        normal = GaussianMixtureModel(
            STRUCTURES[structure],
            scaling,
            prior * np.ones(X.shape[1]) / total,
            total,
            strength=prior / total,
            incomplete=data.incomplete,
        )
    shares = []
    for j, n in enumerate(n_levels):
        counts = np.bincount(codes[:, j] + 1, weights, n + 1)[1:] + (0.5 if prior else 0.0)
        shares.append(counts / counts.sum())
    levels = Levels(tuple(n_levels), (moves and X.shape[1] > 0,) * len(n_levels))
    model = LocalDependence(
        normal, n_classes, levels, shares, pseudo_counts=prior, ridge=ridge, draw_start=draw_start
    )
    return model, data


def split(rows, n_numbers):
    rows = np.array([[np.nan if cell is None else cell for cell in row] for row in rows], float)
    codes = np.where(np.isnan(rows), -1, rows)[:, n_numbers:].astype(int)
    return rows[:, :n_numbers], codes


# Independent answers


@pytest.mark.parametrize("case", [0, 1])
def test_latent_classes_reach_the_best_known_likelihood(cases, case):
    table = cases["lca"]
    frame = categories(table["rows"], table["levels"])
    case = table["cases"][case]
    imputer = EMImputer(case["K"], n_init=20, random_state=0, **EXACT).fit(frame)
    assert_allclose(imputer.log_likelihood_, case["log_likelihood"], atol=table["tolerance"])


def test_latent_classes_step_as_others_do(cases):
    table = cases["lca"]
    start = table["from_start"]
    frame = categories(table["rows"], table["levels"])
    codes = np.column_stack([frame[c].cat.codes for c in frame]).astype(int)
    model, data = coded(np.empty((len(codes), 0)), codes, 2, table["levels"])
    rows = [
        np.concatenate([(w := np.linspace(low, 3 - low, n)) / w.sum() for n in table["levels"]])
        for low in (1, 2)
    ]
    nothing = np.zeros((2, 0))
    params = LocalParams(
        np.array(start["weights"]), nothing, nothing, np.zeros((0, 0)), np.array(rows)
    )
    for n_steps, expected in start["log_likelihood_after_steps"].items():
        result = _steps(model, data, params, int(n_steps))
        assert_allclose(result, expected, atol=start["tolerance"])


def _steps(model, data, params, n_steps):
    for _ in range(n_steps):
        params = model.m_step(model.e_step(data, params)[0], params)
    return model.e_step(data, params)[1]


@pytest.mark.parametrize("case", [0, 1])
def test_as_many_classes_as_levels_are_the_saturated_table(cases, case):
    table = cases["saturated"]
    case = table["cases"][case]
    rows = [pattern for pattern, n in case["counts"].items() for _ in range(n)]
    frame, K = categories(rows, case["levels"]), max(case["levels"])
    imputer = EMImputer(K, n_init=20, random_state=0, **EXACT).fit(frame)
    assert_allclose(imputer.log_likelihood_, case["log_likelihood"], atol=table["tolerance"])
    first, second = imputer.tables_.values()
    together = np.einsum("k,ki,kj->ij", imputer.weights_, first, second)
    assert_allclose(together.ravel(), case["probabilities"], atol=2e-4)


def test_two_classes_of_numbers_and_categories(cases):
    case = cases["two_classes"]
    model, data = coded(*split(case["rows"], 2), 2, [3, 2], moves=False)
    result = fit_em(model, data, n_init=3, random_state=0, tol=1e-10)
    assert_allclose(result.log_likelihood, case["log_likelihood"], atol=1e-5)
    order = np.argsort(-result.params.weights)
    shift, scale = model.normal.units
    assert_allclose(result.params.weights[order], case["weights"], atol=1e-3)
    assert_allclose((result.params.means * scale + shift)[order], case["means"], atol=1e-3)
    tables = np.hstack(case["tables"])
    assert_allclose(result.params.tables[order], tables, atol=1e-3)


def test_the_location_model_with_every_kind_of_cell_missing(cases):
    case = cases["location"]
    X, codes = split(case["rows"], 1)
    frame = pd.DataFrame({"x": X[:, 0]})
    frame["a"] = pd.Categorical.from_codes(codes[:, 0], ["no", "yes"])
    frame["c"] = pd.Categorical.from_codes(codes[:, 1], ["one", "two", "three"])
    imputer = EMImputer(**EXACT).fit(frame)
    assert_allclose(imputer.log_likelihood_, case["log_likelihood"], atol=1e-5)
    assert_allclose(imputer.tables_["a"][0], case["p_a"], atol=1e-3)
    assert_allclose(imputer.tables_["c"][0], case["p_c"], atol=1e-3)
    a, c = imputer.effects_["a"][:, 0], imputer.effects_["c"][:, 0]
    assert_allclose(a[1] - a[0], case["effect_a"], atol=1e-3)
    assert_allclose(c[1:] - c[0], case["effects_c"], atol=1e-3)
    assert_allclose(np.sqrt(imputer.covariances_.item()), case["sd"], atol=1e-3)
    mean = case["intercept"] + case["effect_a"] * case["p_a"][1]
    mean += np.dot(case["effects_c"], case["p_c"][1:])
    assert_allclose(imputer.location_, mean, atol=1e-3)


# Identities


def test_one_class_of_one_category_is_linear_discriminant_analysis():
    X, y = load_iris(return_X_y=True)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(
        species=pd.Categorical.from_codes(y, list("xyz"))
    )
    imputer = EMImputer(**EXACT).fit(frame)
    unknown = frame.assign(species=pd.Categorical([None] * len(y), categories=list("xyz")))
    expected = LinearDiscriminantAnalysis(solver="lsqr").fit(X, y).predict_proba(X)
    assert_allclose(imputer.impute_proba(unknown)["species"], expected, atol=1e-7)


def test_a_category_that_moves_nothing_leaves_the_normal_as_it_is():
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 1, 2], np.eye(3) + 0.5, 60)
    both = np.vstack([X, X])  # every level has the same rows
    frame = pd.DataFrame(both, columns=list("abc")).assign(level=np.repeat(["u", "v"], 60))
    alone = EMImputer(**EXACT).fit(both)
    with_level = EMImputer(**EXACT).fit(frame)
    assert_allclose(with_level.location_, alone.location_, atol=1e-8)
    assert_allclose(with_level.covariance_, alone.covariance_, atol=1e-8)
    assert_allclose(with_level.effects_["level"], 0.0, atol=1e-8)
    assert_allclose(
        with_level.log_likelihood_, alone.log_likelihood_ + 120 * np.log(0.5), rtol=1e-10
    )


# Laws


@st.composite
def tables(draw_from):
    """A model and rows of random kinds, levels, holes and weights."""
    rng = np.random.default_rng(draw_from(st.integers(0, 10**6)))
    n, p = draw_from(st.integers(8, 60)), draw_from(st.integers(0, 3))
    n_levels = draw_from(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    structure = draw_from(st.sampled_from(["full", "tied", "EEI", "diag", "spherical", "EEV"]))
    z = rng.integers(0, 3, n)
    X = rng.normal(size=(n, p)) + rng.normal(0.0, 3.0, (3, p))[z]
    codes = np.column_stack(
        [(rng.integers(0, m, n) + z * rng.integers(0, 2)) % m for m in n_levels]
    )
    holes = draw_from(st.sampled_from([0.0, 0.2, 0.5]))
    X[rng.random(X.shape) < holes] = np.nan
    codes[rng.random(codes.shape) < holes] = -1
    X[:2] = rng.normal(size=(2, p))
    weights = rng.exponential(size=n) + 0.01 if draw_from(st.booleans()) else None
    model, data = coded(
        X,
        codes,
        draw_from(st.integers(1, 3)),
        n_levels,
        structure=structure,
        ridge=1.0,
        prior=1.0,
        weights=weights,
    )
    return model, data, rng


@pytest.mark.filterwarnings("ignore::emkit.exceptions.NotConvergedWarning")
@given(tables())
@settings(max_examples=40)
def test_the_objective_never_falls(case):
    model, data, _ = case
    for acceleration in (None, "anderson"):
        result = fit_em(
            model, data, random_state=0, max_iter=30, tol=0.0, acceleration=acceleration
        )
        fall = -np.diff(result.history).min(initial=0.0)
        assert fall <= 1e-9 * np.abs(result.history).max()


@given(tables())
@settings(max_examples=15)
def test_it_keeps_the_contract_of_the_engine(case):
    model, data, _ = case
    if model.normal is None or model.normal.structure.closed:
        check_model(model, data)


@given(tables())
@settings(max_examples=25)
def test_answers_are_of_the_order_of_rows_and_sum_to_one(case):
    model, data, rng = case
    params = draw_start(model, data, rng)
    numbers, proba = expect(model, data, params)
    order = rng.permutation(len(data))
    permuted, of_permuted = expect(model, data.take(order), params)
    assert_allclose(permuted, numbers[order], rtol=1e-9, atol=1e-9)
    for p, q in zip(proba, of_permuted, strict=True):
        assert_allclose(p.sum(axis=1), 1.0)
        assert_allclose(q, p[order], rtol=1e-9, atol=1e-12)
    assert np.isfinite(numbers).all()


@given(tables())
@settings(max_examples=25)
def test_the_likelihood_is_the_sum_over_what_may_be_missing(case):
    """Of a row without one of its categories: the sum of those of its completions."""
    model, data, rng = case
    params = draw_start(model, data, rng)
    params = params._replace(effects=rng.normal(size=params.effects.shape))
    row = data.take(np.arange(1))
    n_levels = model.levels.n_levels
    missing = np.flatnonzero(row.codes[0] < 0)
    completions = []
    for levels in product(*(range(n_levels[j]) for j in missing)):
        codes = row.codes.copy()
        codes[0, missing] = levels
        completions.append(score_samples(model, CodedRows(row.X, codes), params)[0])
    expected = np.logaddexp.reduce(completions)
    assert_allclose(score_samples(model, row, params)[0], expected, rtol=1e-9, atol=1e-13)


class ByRow(LocalDependence):
    """Its E-step takes every combination as a row, as it does where squares cannot be completed."""

    def bind(self, params):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(binding, "FEATURE_ERROR", 0.0)
            return super().bind(params)


class ByClass(LocalDependence):
    """Its E-step takes class after class, as it does where they are too far apart to be levels."""

    def bind(self, params):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(binding.Bound, "_bind_classes", lambda bound: None)
            return super().bind(params)


@pytest.mark.parametrize("other", [ByRow, ByClass])
@given(tables(), st.sampled_from([1, 4, 64]), st.sampled_from([soft, Tempered(0.5)]))
@settings(max_examples=60)
def test_ways_of_the_e_step_agree(other, case, most, posterior):
    model, data, rng = case
    levels = replace(model.levels, most=most)
    arguments = model.normal, model.n_classes, levels, model.shares
    by_level, by_other = LocalDependence(*arguments), other(*arguments)
    params = draw_start(model, data, rng)
    params = params._replace(effects=rng.normal(size=params.effects.shape))
    if model.normal is not None:
        shared = model.normal.layout.shared and model.n_classes > 1
        assert by_level.bind(params).n_class_levels == (model.n_classes if shared else 0)
        assert by_other.bind(params).n_class_levels == 0
        assert by_other.bind(params).by_terms == (other is ByClass)
    stats, objective = by_level.e_step(data, params, posterior)
    expected, of_rows = by_other.e_step(data, params, posterior)
    assert_allclose(objective, of_rows, rtol=1e-10)
    for name, value in stats._asdict().items():
        size = max(np.abs(getattr(expected, name)).max(initial=0.0), 1.0)
        assert_allclose(value, getattr(expected, name), rtol=0.0, atol=1e-9 * size, err_msg=name)
    numbers, proba = expect(by_level, data, params)
    of_rows = expect(by_other, data, params)
    assert_allclose(numbers, of_rows[0], rtol=1e-8, atol=1e-9)
    for one, other_one in zip(proba, of_rows[1], strict=True):
        assert_allclose(one, other_one, rtol=1e-8, atol=1e-9)
    drawn = [draw(of, data, params, np.random.default_rng(0)) for of in (by_level, by_other)]
    assert_allclose(drawn[0][0], drawn[1][0], rtol=1e-8, atol=1e-8)
    assert (drawn[0][1] == drawn[1][1]).all()


def test_classes_that_share_a_covariance_may_be_far_apart():
    """Ten million standard deviations: as levels their squares would be rounding."""
    rng = np.random.default_rng(0)
    z, codes = np.arange(80) % 2, rng.integers(0, 3, (80, 2))
    X = rng.normal(size=(80, 2)) + 1e7 * z[:, None] + np.array([0.0, 2.0, 4.0])[codes[:, :1]]
    X[::5, 0] = np.nan
    codes[::4, 0] = codes[::7, 1] = -1
    model, data = coded(X, codes, 2, [3, 3], structure="tied", ridge=1.0)
    result = fit_em(model, data, random_state=0, tol=1e-8)
    bound = model.bind(result.params)
    assert bound.by_terms and bound.n_class_levels == 0
    means = np.sort(model.normal.units.scale * result.params.means, axis=0)
    assert_allclose(np.diff(means, axis=0), 1e7, rtol=1e-6)
    fall = -np.diff(result.history).min(initial=0.0)
    assert fall <= 1e-9 * np.abs(result.history).max()


@given(st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=1, max_size=7))
@settings(max_examples=40)
def test_groups_have_room_for_what_their_rows_miss(seed, n_levels):
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, np.maximum(n_levels, 1), (rng.integers(1, 300), len(n_levels)))
    levels = Levels(tuple(n_levels), tuple(rng.random(len(n_levels)) < 0.8), 24)
    summed, room = levels.summed(codes), np.append(n_levels, 1)
    groups = group_slots(codes, levels)
    assert_allclose(np.sort(np.concatenate([rows for rows, _ in groups])), np.arange(len(codes)))
    for rows, slots in groups:
        assert (room[slots.columns] <= np.array(slots.sizes)[:, None]).all()
        for i, columns in zip(rows, slots.columns.T, strict=True):
            assert sorted(columns[columns >= 0]) == np.flatnonzero(summed[i]).tolist()
            assert room[columns].prod() <= levels.most
        moving = np.array(levels.moves)
        left_out = ((codes[rows] < 0) & ~summed[rows])[:, moving]
        assert (left_out == (0.0 if slots.left_out is None else slots.left_out)).all()


@pytest.mark.parametrize("sizes", [(3,), (4, 2), (3, 2, 2), (2, 2, 2, 2), (2, 3, 1, 2, 2)])
def test_sums_over_combinations_have_the_terms_of_their_levels(sizes):
    rng = np.random.default_rng(0)
    K, n, places, of_two = 2, 5, places_of(sizes), pairs_of(sizes)
    base, single = rng.normal(size=(K, n)), rng.normal(size=(K, sum(sizes), n))
    pairs = [rng.normal(size=(K, sizes[s], sizes[t], n)) for s, t in of_two]
    given = base.copy(), single.copy(), [of.copy() for of in pairs]
    total = combine(sizes, base, single, pairs)
    of_level, of_pair = sum_levels(sizes, total)
    assert_allclose(base, given[0])
    assert_allclose(single, given[1])
    for now, before in zip(pairs, given[2], strict=True):
        assert_allclose(now, before)
    combinations = list(product(*map(range, sizes)))
    for m, levels in enumerate(combinations):
        expected = base.copy()
        for place, level in zip(places, levels, strict=True):
            expected += single[:, place][:, level]
        for of, (s, t) in zip(pairs, of_two, strict=True):
            expected += of[:, levels[s], levels[t]]
        assert_allclose(total[:, m], expected)
    which = np.array(combinations)
    for s, place in enumerate(places):
        for level in range(sizes[s]):
            mine = total[:, which[:, s] == level].sum(axis=1)
            assert_allclose(of_level[:, place][:, level], mine, atol=1e-12)
    for (s, t), of in zip(of_two, of_pair, strict=True):
        for i, j in product(range(sizes[s]), range(sizes[t])):
            mine = total[:, (which[:, s] == i) & (which[:, t] == j)].sum(axis=1)
            assert_allclose(of[:, i, j], mine, atol=1e-12)


def test_a_category_that_tells_a_number_to_the_last_digit_is_taken_row_by_row():
    """Effects of a million standard deviations: squares that are completed would be rounding."""
    rng = np.random.default_rng(0)
    codes = np.column_stack([np.arange(60) % 3, np.arange(60) // 3 % 2])
    X = (1e6 * codes[:, :1] + codes[:, 1:] + rng.normal(size=(60, 1))) * [1.0, -1.0]
    X[:, 1] += rng.normal(size=60)
    hidden = codes.copy()
    hidden[::4, 0] = hidden[::3, 1] = -1
    model, data = coded(X, hidden, 1, [3, 2])
    result = fit_em(model, data, random_state=0, tol=1e-8)
    assert not model.bind(result.params).by_terms
    proba = expect(model, data, result.params)[1][0]
    assert_allclose(proba[np.arange(60), codes[:, 0]], 1.0)
    fall = -np.diff(result.history).min(initial=0.0)
    assert fall <= 1e-9 * np.abs(result.history).max()


def test_draws_have_the_probabilities_and_moments_that_are_told():
    rng = np.random.default_rng(1)
    X, codes = rng.normal(size=(4, 2)), rng.integers(0, 3, (4, 2))
    X[0, 0] = X[1] = X[2, 1] = np.nan
    codes[0, 0] = codes[1] = codes[3] = -1
    many = CodedRows(np.repeat(X, 20_000, axis=0), np.repeat(codes, 20_000, axis=0))
    model, _ = coded(
        np.vstack([X[3:], X[3:] + 1]), np.array([[0, 1], [2, 2]]), 2, [3, 3], prior=1.0
    )
    params = draw_start(
        model, CodedRows(np.vstack([X[3:], X[3:] + 1]), np.array([[0, 1], [2, 2]])), rng
    )
    params = params._replace(effects=rng.normal(size=params.effects.shape))
    numbers, proba = expect(model, CodedRows(X, codes), params)
    drawn, levels = draw(model, many, params, rng)
    assert_allclose(drawn.reshape(4, -1, 2).mean(axis=1), numbers, atol=0.05)
    for j, p in enumerate(proba):
        shares = (levels[:, j].reshape(4, -1)[..., None] == np.arange(3)).mean(axis=1)
        assert_allclose(shares, p, atol=0.02)


@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.parametrize("n_components", [1, 2])
def test_every_structure_goes_with_categories(covariance_type, n_components):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({
        "x": rng.normal(size=80), "y": rng.normal(size=80),
        "g": rng.choice(["a", "b", "c"], 80), "h": rng.choice(["u", "v"], 80),
    })  # fmt: skip
    holes = frame.mask(rng.random(frame.shape) < 0.15)
    imputer = EMImputer(n_components, covariance_type=covariance_type, random_state=0)
    filled = imputer.fit_transform(holes)
    assert not filled.isna().any(axis=None)
    assert (np.diff(imputer.history_) > -1e-9 * np.abs(imputer.history_).max()).all()


# Starts


@pytest.mark.parametrize("n_levels", [31, 1000])
def test_starts_do_not_look_at_columns_of_many_levels(n_levels):
    rng = np.random.default_rng(0)
    z = rng.integers(3, size=300)
    X, few = rng.normal(size=(300, 2)) + 2.0 * z[:, None], z[:, None] % 2
    many = rng.integers(n_levels, size=(300, 1))
    beside = coded(X, np.hstack([few, many]), 3, [2, n_levels], prior=1.0)
    alone = coded(X, few, 3, [2], prior=1.0)
    for seed in range(3):
        got, expected = (
            draw_start(model, data, np.random.default_rng(seed)) for model, data in (beside, alone)
        )
        np.testing.assert_array_equal(got.means, expected.means)
        np.testing.assert_array_equal(got.weights, expected.weights)


def test_classes_of_columns_of_many_levels_alone_are_found():
    rng = np.random.default_rng(0)
    z = rng.integers(2, size=2000)
    codes = np.column_stack([rng.integers(20, size=2000) + 20 * z for _ in range(3)])
    model, data = coded(np.empty((2000, 0)), codes, 2, [40] * 3, prior=1.0)
    params = fit_em(model, data, n_init=5, random_state=0).params
    of_first = params.tables[:, :20].sum(axis=1)
    np.testing.assert_allclose(np.sort(of_first), [0.0, 1.0], atol=0.01)


# Rows of a category as reference


def test_the_first_level_of_a_column_is_no_other_than_the_rest():
    """Levels numbered otherwise are the same model: likelihood, and a step, are those of before."""
    rng = np.random.default_rng(0)
    n, n_levels = 400, [2, 3, 5]
    codes = np.column_stack([rng.integers(m, size=n) for m in n_levels])
    X = rng.normal(size=(n, 3)) + codes[:, :1] - 2.0 * (codes[:, 2:] == 4)
    X[rng.random(X.shape) < 0.2] = np.nan
    codes[rng.random(codes.shape) < 0.3] = -1
    turned = np.where(codes < 0, -1, np.array(n_levels) - 1 - codes)
    for structure in ("full", "tied", "diag"):
        fits = []
        for levels in (codes, turned):
            model, data = coded(X, levels, 1, n_levels, structure=structure, ridge=1.0, prior=1.0)
            result = fit_em(model, data, random_state=0, max_iter=500)
            effects = model.design.effects(result.params.effects)
            fits.append((result, effects))
        (one, effects), (other, back) = fits
        np.testing.assert_allclose(one.history[:20], other.history[:20], rtol=1e-11)
        for j in effects:
            np.testing.assert_allclose(effects[j], back[j][::-1], atol=1e-7)
