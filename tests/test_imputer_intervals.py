"""EMImputer on tables with cells known to an interval: limits, text, intervals, logarithms."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from emkit import EMCensoredRegressor, EMImputer
from emkit.exceptions import DataWarning

few = settings(max_examples=10, deadline=None, derandomize=True)
NAMES, LOW, HIGH = ["lead", "zinc", "iron"], 0.5, 4.0
RNG = np.random.default_rng(0)
COMPLETE = np.exp(RNG.multivariate_normal(np.zeros(3), 0.4 * np.eye(3) + 0.6, 120))
MISSING = RNG.random(COMPLETE.shape) < 0.1
#: Lead has a lower limit, zinc an upper one, iron none.
NUMBERS = np.where(MISSING, np.nan, COMPLETE)
FRAME = pd.DataFrame(NUMBERS, columns=NAMES)
LIMITS = {"lower_limits": {"lead": LOW}, "upper_limits": {"zinc": HIGH}}
BELOW, ABOVE = NUMBERS[:, 0] <= LOW, NUMBERS[:, 1] >= HIGH
WITHIN = np.column_stack([BELOW, ABOVE, np.zeros(120, dtype=bool)])
HOLES = np.isnan(NUMBERS)


def imputer(*args, **arguments):
    return EMImputer(*args, random_state=0, **arguments)


def texts(name, limited, limit, number="{0!r}"):
    """A column of numbers as text, with a limit in some of the cells."""
    return [
        None if np.isnan(v) else limit if cut else number.format(v)
        for v, cut in zip(FRAME[name].tolist(), limited, strict=True)
    ]


def as_text():
    """The table as a laboratory reports it."""
    return FRAME.assign(lead=texts("lead", BELOW, "<0.5"), zinc=texts("zinc", ABOVE, "> 4"))


def as_intervals():
    lead = np.stack([np.where(BELOW, -np.inf, FRAME.lead), np.where(BELOW, LOW, FRAME.lead)])
    zinc = np.stack([FRAME.zinc.clip(upper=HIGH), np.where(ABOVE, np.inf, FRAME.zinc)])
    return FRAME.assign(
        lead=pd.arrays.IntervalArray.from_arrays(*lead, closed="both"),
        zinc=pd.arrays.IntervalArray.from_arrays(*zinc, closed="both"),
    )


def as_ranges():
    return as_text().assign(lead=texts("lead", BELOW, "-inf..0.5", "{0!r}..{0!r}"))


TEXT = as_text()
TABLES = {
    "text": TEXT,
    "string": TEXT.astype({"lead": "string", "zinc": "string"}),
    "ranges": as_ranges(),
    "intervals": as_intervals(),
    "polars": pl.DataFrame({name: TEXT[name].tolist() for name in NAMES}, strict=False),
    "objects": TEXT.to_numpy(object),
    "rows": TEXT.to_numpy(object).tolist(),
}
BY_LIMITS = imputer(**LIMITS).fit(FRAME)
FILLED = BY_LIMITS.transform(FRAME)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_however_a_table_says_it_the_fit_is_the_same(table):
    fitted = imputer().fit(table)
    assert_array_equal(fitted.means_, BY_LIMITS.means_)
    assert_array_equal(fitted.covariances_, BY_LIMITS.covariances_)
    assert_array_equal(fitted.transform(table), FILLED)
    assert_array_equal(fitted.score_samples(table), BY_LIMITS.score_samples(FRAME))
    assert_array_equal(fitted.limited_fraction_, WITHIN.mean(axis=0))
    assert_array_equal(fitted.missing_fraction_, HOLES.mean(axis=0))


def test_limits_by_place_and_by_number():
    by_place = imputer(lower_limits=[LOW, np.nan, -np.inf], upper_limits=[np.inf, HIGH, None])
    assert_array_equal(by_place.fit_transform(NUMBERS), FILLED)
    by_place.fit(FRAME)
    assert_array_equal(by_place.transform(FRAME), FILLED)
    everywhere = imputer(lower_limits=0.2).fit(NUMBERS)
    assert_array_equal(everywhere.limited_fraction_, (NUMBERS <= 0.2).mean(axis=0))


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("log", [None, True, ["iron", "lead"], [False, True, False]])
@pytest.mark.parametrize("n_components", [1, 2])
def test_cells_are_filled_within_and_numbers_stay(draws, log, n_components):
    out = imputer(n_components, log=log, sample_posterior=draws, **LIMITS).fit_transform(FRAME)
    assert (out[BELOW, 0] <= LOW).all()
    assert (out[ABOVE, 1] >= HIGH).all()
    assert_array_equal(out[~HOLES & ~WITHIN], NUMBERS[~HOLES & ~WITHIN])
    assert np.isfinite(out).all()
    if log is True:
        assert (out > 0.0).all()


@few
@given(st.integers(0, 100), st.booleans())
def test_a_range_of_what_is_imputed_holds_within_the_interval(seed, draws):
    rng = np.random.default_rng(seed)
    X = rng.multivariate_normal([1.0, 1.0], [[1.0, 0.8], [0.8, 1.0]], 60)
    X[rng.random(X.shape) < 0.1] = np.nan
    limits = {"lower_limits": [0.7, np.nan], "min_value": 0.2, "max_value": 1.5}
    out = imputer(sample_posterior=draws, **limits).fit_transform(X)
    below, holes = X[:, 0] <= 0.7, np.isnan(X)
    assert (out[below, 0] <= 0.7).all()
    assert (out[below, 0] >= 0.2).all()
    assert (out[holes] >= 0.2).all()
    assert (out[holes] <= 1.5).all()


def test_a_limit_that_no_cell_reaches_changes_nothing():
    plain, with_limits = imputer().fit(FRAME), imputer(lower_limits=-1.0, upper_limits=1e6)
    with_limits.fit(FRAME)
    assert_array_equal(with_limits.history_, plain.history_)
    assert_array_equal(with_limits.transform(FRAME), plain.transform(FRAME))
    assert_array_equal(with_limits.score_samples(FRAME), plain.score_samples(FRAME))


def test_a_point_is_a_number_and_the_whole_line_is_missing():
    point = FRAME.assign(lead=[f"{v!r}..{v!r}" for v in FRAME.lead.fillna(1.0).tolist()])
    point.loc[HOLES[:, 0], "lead"] = "-inf..inf"
    plain = imputer().fit(FRAME)
    ranged = imputer().fit(point)
    assert_array_equal(ranged.history_, plain.history_)
    assert_array_equal(ranged.transform(point), plain.transform(FRAME))
    assert_array_equal(ranged.missing_fraction_, plain.missing_fraction_)


@pytest.mark.parametrize("weight", [2, 3])
def test_weights_are_frequencies(weight):
    weights = np.where(np.arange(120) % 2, weight, 0)
    repeated = NUMBERS[np.repeat(np.arange(120), weights)]
    limits = {"lower_limits": [LOW, -1, -1], "upper_limits": [np.inf, HIGH, np.inf]}
    weighed = imputer(**limits).fit(NUMBERS, sample_weight=weights)
    stacked = imputer(**limits).fit(repeated)
    assert_allclose(weighed.means_, stacked.means_, rtol=1e-6)
    assert_allclose(weighed.limited_fraction_, stacked.limited_fraction_)
    assert_allclose(weighed.log_likelihood_, stacked.log_likelihood_, rtol=1e-8)


# Cells that stay


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_with_impute_limits_false_cells_come_back_as_they_were_given(table):
    out = imputer(impute_limits=False).fit_transform(table)
    before = np.array(table, dtype=object)
    after = np.asarray(out, dtype=object)
    assert_array_equal(after[~HOLES], before[~HOLES])
    assert_allclose(after[HOLES].astype(float), FILLED[HOLES])
    if not isinstance(table, np.ndarray | list):
        assert type(out) is type(table)
        assert list(out.columns) == NAMES


def test_numbers_at_limits_come_back_as_they_were_given():
    fitted = imputer(impute_limits=False, add_indicator=True, **LIMITS).fit(FRAME)
    out = fitted.transform(FRAME)
    assert_array_equal(out[:, :3], np.where(HOLES, FILLED, NUMBERS))
    assert_array_equal(out[:, 3:], HOLES)
    named = fitted.set_output(transform="pandas").transform(FRAME)
    assert_array_equal(named, out)


def test_a_table_without_limits_comes_back_as_one_with_them_does():
    fitted = imputer(impute_limits=False).fit(TEXT)
    later = FRAME.astype({"lead": object}).iloc[:10]
    assert isinstance(fitted.transform(TEXT.iloc[:10]), pd.DataFrame)
    assert isinstance(fitted.transform(later), pd.DataFrame)


def test_the_indicator_is_of_missing_cells_alone():
    fitted = imputer(add_indicator=True, **LIMITS).fit(FRAME)
    out = fitted.transform(FRAME)
    assert_array_equal(out[:, 3:], HOLES)
    back = fitted.inverse_transform(out)
    assert_array_equal(np.isnan(back), HOLES)


# Logarithms


@pytest.mark.parametrize("with_limits", [False, True])
@pytest.mark.parametrize("n_components", [1, 2])
def test_log_is_the_model_of_the_logarithms(with_limits, n_components):
    limits = {"lower_limits": [LOW, -1, -1], "upper_limits": [np.inf, HIGH, np.inf]}
    in_logs = {"lower_limits": [np.log(LOW), -np.inf, -np.inf]}
    in_logs["upper_limits"] = [np.inf, np.log(HIGH), np.inf]
    if not with_limits:
        limits = in_logs = {}
    ours = imputer(n_components, log=True, **limits).fit(NUMBERS)
    logs = imputer(n_components, **in_logs).fit(np.log(NUMBERS))
    assert_array_equal(ours.means_, logs.means_)
    assert_allclose(ours.transform(NUMBERS), np.exp(logs.transform(np.log(NUMBERS))), rtol=1e-12)
    seen = np.where(WITHIN & with_limits, np.nan, NUMBERS)
    volumes = np.nansum(np.log(seen), axis=1)
    log_density = logs.score_samples(np.log(NUMBERS)) - volumes
    assert_allclose(ours.score_samples(NUMBERS), log_density, rtol=1e-10, atol=1e-10)
    assert_allclose(ours.log_likelihood_, logs.log_likelihood_ - volumes.sum())
    assert_allclose(ours.history_, logs.history_ - volumes.sum())
    assert_allclose(ours.runs_[0].objective, logs.runs_[0].objective - volumes.sum())
    assert_allclose(ours.score(NUMBERS) * 120, ours.log_likelihood_, rtol=1e-6)


def test_units_change_the_score_by_a_constant_alone():
    """The density of 1000 x is that of x, over 1000 in each number that was observed."""
    grams, milligrams = (
        imputer(log=True, lower_limits=[LOW * unit, -1, -1]).fit(NUMBERS * unit)
        for unit in (1.0, 1000.0)
    )
    n_seen = (~HOLES & (NUMBERS > [LOW, -1, -1])).sum()
    per = np.log(1000.0) * n_seen
    assert_allclose(milligrams.log_likelihood_, grams.log_likelihood_ - per, rtol=1e-6)
    assert_allclose(
        milligrams.transform(NUMBERS * 1000.0), 1000.0 * grams.transform(NUMBERS), rtol=1e-4
    )


def test_a_search_can_choose_between_scales():
    grid = {"log": [None, ["lead"], NAMES]}
    search = GridSearchCV(EMImputer(**LIMITS), grid, cv=3).fit(FRAME)
    assert search.best_params_ == {"log": NAMES}


def test_logarithms_beside_categories():
    table = FRAME.assign(word=np.where(FRAME.iron > 1.0, "much", "little"))
    out = imputer(log=True).fit_transform(table)
    assert (out[NAMES] > 0.0).all(axis=None)
    assert_array_equal(out[NAMES].to_numpy()[~HOLES], NUMBERS[~HOLES])
    with pytest.raises(ValueError, match="log names 'word', which is a column of categories"):
        imputer(log=["word"]).fit(table)


def test_constants_and_empty_columns_of_logarithms():
    table = FRAME.assign(two=2.0, none=np.nan)
    with pytest.warns(DataWarning, match="Nothing is observed in feature"):
        fitted = imputer(log=True, keep_empty_features=True).fit(table)
    assert_allclose(fitted.means_[0, 3:], [np.log(2.0), 0.0])
    out = fitted.transform(table.assign(two=np.nan))
    assert_array_equal(out[:, 3:], np.tile([2.0, 0.0], (120, 1)))


# Whole numbers


@pytest.mark.parametrize("draws", [False, True])
def test_whole_numbers_within_intervals(draws):
    counts = np.round(10.0 * NUMBERS[:, :2])
    limits = {"lower_limits": [6, np.nan], "discrete_features": [0, 1]}
    out = imputer(sample_posterior=draws, **limits).fit_transform(counts)
    assert_array_equal(out, np.round(out))
    assert (out[counts[:, 0] <= 6, 0] <= 6).all()


def test_intervals_in_columns_that_were_dropped_do_not_matter():
    table = FRAME.assign(tin=np.nan, count=np.arange(120.0))
    with pytest.warns(DataWarning, match="tin"):
        fitted = imputer(discrete_features=["count"]).fit(table)
    new = table.astype({"tin": object})
    new.loc[0, "tin"] = "<3"
    assert_array_equal(fitted.transform(new), fitted.transform(table))
    assert_array_equal(fitted.score_samples(new), fitted.score_samples(table))


# New rows, other ways


def test_multiple_imputation_stays_within():
    tables = imputer(log=True, lower_limits=LIMITS["lower_limits"]).multiple_impute(TEXT, 3)
    for table in tables:
        assert (table[BELOW, 0] <= LOW).all()
        assert (table[ABOVE, 1] >= HIGH).all()
        assert_array_equal(table[~HOLES & ~WITHIN], NUMBERS[~HOLES & ~WITHIN])
    assert np.std([table[BELOW, 0] for table in tables], axis=0).min() > 0.0
    new = imputer().set_output(transform="pandas")
    (table,) = new.multiple_impute(TEXT.iloc[5:9], 1, X_fit=TEXT)
    assert list(table.index) == [5, 6, 7, 8]


def test_new_rows_may_hold_limits_where_the_fit_had_none():
    fitted = imputer().fit(FRAME)
    new = pd.DataFrame({"lead": ["<0.1", 2.0], "zinc": [1.0, np.nan], "iron": ["3..4", "1"]})
    out = fitted.transform(new)
    assert out[0, 0] <= 0.1
    assert 3.0 <= out[0, 2] <= 4.0
    assert np.isfinite(out).all()


def test_copies_fill_alike():
    fitted = imputer(log=["lead"], **LIMITS).fit(FRAME)
    right = fitted.transform(FRAME)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(FRAME), right)
    assert_array_equal(clone(fitted).fit(FRAME).transform(FRAME), right)


def test_going_on_from_a_fit():
    fitted = imputer(warm_start=True, log=True, **LIMITS).fit(FRAME)
    before = fitted.means_
    assert_allclose(fitted.fit(FRAME).means_, before, atol=1e-2)
    with pytest.raises(ValueError, match="warm_start goes on from .* log"):
        fitted.set_params(log=None).fit(FRAME)


def test_rows_in_blocks_are_filled_by_a_fit_in_memory():
    fitted = imputer(lower_limits=[LOW, -1, -1], log=True).fit(NUMBERS)
    blocks = [NUMBERS[:50], NUMBERS[50:]]
    out = np.concatenate(list(fitted.transform(Blocks(blocks))))
    assert_allclose(out, fitted.transform(NUMBERS), rtol=1e-12)
    assert_allclose(fitted.score(Blocks(blocks)), fitted.score(NUMBERS), rtol=1e-12)


class Blocks:
    """An iterable of blocks that can be read again."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __iter__(self):
        return iter(self.blocks)


def test_a_regressor_takes_limits_by_a_pipeline():
    y = np.log(COMPLETE[:, 2])
    X = TEXT[["lead", "zinc"]]
    with pytest.raises(ValueError, match=r"'<0.5'.*make_pipeline\(EMImputer\(\), \.\.\.\)"):
        EMCensoredRegressor().fit(X, y)
    with pytest.raises(ValueError, match="lower_limits"):
        EMCensoredRegressor().fit(FRAME[["lead", "zinc"]], y)
    model = make_pipeline(EMImputer(log=True), EMCensoredRegressor()).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


# What cannot be known, or had


@pytest.mark.parametrize(
    ("cells", "point"),
    [
        (["<0.5", "<0.2", None], 0.2),
        ([">0.5", ">0.2", None], 0.5),
        (["<0.5", "0.1..0.6", None], 0.3),
        (["1..3", "1..2", None], 1.5),
        (["<1", ">1", None], 1.0),
    ],
)
@pytest.mark.parametrize("log", [None, True])
def test_a_column_wholly_beyond_its_limit_is_filled_with_it(cells, point, log):
    table = FRAME.assign(lead=cells * 40)
    with pytest.warns(DataWarning, match="Only an interval is known of feature.s. lead"):
        fitted = imputer(log=log).fit(table)
    out = fitted.transform(table)
    assert_allclose(out[:, 0], point)
    others = imputer(log=log).fit(FRAME[NAMES[1:]])
    assert_array_equal(out[:, 1:], others.transform(FRAME[NAMES[1:]]))
    assert_array_equal(fitted.score_samples(table), others.score_samples(FRAME[NAMES[1:]]))
    new = fitted.transform(table.head(2).assign(lead=["7..8", "0.01..0.05"]))
    assert_array_equal(new[:, 0], [7.0, 0.05])


def test_two_sides_of_a_gap_leave_no_scale():
    table = FRAME.assign(lead=["<1", ">2", "<0.5", ">3", None, "<1"] * 20)
    with pytest.warns(DataWarning, match="two sides of a gap"):
        out = imputer().fit_transform(table)
    assert_array_equal(out[:6, 0], [1.0, 2.0, 0.5, 3.0, 1.5, 1.0])
    sides = ["<1", *[">1"] * 3, *["<3"] * 5, ">3", "nan", "nan"] * 10
    apart = imputer().fit(table.assign(lead=np.random.default_rng(0).permutation(sides)))
    assert 0.1 < apart.covariance_[0, 0] < 10.0  # a quarter below 1, a sixth above 3


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("log", [None, True])
def test_single_precision_stays(draws, log):
    single, limit = NUMBERS.astype(np.float32), np.float32(LOW)
    options = {"lower_limits": [LOW, np.nan, np.nan], "sample_posterior": draws, "log": log}
    out = imputer(**options).fit_transform(single)
    assert out.dtype == np.float32
    assert (out[single[:, 0] <= limit, 0] <= limit).all()
    seen = ~HOLES & ~(single <= [limit, -1, -1])
    assert_array_equal(out[seen], single[seen])


def test_nothing_else_in_the_table():
    X = np.full((5, 1), 0.01)
    with pytest.warns(DataWarning, match="Only an interval is known"):
        fitted = imputer(lower_limits=0.1).fit(X)
    assert_array_equal(fitted.transform(X), np.full((5, 1), 0.1))
    assert fitted.score(X) == 0.0


def test_a_constant_that_lies_in_all_intervals_is_one():
    table = FRAME.assign(lead=["2", "<3", ">1"] * 40)
    fitted = imputer().fit(table)
    assert_array_equal(fitted.transform(table)[:, 0], 2.0)
    varying = imputer().fit(FRAME.assign(lead=["2", "<1", "<1"] * 40))
    assert varying.covariance_[0, 0] > 0.0


KINDS = pd.Categorical(list("xy") * 60)
CODED = TEXT.assign(kind=KINDS)
PLAIN = FRAME.assign(kind=KINDS)


@pytest.mark.parametrize(
    ("arguments", "table", "message"),
    [
        ({"method": "latent_normal"}, TEXT, "method='latent_normal' takes no cells that are known"),
        ({"method": "auto", **LIMITS}, FRAME, "method='auto' takes no cells that are known"),
        ({"method": "auto", "log": True}, FRAME, "method='auto' models no logarithms"),
        ({"distribution": "student_t"}, TEXT, "cells that are known to an interval has no dist"),
        ({}, TEXT.assign(word="a"), r"column\(s\) 'word' are categories"),
        (LIMITS, FRAME.assign(word="a"), r"column\(s\) 'word' are categories"),
        (LIMITS, Blocks([NUMBERS]), "read block by block"),
        ({"log": True}, Blocks([NUMBERS]), "read block by block"),
        ({}, Blocks([TEXT]), "known to an interval, as '<0.05'"),
        (LIMITS, Blocks([CODED]), "read block by block"),
        ({}, Blocks([CODED]), "known to an interval, as '<0.05'"),
        ({"lower_limits": {"tin": 1.0}}, FRAME, r"lower_limits names .* \['tin'\]"),
        ({"log": ["tin"]}, FRAME, "log names a column that X does not have: 'tin'"),
        ({"lower_limits": 2.0, "upper_limits": 1.0}, FRAME, "column 'lead' cross"),
        ({"log": True}, FRAME - 0.5, r"Column 'zinc' of X holds -.* in row 2 .* no logarithm"),
        ({"log": True, "max_value": 0.0}, FRAME, "max_value should be positive"),
        (
            {"categorical_features": None},
            FRAME.assign(band=["<18", "18-30"] * 60),
            "'18-30' in row 1",
        ),
        ({}, FRAME.astype(object).replace(np.nan, "<1 mg/l"), r"'lead' .* '<1 mg/l' in row"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, table, message):
    with pytest.raises(ValueError, match=message):
        imputer(**arguments).fit(table)


def test_rows_with_limits_are_refused_by_a_fit_with_categories():
    fitted = imputer().fit(PLAIN)
    for table in (CODED, Blocks([CODED])):
        with pytest.raises(ValueError, match="do not go beside categories"):
            list(fitted.transform(table))
    fitted.set_params(**LIMITS)
    for table in (PLAIN, Blocks([PLAIN])):
        with pytest.raises(ValueError, match=r"column\(s\) 'kind' are categories"):
            list(fitted.transform(table))


def test_logarithms_beside_categories_are_read_block_by_block():
    fitted = imputer(log=["lead"]).fit(PLAIN)
    blocks = Blocks([PLAIN[:50], PLAIN[50:]])
    pd.testing.assert_frame_equal(pd.concat(fitted.transform(blocks)), fitted.transform(PLAIN))
    assert_allclose(fitted.score(blocks), fitted.score(PLAIN), rtol=1e-12)


def test_streams_take_numbers_as_they_are():
    for arguments, batch in ((LIMITS, FRAME), ({"log": True}, FRAME), ({}, TEXT)):
        with pytest.raises(ValueError, match="partial_fit takes numbers as they are"):
            imputer(**arguments).partial_fit(batch)
    for first, then in ((FRAME, TEXT), (PLAIN, CODED)):
        with pytest.raises(ValueError, match="partial_fit takes numbers as they are"):
            imputer().partial_fit(then)
        begun = imputer().partial_fit(first)
        with pytest.raises(ValueError, match="partial_fit takes numbers as they are"):
            begun.partial_fit(then)


def test_levels_are_levels_where_they_are_named():
    bands = np.where(FRAME.iron.fillna(1.0) > 1.0, ">1", "<1")
    table = FRAME.assign(band=bands)
    with pytest.warns(DataWarning, match="name it in categorical_features"):
        assert imputer().fit(table).limited_fraction_[3] == 1.0
    for named in ({"categorical_features": ["band"]}, {"ordinal_features": {"band": ["<1", ">1"]}}):
        fitted = imputer(**named).fit(table)
        assert_array_equal(fitted.is_categorical_, [False, False, False, True])


@pytest.mark.parametrize("width", [1e-9, 1e-12, 1e-14, 1e-15])
def test_an_interval_shrunk_to_the_last_digits_is_an_observed_cell(width):
    X = np.random.default_rng(0).multivariate_normal(np.zeros(3), 0.5 * np.eye(3) + 0.5, 60)
    table = X.astype(object)
    for i in range(30):
        for j in range(1 + i % 2):
            table[i, j] = f"{X[i, j]:.17g}..{X[i, j] + width:.17g}"
    shrunk, observed = EMImputer().fit(table), EMImputer().fit(X)
    assert_allclose(shrunk.covariance_, observed.covariance_, atol=1e-9)
    assert_allclose(shrunk.location_, observed.location_, atol=1e-9)
    table[:9, :2] = "0..1e-20"  # which are one number beside means of 0.1
    (drawn,) = shrunk.multiple_impute(table, 1)
    assert_allclose(drawn[9:], X[9:], atol=2.0 * width)
    assert_allclose(drawn[:9, :2], 0.0, atol=1e-20)


def test_the_likelihood_of_rows_of_many_limits_is_a_number():
    # All of 20 columns below their means, correlation 1/2: near 1 / 21 under the true normal.
    X = np.random.default_rng(0).multivariate_normal(np.zeros(20), 0.5 * np.eye(20) + 0.5, 200)
    imputer = EMImputer(max_iter=500, tol=1e-2).fit(X)
    row = imputer.score_samples(np.array([[f"<{mean:.17g}" for mean in imputer.location_]], object))
    assert -4.0 < row[0] < -2.5
