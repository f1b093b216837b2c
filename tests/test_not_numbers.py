"""What is not a number is never a number: every container, every method of every estimator.

The laws: what stands for a missing cell gives what NaN in its place gives; dates, durations and
words are refused with the name of their column; a masked weight is a weight of 0.
"""

import datetime
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.impute import MissingIndicator
from sklearn.utils import check_array
from tables import Parts, Slices, cut

from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    MixturePrior,
    pool_estimates,
)
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index
from emkit.plotting import ImputationDisplay, MixtureDisplay

pa = pytest.importorskip("pyarrow")

N, NAMES = 40, ["a", "b", "c"]
rng = np.random.default_rng(0)
#: Two groups, and responses that are linear in the columns but for noise.
X = rng.normal(size=(N, 3)) + np.repeat([0.0, 6.0], N // 2)[:, None]
Y = X @ [1.0, -2.0, 0.5] + rng.normal(size=N)
FRAME = pd.DataFrame(X, columns=NAMES)
#: Cells that are missing, none of them in row 0.
HOLES = np.random.default_rng(1).random(X.shape) < 0.15
HOLES[0] = False
HOLED = np.where(HOLES, np.nan, X)
INDICES = np.arange(N)


class Kind(NamedTuple):
    """An estimator, and what is asked of it, by name."""

    make: Callable[..., Any]
    fits: dict[str, Callable[..., Any]]  #: of one that is not fitted, with X
    asks: dict[str, Callable[..., Any]]  #: of a fitted one, with X
    learned: tuple[str, ...]
    weighted: dict[str, Callable[..., Any]]  #: of a fitted one, with X and weights

    @cache  # noqa: B019
    def fitted(self) -> Any:
        return self.fits["fit"](self.make(), X)

    @cache  # noqa: B019
    def fitted_to_holed(self) -> Any:
        return self.make().fit(HOLED)

    def __hash__(self) -> int:
        return id(self)


def method(name, *more):
    return lambda estimator, X: getattr(estimator, name)(X, *more)


def weighted(name):
    return lambda estimator, X, weights: getattr(estimator, name)(X, sample_weight=weights)


def methods(*names):
    return {name: method(name) for name in names}


MIXED = methods("predict", "predict_proba", "score_samples", "score", "impute", "aic", "bic", "icl")
KINDS = {
    "mixture": Kind(
        lambda **more: EMGaussianMixture(2, random_state=0, **more),
        methods("fit", "fit_predict", "partial_fit"),
        MIXED | methods("partial_fit", "standard_errors"),
        ("weights_", "means_", "covariances_"),
        {name: weighted(name) for name in ("fit", "partial_fit", "score", "aic", "bic", "icl")},
    ),
    "grid": Kind(
        lambda **more: EMGaussianMixtureIC(
            max_components=2, covariance_type=["full", "EEI"], n_init=1, random_state=0, **more
        ),
        methods("fit", "fit_predict"),
        MIXED,
        ("weights_", "means_", "covariances_", "criterion_"),
        {name: weighted(name) for name in ("fit", "score", "aic", "bic", "icl")},
    ),
    "imputer": Kind(
        lambda **more: EMImputer(categorical_features=None, discrete_features=None, **more),
        methods("fit", "fit_transform", "partial_fit", "multiple_impute"),
        methods("transform", "score_samples", "score", "partial_fit", "standard_errors", "summary"),
        ("location_", "covariance_", "missing_fraction_"),
        {name: weighted(name) for name in ("fit", "partial_fit", "score", "standard_errors")},
    ),
    "regressor": Kind(
        lambda **more: EMCensoredRegressor(**more),
        {"fit": method("fit", Y)},
        {
            **methods("predict", "predict_quantile", "predict_interval"),
            "predict_survival_function": method("predict_survival_function", [0.0, 1.0]),
            **{name: method(name, Y) for name in ("score", "score_samples", "impute")},
        },
        ("coef_", "intercept_", "scale_"),
        {
            name: lambda estimator, X, weights, name=name: getattr(estimator, name)(
                X, Y, sample_weight=weights
            )
            for name in ("fit", "score")
        },
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
#: Those that take missing cells.
TAKE_HOLES = ["mixture", "grid", "imputer"]
each_holed = pytest.mark.parametrize(
    "kind", [KINDS[name] for name in TAKE_HOLES], ids=TAKE_HOLES
)  # fmt: skip
#: Every method that takes X.
each_call = pytest.mark.parametrize(
    ("kind", "call", "of_fitted"),
    [
        pytest.param(kind, call, fitted, id=f"{name}-{of}{' after a fit' * fitted}")
        for name, kind in KINDS.items()
        for fitted, calls in enumerate((kind.fits, kind.asks))
        for of, call in calls.items()
    ],
)  # fmt: skip


def start(kind, of_fitted):
    return clone_fitted(kind) if of_fitted else kind.make()


def clone_fitted(kind):
    """A copy, as a stream goes on from it."""
    import copy

    return copy.deepcopy(kind.fitted())


def same(kind, one, other):
    for name in kind.learned:
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-9)


# Dates and durations

DAYS = pd.Series(pd.date_range("2024-01-01", periods=N, unit="ns"))
SPANS = DAYS - DAYS[0]
ARROW = {
    "timestamp": pa.timestamp("ns"),
    "date32": pa.date32(),
    "timestamp in a zone": pa.timestamp("ns", tz="UTC"),
}


def arrow(series, dtype):
    return series.astype(pd.ArrowDtype(dtype))


#: A column that holds dates or durations, in a frame.
DATED = {
    "dates": DAYS,
    "dates in a zone": DAYS.dt.tz_localize("Europe/Berlin"),
    "dates with NaT": DAYS.where(INDICES > 3),
    "durations": SPANS,
    "durations with NaT": SPANS.where(INDICES > 3),
    "periods": DAYS.dt.to_period("D"),
    "periods with NaT": DAYS.dt.to_period("D").where(INDICES > 3),
    "categories of dates": DAYS.astype("category"),
    "Timestamp objects": DAYS.astype(object),
    "Timedelta objects": SPANS.astype(object),
    "datetime objects": pd.Series([day.to_pydatetime() for day in DAYS], dtype=object),
    "date objects": pd.Series(DAYS.dt.date, dtype=object),
    "time objects": pd.Series([datetime.time(1)] * N, dtype=object),
    "timedelta objects": pd.Series([datetime.timedelta(i) for i in range(N)], dtype=object),
    "numpy.datetime64 objects": pd.Series(list(DAYS.to_numpy()), dtype=object),
    "numpy.timedelta64 objects": pd.Series(list(SPANS.to_numpy()), dtype=object),
    "Period objects": pd.Series(list(DAYS.dt.to_period("D")), dtype=object),
    "one date among numbers": pd.Series([1.5] * (N - 1) + [DAYS[0]], dtype=object),
    "one duration among numbers": pd.Series([1.5] * (N - 1) + [SPANS.to_numpy()[5]], dtype=object),
    **{f"Arrow {name}": arrow(DAYS, ARROW["timestamp"]).astype(pd.ArrowDtype(dtype))
       if name == "date32" else arrow(DAYS.dt.tz_localize("UTC") if "zone" in name else DAYS, dtype)
       for name, dtype in ARROW.items()},
    "Arrow duration": arrow(SPANS, pa.duration("ns")),
    "Arrow duration with NA": arrow(SPANS.where(INDICES > 3), pa.duration("ns")),
    "Arrow time": pd.Series([datetime.time(1)] * N, dtype=pd.ArrowDtype(pa.time64("us"))),
}  # fmt: skip
UNIT = r"which are no numbers until they have a unit\. State one, as by .*pd\.Timedelta\('1D'\)"
each_dated = pytest.mark.parametrize("column", DATED.values(), ids=DATED)


@each_dated
@each_kind
def test_dates_in_a_frame_are_refused_by_the_name_of_their_column(kind, column):
    for frame in (
        FRAME.assign(b=column),
        pd.DataFrame({"b": column}),
        FRAME.assign(b=column)[["b"]],
    ):
        with pytest.raises(
            ValueError, match=rf"X holds dates or durations in column 'b' \(.*{UNIT}"
        ):
            kind.fits["fit"](kind.make(), frame)


@each_dated
def test_dates_in_an_array_of_objects_are_refused_by_the_number_of_their_column(column):
    objects = FRAME.assign(b=column).to_numpy(dtype=object)
    for cells in (objects, objects.tolist(), list(map(tuple, objects)), list(objects)):
        for kind in KINDS.values():
            with pytest.raises(
                ValueError, match=rf"durations in column 1 \([A-Za-z0-9]*\), {UNIT}"
            ):
                kind.fits["fit"](kind.make(), cells)


@each_call
@pytest.mark.parametrize("name", ["datetime64", "timedelta64", "frame", "objects", "list"])
def test_dates_are_refused_by_every_method(kind, call, of_fitted, name):
    dated = {
        "datetime64": np.column_stack([DAYS.to_numpy()] * 3),
        "timedelta64": np.column_stack([SPANS.to_numpy()] * 3),
        "frame": FRAME.assign(b=DAYS).set_axis([0, 1, 2], axis=1),
        "objects": FRAME.assign(b=DAYS).to_numpy(dtype=object),
        "list": [[a, day, c] for (a, _, c), day in zip(X.tolist(), DAYS.to_numpy(), strict=True)],
    }[name]
    estimator = start(kind, of_fitted)
    with pytest.raises(ValueError, match=rf"holds dates or durations in column .*{UNIT}"):
        call(estimator, dated)
    if not of_fitted:
        assert not hasattr(estimator, kind.learned[0])


def test_all_columns_that_hold_dates_are_named_but_not_more_than_five():
    frame = pd.DataFrame({f"day {j}": DAYS for j in range(8)} | {"gap": SPANS})
    message = r"column 'day 0' \(datetime64\[ns\]\), .*'day 4' \(.*\) and 4 more column\(s\), which"
    with pytest.raises(ValueError, match=message):
        EMImputer().fit(frame)


@pytest.mark.parametrize("origin", [DAYS, SPANS], ids=["dates", "durations"])
def test_the_remedy_gives_numbers_with_nan_for_nat(origin):
    column = origin.where(INDICES > 3)
    days = (column - column.min()) / pd.Timedelta("1D")
    filled = EMImputer().fit_transform(FRAME.assign(b=days))
    assert_array_equal(filled[4:, 1], np.arange(N - 4.0))
    assert (filled[:4, 1] < N).all()


@each_kind
def test_dates_as_weights_are_refused(kind):
    for weights in (SPANS, SPANS.to_numpy(), DAYS.tolist(), DAYS.astype(object), DAYS, SPANS[1]):
        for of, call in kind.weighted.items():
            estimator = kind.make() if "fit" in of else clone_fitted(kind)
            with pytest.raises(ValueError, match=f"sample_weight holds dates or durations.*{UNIT}"):
                call(estimator, X, weights)


@pytest.mark.parametrize("name", ["fit", "score", "score_samples", "impute"])
@pytest.mark.parametrize(
    "y",
    [DAYS, SPANS, SPANS.to_numpy(), SPANS.astype(object), SPANS.tolist(), list(SPANS.to_numpy())],
    ids=["dates", "durations", "timedelta64", "objects", "list", "list of timedelta64"],
)
def test_dates_as_responses_are_refused(name, y):
    estimator = KINDS["regressor"].make().fit(X, Y)
    for given_ in (y, pd.DataFrame({"lower": y, "upper": y}), np.column_stack([y, y])):
        with pytest.raises(ValueError, match="holds (dates|durations)"):
            getattr(estimator, name)(X, given_)


# Words

WORDS = pd.Series(["west"] * N)


@pytest.mark.parametrize(
    "dtype", ["str", object, "category", "string", pd.ArrowDtype(pa.string())], ids=str
)
@each_kind
def test_words_are_refused_by_the_names_of_their_columns_and_a_word(kind, dtype):
    frame = FRAME.assign(b=WORDS, c=pd.Series(["x"] * N)).astype({"b": dtype, "c": dtype})
    message = (
        r"X holds text in column 'b' \('west'\), column 'c' \('x'\): .*ColumnTransformer.*OneHot"
    )
    numbers = {"categorical_features": None}  # of those that would take them for categories
    given = numbers if "categorical_features" in kind.make().get_params() else {}
    with pytest.raises(ValueError, match=message):
        kind.fits["fit"](kind.make().set_params(**given), frame)


@each_call
def test_a_query_without_rows_is_refused_by_every_method(kind, call, of_fitted):
    """Without a warning of polars about what it costs to look at its names."""
    query = pytest.importorskip("polars").DataFrame(X, NAMES).lazy()
    with pytest.raises(TypeError, match=r"LazyFrame is a query .* its collect\(\) gives"):
        call(start(kind, of_fitted), query)


@each_call
def test_words_are_refused_by_every_method(kind, call, of_fitted):
    cells = X.astype(object)
    cells[3, 2] = "many"
    for words in (cells, cells.tolist(), cells.astype(str)):
        with pytest.raises(ValueError, match=r"text in column 2 \('many'\).*to float: 'many'"):
            call(start(kind, of_fitted), words)


@pytest.mark.parametrize(
    "spell", [lambda cells: cells.astype(str), lambda cells: cells.astype(str).astype(object),
              lambda cells: cells.astype(str).tolist(), lambda cells: cells.astype("S"),
              lambda cells: pd.DataFrame(cells, columns=NAMES).astype(str),
              lambda cells: pd.DataFrame(cells, columns=NAMES).astype("category"),
              lambda cells: pd.DataFrame(cells, columns=NAMES).astype({"b": "category"}),
              lambda cells: np.vectorize(Decimal, otypes=[object])(cells),
              lambda cells: np.vectorize(Fraction, otypes=[object])(cells)],
    ids=["text", "text objects", "lists of text", "bytes", "frame of text", "categories",
         "one category", "decimals", "fractions"],
)  # fmt: skip
def test_numbers_in_other_clothes_are_read_as_scikit_learn_reads_them(spell):
    cells = np.round(X, 3)
    read = EMImputer().fit_transform(spell(cells))
    assert_array_equal(read, check_array(spell(cells), dtype=np.float64))
    assert_array_equal(read, cells)


def test_booleans_are_0_and_1():
    flags = X > 1.0
    for given_ in (flags, pd.DataFrame(flags), flags.tolist(), flags.astype(object)):
        assert_array_equal(EMImputer().fit_transform(given_), flags.astype(float))
    weights = INDICES % 3 > 0
    for kind in KINDS.values():
        of_flags, of_numbers = (
            kind.weighted["fit"](kind.make(), X, given_)
            for given_ in (weights, weights.astype(float))
        )
        same(kind, of_flags, of_numbers)


@each_kind
def test_records_are_no_table(kind):
    records = FRAME.to_records(index=False)
    for cells in (records, np.ma.array(records, mask=[(True, False, False)] * N)):
        with pytest.raises(ValueError, match=r"records with the fields \('a', 'b', 'c'\)"):
            kind.fits["fit"](kind.make(), cells)


@each_kind
def test_complex_numbers_are_refused(kind):
    objects = X.astype(object)
    objects[2, 1] = np.complex128(1 + 2j)
    for cells in (X + 1j, (X + 1j).tolist(), objects, FRAME.assign(b=1j), FRAME + 1j):
        with pytest.raises(ValueError, match="Complex data not supported"):
            kind.fits["fit"](kind.make(), cells)


@each_kind
def test_other_objects_are_refused_by_column_and_type(kind):
    objects = X.astype(object)
    for thing in ({}, object(), [1, 2], pd.Interval(0, 1)):
        objects[2, 1] = thing
        message = rf"no numbers in column 1 \({type(thing).__name__}\)"
        with pytest.raises((TypeError, ValueError), match=message):
            kind.fits["fit"](kind.make(), objects)


# Masks


def masked(under, dtype=float, **more):
    """The table as a masked array, with something else under its mask."""
    return np.ma.array(np.where(HOLES, under, X).astype(dtype), mask=HOLES, **more)


OBJECTS = np.array(
    [
        [np.ma.masked if m else x for x, m in zip(*row, strict=True)]
        for row in zip(X.tolist(), HOLES, strict=True)
    ],
    dtype=object,
)
INTEGERS = np.rint(10.0 * X)
WHOLE = np.where(HOLES, np.nan, INTEGERS)
#: Masked arrays, and the table with NaN that each is.
MASKED = {
    "numbers": (masked(-9999.0), HOLED),
    "infinity": (masked(np.inf), HOLED),
    "NaN": (masked(np.nan), HOLED),
    "fill values": (masked(1e20, fill_value=1e20), HOLED),
    "hard": (masked(0.0, hard_mask=True), HOLED),
    "float32": (masked(-9999.0, np.float32), HOLED.astype(np.float32)),
    "float16": (masked(-9999.0, np.float16), HOLED.astype(np.float16).astype(float)),
    "Fortran": (masked(-9999.0, order="F"), HOLED),
    "integers": (np.ma.array(INTEGERS.astype(int), mask=HOLES), WHOLE),
    "small integers": (np.ma.array(INTEGERS.astype(np.int8), mask=HOLES), WHOLE),
    "booleans": (np.ma.array(X > 1.0, mask=HOLES), np.where(HOLES, np.nan, X > 1.0)),
    "objects": (masked(-9999.0, object), HOLED),
    "words": (np.ma.array(np.where(HOLES, "gone", X.astype(str)), mask=HOLES), HOLED),
    "words among objects": (
        np.ma.array(np.where(HOLES, "gone", X.astype(object)), mask=HOLES), HOLED),
    "rows": ([np.ma.array(x, mask=m) for x, m in zip(X, HOLES, strict=True)], HOLED),
    "cells of lists": (OBJECTS.tolist(), HOLED),
    "cells of objects": (OBJECTS, HOLED),
}  # fmt: skip
each_masked = pytest.mark.parametrize(("cells", "nan"), MASKED.values(), ids=MASKED)


#: Tables of 0 and 1, and standard errors of another table than that of the fit.
few = pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")


@few
@each_masked
@each_holed
def test_a_masked_cell_is_a_missing_one_in_fit(kind, cells, nan):
    kept = None if isinstance(cells, list) else cells.copy()
    same(kind, kind.make().fit(cells), kind.make().fit(nan))
    if kept is not None:  # nothing is written into what was given
        assert_array_equal(np.ma.getmaskarray(cells), np.ma.getmaskarray(kept))


@few
@each_masked
@each_holed
def test_a_masked_cell_is_a_missing_one_in_every_method(kind, cells, nan):
    for name, ask in kind.asks.items():
        if name == "partial_fit" and nan.dtype == np.float32:
            continue  # a stream is of one type
        of_cells, of_nan = (ask(clone_fitted(kind), given_) for given_ in (cells, nan))
        if name == "partial_fit":
            same(kind, of_cells, of_nan)
        else:
            assert_allclose(_numbers(of_cells), _numbers(of_nan), rtol=1e-9, err_msg=name)


def _numbers(found):
    return np.concatenate([np.ravel(part) for part in found]) if isinstance(found, tuple) else found


@pytest.mark.parametrize("marker", [-1, "?", None, np.nan, pd.NA], ids=str)
def test_a_mask_is_honoured_beside_any_marker(marker):
    cells, mask, nan = X.astype(object), HOLES.copy(), HOLED.copy()
    cells[1], nan[1], mask[1] = [0.5, marker, 0.25], [0.5, np.nan, 0.25], False
    marked = np.ma.array(cells, mask=mask)
    imputer = EMImputer(missing_values=marker, add_indicator=True)
    expected = EMImputer(add_indicator=True).fit_transform(nan)
    assert_allclose(imputer.fit_transform(marked), expected)
    assert_allclose(imputer.transform(marked), expected)


def test_indicators_and_multiple_imputation_see_the_mask():
    cells = masked(-9999.0)
    for make in (EMImputer(add_indicator=True), EMImputer(sample_posterior=True, random_state=0)):
        assert_allclose(clone(make).fit_transform(cells), clone(make).fit_transform(HOLED))
    of_cells, of_nan = (
        EMImputer(random_state=0).multiple_impute(given_, 3) for given_ in (cells, HOLED)
    )
    assert_allclose(of_cells, of_nan)
    assert_array_equal(np.array(of_cells)[:, ~HOLES], np.tile(X[~HOLES], (3, 1)))


def test_a_regressor_says_where_X_is_masked_and_names_the_imputer():
    regressor = KINDS["regressor"]
    row, column = np.argwhere(HOLES)[0]
    for cells in (
        masked(0.0),
        masked(0),
        HOLED,
        pd.DataFrame(HOLED),
        HOLED.tolist(),
        HOLED.astype(object),
    ):
        cell = rf"Column {column} holds nan in row {row} \({HOLES.sum()} such"
        message = rf"contains NaN.\n{cell}.*EMImputer"
        for estimator, calls in (
            (regressor.make(), regressor.fits),
            (regressor.fitted(), regressor.asks),
        ):
            for call in calls.values():
                with pytest.raises(ValueError, match=message):
                    call(estimator, cells)
    with pytest.raises(ValueError, match="Column 'b' holds nan in row 3"):
        EMCensoredRegressor().fit(FRAME.assign(b=FRAME["b"].where(INDICES != 3)), Y)


def test_a_mask_that_hides_nothing_is_none():
    cells = np.ma.array(X, mask=False)
    for kind in KINDS.values():
        same(kind, kind.fits["fit"](kind.make(), cells), kind.fitted())
    same(
        KINDS["regressor"],
        EMCensoredRegressor().fit(X, np.ma.array(Y)),
        KINDS["regressor"].fitted(),
    )


# Responses

RESPONSES = {
    "numbers": np.ma.array(Y, mask=INDICES == 5),
    "bounds": np.ma.array(np.c_[Y, Y], mask=np.c_[INDICES < 0, INDICES == 5]),
    "list": [np.ma.masked if i == 5 else y for i, y in enumerate(Y)],
    "objects": np.array([np.ma.masked if i == 5 else y for i, y in enumerate(Y)], dtype=object),
    "fields": np.ma.array(
        np.array([(True, y) for y in Y], dtype=[("event", bool), ("time", float)]),
        mask=[(False, i == 5) for i in INDICES],
    ),
    "events": np.ma.array(
        np.array([(True, y) for y in Y], dtype=[("event", bool), ("time", float)]),
        mask=[(i == 5, False) for i in INDICES],
    ),
}


@pytest.mark.parametrize("y", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("name", ["fit", "score", "score_samples", "impute"])
def test_a_masked_response_is_refused_with_its_row(name, y):
    with pytest.raises(ValueError, match=r"is masked in row 5 \(1 such row"):
        getattr(clone_fitted(KINDS["regressor"]), name)(X, y)


def test_masked_predictions_are_refused_with_their_row():
    with pytest.raises(ValueError, match=r"y_pred is masked at \(5,\)"):
        concordance_index(Y, np.ma.array(Y, mask=INDICES == 5))
    with pytest.raises(ValueError, match=r"is masked in row 5"):
        concordance_index(np.ma.array(Y, mask=INDICES == 5), Y)
    some = np.ma.array(np.ones(N), mask=INDICES < 20)
    assert concordance_index(Y, X[:, 0], some) == concordance_index(Y[20:], X[20:, 0])


# What stands for a missing cell among objects

ABSENT = {
    "pandas.NA": pd.NA,
    "None": None,
    "NaN": np.nan,
    "NaT": pd.NaT,
    "NaT of NumPy": np.datetime64("NaT"),
    "NaT of NumPy, a duration": np.timedelta64("NaT"),
    "NaN of decimals": Decimal("NaN"),
    "NaN as a word": "nan",
}


def holed_with(absent):
    cells = X.astype(object)
    for i, j in np.argwhere(HOLES):
        cells[i, j] = absent
    return cells


@pytest.mark.parametrize("absent", ABSENT.values(), ids=ABSENT)
@each_holed
def test_what_stands_for_a_missing_cell_among_objects_is_nan(kind, absent):
    cells, expected = holed_with(absent), kind.fitted_to_holed()
    for given_ in (cells, cells.tolist(), pd.DataFrame(cells, columns=NAMES, dtype=object)):
        same(kind, kind.make().fit(given_), expected)


@pytest.mark.parametrize("absent", ABSENT.values(), ids=ABSENT)
def test_what_stands_for_a_missing_cell_is_refused_where_none_may_be_missing(absent):
    for estimator in (EMCensoredRegressor(), EMImputer(missing_values=-1)):
        with pytest.raises(ValueError, match=r"contains NaN\.\nColumn \d holds nan in row"):
            estimator.fit(holed_with(absent), Y)


def test_all_that_stands_for_a_missing_cell_may_stand_in_one_column():
    cells = X.astype(object)
    many = [*ABSENT.values(), np.ma.masked]
    cells[: len(many), 1] = np.array([*many, 0], dtype=object)[:-1]
    nan = X.copy()
    nan[: len(many), 1] = np.nan
    assert_allclose(EMImputer().fit_transform(cells), EMImputer().fit_transform(nan))


NULLABLE = {
    "Float64": "Float64",
    "Float32": "Float32",
    "Int64": "Int64",
    "boolean": "boolean",
    "Arrow double": pd.ArrowDtype(pa.float64()),
    "Arrow float": pd.ArrowDtype(pa.float32()),
    "Arrow integers": pd.ArrowDtype(pa.int32()),
    "Arrow booleans": pd.ArrowDtype(pa.bool_()),
    "Arrow decimals": pd.ArrowDtype(pa.decimal128(10, 1)),
}


@few
@pytest.mark.parametrize("beside", [None, object, "str"], ids=str)
@pytest.mark.parametrize("dtype", NULLABLE.values(), ids=NULLABLE)
def test_nullable_frames_are_read_as_their_numbers_with_nan(dtype, beside):
    whole = np.where(HOLES, np.nan, np.rint(X))
    if "bool" in str(dtype):
        whole = np.where(HOLES, np.nan, X > 1.0)
    frame = pd.DataFrame(whole, columns=NAMES).astype(dtype)
    if beside == "str" and "bool" in str(dtype):
        pytest.skip("True as a word is no number")
    if beside is not None:
        frame = frame.astype({"c": beside})
    tolerance = 1e-5 if "loat32" in str(dtype) or "float[" in str(dtype) else 1e-9
    for marker in (np.nan, pd.NA):
        imputer = EMImputer(missing_values=marker, add_indicator=True, categorical_features=None)
        filled = imputer.fit_transform(frame)
        expected = EMImputer(add_indicator=True).fit_transform(whole)
        assert_allclose(filled, expected, rtol=tolerance, atol=tolerance)


def test_arrow_columns_may_hold_both_na_and_nan():
    # pandas counts NA alone as missing; to an imputer both are, and the indicator has both.
    values = pa.array([1.0, None, float("nan"), 4.0, 5.5, 6.0])
    frame = pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(values), "b": [1.0, 2, 3, 4, 5, 6.5]})
    assert frame["a"].isna().sum() == 1
    nan = np.c_[[1.0, np.nan, np.nan, 4.0, 5.5, 6.0], frame["b"]]
    filled = EMImputer(add_indicator=True).fit_transform(frame)
    assert_allclose(filled, EMImputer(add_indicator=True).fit_transform(nan))
    assert_array_equal(filled[:, 2], [0, 1, 1, 0, 0, 0])
    table = pa.table({"a": values, "b": frame["b"]})
    assert_allclose(EMImputer(add_indicator=True).fit_transform(table), filled)


def test_frames_of_polars():
    pl = pytest.importorskip("polars")
    nan = np.where(HOLES, None, X)
    for dtype in (pl.Float64, pl.Float32):
        frame = pl.DataFrame(nan.tolist(), schema=dict.fromkeys(NAMES, dtype), orient="row")
        assert_allclose(
            EMImputer().fit_transform(frame), EMImputer().fit_transform(HOLED), rtol=1e-5
        )
    days = pl.Series("b", DAYS.to_numpy())
    for column in (days, days.dt.date(), days.dt.time(), days - days[0]):
        with pytest.raises(ValueError, match=rf"durations in column 'b' \(.*{UNIT}"):
            EMImputer().fit(frame.with_columns(column))
        with pytest.raises(ValueError, match=rf"durations in column 'b' \(.*{UNIT}"):
            EMGaussianMixture().fit(pl.DataFrame([column]))
    for dtype in (pl.String, pl.Categorical):
        words = pl.Series("b", ["west"] * N, dtype=dtype)
        with pytest.raises(ValueError, match=r"text in column 'b' \('west'\)"):
            EMCensoredRegressor().fit(frame.with_columns(words), Y)


# Markers

NARROW = [np.float64, np.float32, np.float16]


@given(
    marker=st.floats(-6e4, 6e4, allow_subnormal=False),
    of_marker=st.sampled_from([float, np.float64, np.float32, np.float16]),
    of_cells=st.sampled_from(NARROW),
)
@settings(max_examples=60, deadline=None)
def test_a_marker_matches_whatever_precision_it_or_the_cells_were_cast_to(
    marker, of_marker, of_cells
):
    cells = np.where(HOLES, marker, np.where(np.abs(X - marker) < 0.1, X + 1.0, X)).astype(of_cells)
    holed = np.where(HOLES, np.nan, cells)
    expected = EMImputer().fit_transform(holed)
    # float16 of marker and cells differ where neither was cast to the other.
    written = marker if of_marker in (float, np.float64) else float(str(of_marker(marker)))
    cells[HOLES] = of_cells(written)
    for given_ in (cells, pd.DataFrame(cells)):
        filled = EMImputer(missing_values=of_marker(marker)).fit_transform(given_)
        assert_array_equal(np.isnan(holed) | (filled == cells), True)
        assert_allclose(filled, expected)


def test_a_marker_matches_cells_that_were_cast_up_again_but_no_other_number():
    cells = np.array([[1.0, np.float32(-999.9)], [2.0, 3.0], [3.0, 4.5], [4.0, -1e3]])
    missing = EMImputer(missing_values=-999.9, add_indicator=True).fit_transform(cells)[:, 2]
    assert_array_equal(missing, [1, 0, 0, 0])  # -1e3 is what float16 makes of the marker
    for marker, near in ((16777217, 16777216.0), (1e-50, 0.0), (-99999999, -1e8)):
        cells[0, 1] = near  # float32(marker)
        assert_array_equal(EMImputer(missing_values=marker).fit_transform(cells), cells)


@pytest.mark.parametrize("marker", [-999.9, np.float64(-999.9), np.float32(-999.9)], ids=repr)
def test_a_marker_matches_in_every_column_of_a_frame_of_several_types(marker):
    types = {"a": np.float32, "b": np.float64, "c": np.float16}
    frame = FRAME.astype(types).where(~HOLES, -999.9).astype(types)
    holed = frame.where(~HOLES)
    expected = EMImputer().fit_transform(holed)
    for given_ in (frame, frame.astype({"a": object}), frame.astype({"b": object})):
        assert_allclose(EMImputer(missing_values=marker).fit_transform(given_), expected, rtol=1e-6)
    objects = np.array([[np.float32(x) for x in row] for row in frame.to_numpy()], dtype=object)
    assert_allclose(EMImputer(missing_values=marker).fit_transform(objects), expected, rtol=1e-3)


@pytest.mark.parametrize(
    "dtype", [float, np.float32, np.float16, int, np.int8, object, str], ids=str
)
@pytest.mark.parametrize("as_frame", [False, True])
@pytest.mark.parametrize("marker", ["-1", "-1.0", " -1 ", "-1e0"])
def test_text_that_reads_as_a_number_matches_that_number(marker, as_frame, dtype):
    """A table of numbers keeps no text: what a file calls "-1" is -1 there."""
    cells = np.where(HOLES, -1.0, np.abs(INTEGERS)).astype(dtype)
    given_ = pd.DataFrame(cells, columns=NAMES) if as_frame else cells
    one, other = (EMImputer(missing_values=m).fit_transform(given_) for m in (marker, -1))
    assert_array_equal(one, other)
    assert (np.asarray(one, dtype=float) != -1.0).all()


def test_the_snippet_of_the_marker_of_another_precision():
    cells = np.array([[1, -999.9], [2, 3], [3, 4.5], [4, 5]], dtype=np.float32)
    of_numpy, of_python = (
        EMImputer(missing_values=marker).fit_transform(cells)
        for marker in (np.float64(-999.9), -999.9)
    )
    assert_array_equal(of_numpy, of_python)
    assert 0.0 < of_python[0, 1] < 3.0


MARKED = np.where(HOLES, -1.0, np.abs(INTEGERS))


@pytest.mark.parametrize(
    "dtype", [float, np.float32, np.float16, int, np.int8, object, str], ids=str
)
@pytest.mark.parametrize(
    "marker", [-1, -1.0, np.int64(-1), np.float32(-1), -0.5, 300, np.nan, pd.NA], ids=repr
)  # fmt: skip
def test_markers_match_what_those_of_scikit_learn_match(marker, dtype):
    cells = MARKED.astype(dtype)
    found = EMImputer(missing_values=marker).fit_transform(cells) != MARKED
    assert_array_equal(found, HOLES if marker is not pd.NA and marker == -1 else False)
    if cells.dtype.kind in "iuf":
        theirs = MissingIndicator(missing_values=marker, features="all").fit_transform(cells)
        assert_array_equal(found, theirs)


@pytest.mark.parametrize(
    "marker", ["?", None, 1e300, -1e-300, 10**400], ids=lambda marker: str(marker)[:8]
)
def test_a_marker_that_is_nowhere_leaves_all_as_it_is(marker):
    for cells in (
        X,
        X.astype(np.float32),
        X.astype(object),
        X.tolist(),
        FRAME,
        INTEGERS.astype(int),
    ):
        assert_array_equal(EMImputer(missing_values=marker).fit_transform(cells), np.asarray(cells))


# Infinity


@each_call
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_with_column_row_and_value(kind, call, of_fitted, value):
    cells = X.copy()
    cells[[7, 11], 2] = value
    message = rf"Input X contains infinity.*\nColumn {{}} holds {value} in row 7 \(2 such cell"
    for given_ in (cells, cells.astype(object), cells.astype(np.float16)):
        with pytest.raises(ValueError, match=message.format(2)):
            call(start(kind, of_fitted), given_)
    if not of_fitted:
        for frame in (
            pd.DataFrame(cells, columns=NAMES),
            pd.DataFrame(cells, columns=NAMES).astype(object),
        ):
            with pytest.raises(ValueError, match=message.format("'c'")):
                call(kind.make(), frame)


@each_holed
def test_infinity_is_found_beside_missing_cells_and_far_down(kind):
    cells = np.resize(HOLED, (20_000, 3))
    cells[17_003, 1] = np.inf
    with pytest.raises(ValueError, match=r"Column 1 holds inf in row 17003 \(1 such"):
        kind.make().fit(cells)


# Arrays of other libraries


class Tensor:
    """What an array of another library looks like, that lies where NumPy does not reach."""

    def __init__(self, values, refuses=""):
        self.values, self.shape, self.refuses = values, values.shape, refuses

    dtype = "torch.float64"

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        return self.values[key]

    def __dlpack__(self, **options):
        raise BufferError("never asked for")

    def __array__(self, dtype=None, copy=None):
        if self.refuses:
            raise TypeError(self.refuses)
        return np.asarray(self.values, dtype=dtype)


@each_call
def test_a_tensor_is_read_as_an_array(kind, call, of_fitted):
    one, other = start(kind, of_fitted), start(kind, of_fitted)
    found, expected = call(one, Tensor(X)), call(other, X)
    if hasattr(expected, "fit"):
        same(kind, found, expected)
    elif isinstance(expected, np.ndarray):
        assert_array_equal(found, expected)


@each_call
def test_a_tensor_that_cannot_be_read_says_what_to_pass(kind, call, of_fitted):
    told = "can't convert cuda:0 device type tensor to numpy."
    message = rf"X is a .*Tensor, which NumPy cannot read: {told}.*detach\(\)\.cpu\(\)\.numpy"
    with pytest.raises(TypeError, match=message):
        call(start(kind, of_fitted), Tensor(X, told))


def test_weights_and_responses_may_be_tensors():
    weights = np.arange(1.0, N + 1)
    for kind in KINDS.values():
        same(kind, kind.weighted["fit"](kind.make(), X, Tensor(weights)),
             kind.weighted["fit"](kind.make(), X, weights))  # fmt: skip
        with pytest.raises(TypeError, match="sample_weight is a .*which NumPy cannot read: no"):
            kind.weighted["fit"](kind.make(), X, Tensor(weights, "no"))
    regressor = KINDS["regressor"]
    same(regressor, EMCensoredRegressor().fit(Tensor(X), Tensor(Y)), regressor.fitted())
    with pytest.raises(TypeError, match="y is a .*which NumPy cannot read: no"):
        EMCensoredRegressor().fit(X, Tensor(Y, "no"))


# Weights

COUNTS = np.random.default_rng(2).integers(1, 4, N).astype(float)
MASK = INDICES % 5 == 0
NO = np.where(MASK, 0.0, COUNTS)
WEIGHTS = {
    "numbers": np.ma.array(np.where(MASK, 1e9, COUNTS), mask=MASK),
    "negative": np.ma.array(np.where(MASK, -1.0, COUNTS), mask=MASK),
    "NaN": np.ma.array(np.where(MASK, np.nan, COUNTS), mask=MASK),
    "integers": np.ma.array(COUNTS.astype(int), mask=MASK),
    "float32": np.ma.array(COUNTS.astype(np.float32), mask=MASK),
    "objects": np.ma.array(COUNTS.astype(object), mask=MASK),
    "list": [np.ma.masked if m else w for w, m in zip(COUNTS.tolist(), MASK, strict=True)],
}


@few
@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@each_kind
def test_a_masked_weight_is_0(kind, weights):
    for name, call in kind.weighted.items():
        of_mask, of_zero = (
            call(kind.make() if name == "fit" else clone_fitted(kind), X, given_)
            for given_ in (weights, NO)
        )
        if name in ("fit", "partial_fit"):
            same(kind, of_mask, of_zero)
        else:
            assert_allclose(_numbers(of_mask), _numbers(of_zero), rtol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (["many"] * N, r"sample_weight holds text \('many'\)"),
        (COUNTS + 1j, "Complex data not supported"),
        (COUNTS.astype(object) + 1j, "Complex data not supported"),
        (np.full(N, 1e308), "sample_weight sums to inf, up to 1e\\+308 a row"),
        (np.full(N, 5e-324), r"sample_weight sums to \S+e-32\d, up to"),
        (np.ma.masked_all(N), "at least one"),
        (np.where(MASK, np.nan, COUNTS), "sample_weight contains NaN"),
        (np.where(MASK, None, COUNTS), "sample_weight contains NaN"),
        (np.where(MASK, pd.NA, COUNTS), "sample_weight contains NaN"),
        (pd.Series(COUNTS).where(~MASK).astype("Float64"), "sample_weight contains NaN"),
        (np.where(MASK, np.inf, COUNTS), "sample_weight contains infinity"),
        ([{}] * N, r"sample_weight holds objects that are no numbers \(dict\)"),
    ],
    ids=["words", "complex", "complex objects", "1e308", "5e-324", "all masked", "NaN", "None",
         "pandas.NA", "nullable", "infinity", "objects"],
)  # fmt: skip
@each_kind
def test_weights_that_are_no_numbers_are_refused(kind, weights, message):
    for name, call in kind.weighted.items():
        with pytest.raises((ValueError, TypeError), match=message):
            call(kind.make() if name == "fit" else clone_fitted(kind), X, weights)


@given(power=st.integers(-280, 280))
@settings(max_examples=20, deadline=None)
def test_weights_in_any_unit_that_adds_up_give_the_same_means(power):
    fit = EMGaussianMixture(1, reg_covar=0.0).fit
    means = fit(X, sample_weight=COUNTS * 10.0**power).means_
    assert_allclose(means, fit(X, sample_weight=COUNTS).means_, rtol=1e-9)


# Narrow floating types


def pressure(spread, dtype, n=2000, shape="array"):
    q = np.random.default_rng(3)
    cells = np.c_[101325.0 + spread * q.normal(size=n), q.normal(size=n)]
    return (
        pd.DataFrame(cells, columns=["p", "t"]).astype({"p": dtype})
        if shape == "frame"
        else cells.astype(dtype)
    )


def fits_of(X):
    yield lambda: EMGaussianMixture(1, reg_covar=0.0).fit(X)
    yield lambda: EMGaussianMixtureIC(max_components=1, reg_covar=0.0, n_init=1).fit(X)
    yield lambda: EMImputer().fit(X)
    yield lambda: EMCensoredRegressor().fit(
        X, np.asarray(X)[:, 1].astype(float) + rng.normal(size=len(X))
    )


@pytest.mark.parametrize("shape", ["array", "frame"])
def test_a_column_whose_spacing_is_coarse_beside_its_spread_is_named_once(shape):
    X = pressure(0.002, np.float32, shape=shape)
    where = "'p'" if shape == "frame" else "0"
    message = (
        rf"Rounding shows in what varies in column {where} \(numbers of float32 are 0.0078 apart "
        r"at 101325, the standard deviation is 0\.00\d+\)\. Keep such columns in float64"
    )
    for fit in fits_of(X):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            fit()
        (text,) = [str(w.message) for w in told if "Rounding" in str(w.message)]
        assert pd.Series([text]).str.contains(message).all(), text
        assert all(issubclass(w.category, DataWarning) for w in told)


@given(
    location=st.floats(-1e4, 1e4),
    power=st.floats(-3.0, 3.0),
    dtype=st.sampled_from([np.float32, np.float16]),
)
@settings(max_examples=60, deadline=None)
def test_where_a_column_is_coarse(location, power, dtype):
    q = np.random.default_rng(4)
    spacing = float(np.spacing(dtype(abs(location))))
    spread = 10.0**power * spacing
    with np.errstate(over="ignore"):
        cells = np.c_[location + spread * q.normal(size=4000), q.normal(size=4000)].astype(dtype)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        EMImputer().fit(cells)
    coarse = any("Rounding shows in what varies in column 0" in str(w.message) for w in told)
    mean, sd = cells[:, 0].astype(float).mean(), cells[:, 0].astype(float).std()
    ratio = float(np.spacing(dtype(abs(mean)))) / sd if sd else 0.0
    if ratio > 0.101:
        assert coarse
    if ratio < 0.099:
        assert not coarse


EXACT = {
    "counts": np.random.default_rng(5).poisson(100.0, 1000),
    "years": np.random.default_rng(5).integers(1990, 2024, 1000),
    "dummies that are nearly always 1": np.arange(1000) > 0,
    "dummies that are nearly always 0": np.arange(1000) < 1,
    "constants": np.full(1000, 101325.0),
    "kelvins": np.random.default_rng(5).normal(300.0, 3.0, 1000),
    "degrees": np.random.default_rng(5).normal(52.4, 0.001, 1000),
    "seconds of a year": np.random.default_rng(5).uniform(1.70e9, 1.73e9, 1000),
    "prices": np.random.default_rng(5).lognormal(10.0, 2.0, 1000),
    "values near the largest": np.random.default_rng(5).uniform(1e38, 3e38, 1000),
    "tiny values": np.random.default_rng(5).normal(size=1000) * 1e-30,
    "one far away": np.r_[1e9, np.random.default_rng(5).normal(size=999)],
    "nothing": np.full(1000, np.nan),
}


@pytest.mark.parametrize("column", EXACT.values(), ids=EXACT)
def test_ordinary_columns_of_float32_give_no_alarm(column):
    cells = np.c_[column, np.random.default_rng(6).normal(size=1000)].astype(np.float32)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        EMImputer().fit(cells)
    assert not [w for w in told if "Rounding" in str(w.message)]


def test_rounding_is_told_in_fits_alone_and_not_of_float64():
    X = pressure(0.002, np.float32)
    EMImputer().fit(X.astype(float) + np.random.default_rng(7).normal(size=X.shape) * 1e-3)
    with pytest.warns(DataWarning, match="Rounding"):
        imputer = EMImputer(warm_start=True).fit(X)
    imputer.transform(X)
    imputer.score(X)
    imputer.fit(X)  # goes on


def test_rounding_of_responses_is_told():
    y = (101325.0 + 0.002 * np.random.default_rng(8).normal(size=N)).astype(np.float32)
    for given_ in (y, pd.Series(y), np.c_[y, y]):
        with pytest.warns(DataWarning, match=r"Rounding shows in what varies in column 0 of y \("):
            EMCensoredRegressor().fit(X, given_)
    EMCensoredRegressor().fit(X, Y.astype(np.float32))
    EMCensoredRegressor().fit(X, np.c_[Y, np.where(INDICES < 9, np.inf, Y)].astype(np.float32))


# What is too small, or too large, for doubles


@each_kind
def test_a_column_that_varies_less_than_doubles_hold_is_refused(kind):
    for tiny in (5e-324, 1e-320, 1e-310):
        cells = X.copy()
        cells[:, 1] = tiny * (INDICES % 2)
        with pytest.raises(ValueError, match=r"Column 1 of X varies from 0 to .*Multiply it"):
            kind.fits["fit"](kind.make(), cells)
    with pytest.raises(ValueError, match=r"Column 'b' of X varies from 0 to .*Multiply it"):
        kind.fits["fit"](kind.make(), FRAME.assign(b=5e-324 * (INDICES % 2)))


def test_what_a_double_holds_is_imputed_in_any_unit_and_what_it_does_not_is_named():
    expected = EMImputer().fit_transform(HOLED)
    for unit in (1e-290, 1e-200, 1e140):
        assert_allclose(EMImputer().fit_transform(HOLED * unit) / unit, expected, rtol=1e-9)
    for far in (1e160, -1e300, 1.7e308):
        cells = HOLED.copy()
        cells[0, 2] = far
        for read in (cells, cut(cells, 15)):
            with pytest.raises(
                ValueError, match=f"Column 2 of X holds {far:g}".replace("+", r"\+")
            ):
                EMImputer().fit(read)
        filled = EMImputer(missing_values=far).fit_transform(np.where(np.isnan(cells), far, cells))
        assert np.abs(filled).max() < 100.0


@pytest.mark.parametrize("name", ["predict_quantile", "predict_survival_function"])
def test_times_and_probabilities_are_numbers(name):
    ask = getattr(KINDS["regressor"].fitted(), name)
    for values in (SPANS[:3], DAYS[:3].to_numpy(), list(SPANS[:3]), [datetime.timedelta(1)]):
        with pytest.raises(ValueError, match=f"holds dates or durations.*{UNIT}"):
            ask(X, values)
    with pytest.raises(ValueError, match=r"(q|times) is masked at \(1,\)"):
        ask(X, np.ma.array([0.2, 0.3], mask=[False, True]))


@pytest.mark.parametrize("name", ["weights_init", "means_init", "resp_init"])
def test_starts_are_numbers(name):
    values = {"weights_init": [0.5, 0.5], "means_init": X[[0, -1]], "resp_init": INDICES % 2}[name]
    hidden = np.ma.array(values, mask=False)
    assert hasattr(EMGaussianMixture(2, **{name: hidden}).fit(X), "weights_")
    hidden[0] = np.ma.masked
    with pytest.raises(ValueError, match=f"{name} is masked at "):
        EMGaussianMixture(2, **{name: hidden}).fit(X)
    with pytest.raises(ValueError, match=f"{name} holds dates or durations"):
        EMGaussianMixture(2, **{name: np.asarray(values).astype("m8[D]")}).fit(X)


def no_numbers(good):
    """What may be taken for the numbers that are there, and is none, with what is said of it."""
    good = np.asarray(good, dtype=float)
    first = np.zeros(good.shape, dtype=bool)
    first.flat[0] = True
    yield good.astype("i8").astype("m8[D]"), "dates or durations"
    yield good.astype("i8").astype("M8[D]"), "dates or durations"
    yield np.ma.array(good, mask=first), "is masked"
    yield good.astype(str), "text"
    yield good + 1j, "omplex"
    for cell, told in (
        (pd.NA, "no numbers"),
        (datetime.timedelta(1), "dates or durations"),
        (pd.Timestamp("2020"), "dates or durations"),
        ("a", "text"),
    ):
        objects = good.astype(object)
        objects.flat[0] = cell
        yield objects, told


PAIR = X[[0, -1]]
#: Arguments that take arrays of numbers: what is right, and what takes them.
ARGUMENTS = {
    "weights_init": ([0.5, 0.5], lambda v: EMGaussianMixture(2, weights_init=v).fit(X)),
    "means_init": (PAIR, lambda v: EMGaussianMixture(2, means_init=v).fit(X)),
    "precisions_init": (
        [np.eye(3)] * 2,
        lambda v: EMGaussianMixture(2, precisions_init=v).fit(X),
    ),
    "resp_init": (INDICES // 20, lambda v: EMGaussianMixture(2, resp_init=v).fit(X)),
    "mean": (X[0], lambda v: EMGaussianMixture(2, prior=MixturePrior(mean=v)).fit(X)),
    "covariance": (np.eye(3), lambda v: EMGaussianMixture(prior=MixturePrior(covariance=v)).fit(X)),
    "min_value": ([-99.0] * 3, lambda v: EMImputer(min_value=v).fit(HOLED)),
    "max_value": ([99.0] * 3, lambda v: EMImputer(max_value=v).fit(HOLED)),
    "q": ([0.2, 0.5], lambda v: KINDS["regressor"].fitted().predict_quantile(X, v)),
    "times": ([1.0, 2.0], lambda v: KINDS["regressor"].fitted().predict_survival_function(X, v)),
    "level": (0.9, lambda v: KINDS["regressor"].fitted().predict_interval(X, v)),
    "y_pred": (Y, lambda v: concordance_index(Y, v)),
    "estimates": (PAIR, lambda v: pool_estimates(v, np.ones((2, 3)))),
    "variances": (np.ones((2, 3)), lambda v: pool_estimates(PAIR, v)),
    "df_complete": (50.0, lambda v: pool_estimates(PAIR, PAIR**2, df_complete=v)),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_that_are_no_numbers_are_refused_by_name(name):
    good, use = ARGUMENTS[name]
    use(np.ma.array(good, mask=False))
    for wrong, told in no_numbers(good):
        if told == "omplex" and name.endswith("_init"):
            continue  # refused in scikit-learn's words, as the rest of it is by its classes
        with pytest.raises((TypeError, ValueError), match=rf"(?s){name}.*{told}|{told}.*{name}"):
            use(wrong)


@pytest.mark.parametrize("name", ["estimates", "variances"])
def test_tables_of_estimates_that_are_no_numbers_are_refused_by_name(name):
    for wrong, told in no_numbers(PAIR):
        pooled = {"estimates": list(PAIR), "variances": list(PAIR**2), name: list(wrong)}
        with pytest.raises(ValueError, match=rf"(?s){name}.*{told}|{told}.*{name}"):
            pool_estimates(**pooled)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (EMGaussianMixture, "tol"),
        (EMGaussianMixture, "reg_covar"),
        (EMGaussianMixture, "n_components"),
        (EMImputer, "shrinkage"),
        (EMImputer, "min_value"),
        (EMCensoredRegressor, "alpha"),
        (EMCensoredRegressor, "left"),
        (EMGaussianMixtureIC, "max_components"),
    ],
)
def test_a_duration_of_numpy_is_no_number(make, name):
    """It calls itself an integer."""
    data = (X, Y) if make is EMCensoredRegressor else (X,)
    with pytest.raises(ValueError, match=name):
        make(**{name: np.timedelta64(1, "D")}).fit(*data)
    for field in ("weight_concentration", "mean_precision", "degrees_of_freedom"):
        with pytest.raises(ValueError, match=field):
            MixturePrior(**{field: np.timedelta64(1, "D")})


# Rows that do not lie in memory


def sources(values):
    """What is read block by block."""
    yield Slices(values)
    yield cut(values, 15)


@pytest.mark.parametrize(
    "name", [name for name, (cells, _) in MASKED.items() if not isinstance(cells, list)]
)
@few
@each_holed
def test_masked_blocks(kind, name, short_blocks):
    if kind is KINDS["grid"]:
        pytest.skip("fits mixtures")
    cells, nan = MASKED[name]
    expected = kind.make().fit(nan)
    for read in sources(cells):
        found = kind.make().fit(read)
        for attribute in kind.learned:
            assert_allclose(
                getattr(found, attribute), getattr(expected, attribute), rtol=1e-4, atol=1e-4
            )
        rows = kind.asks["score_samples"](found, read)
        assert_allclose(rows, kind.asks["score_samples"](found, nan), rtol=1e-5)


def test_masked_blocks_of_weights_and_responses():
    weights = WEIGHTS["numbers"]
    for kind in (KINDS["imputer"], KINDS["regressor"]):
        expected = kind.weighted["fit"](kind.make(), X, NO)
        for read in sources(X):
            for beside in (weights, Slices(weights), cut(weights, 15)):
                if isinstance(read, Slices) and isinstance(beside, Parts):
                    continue
                same(kind, kind.weighted["fit"](kind.make(), read, beside), expected)
    for read in sources(X):
        for y in (RESPONSES["numbers"], RESPONSES["bounds"], RESPONSES["list"]):
            with pytest.raises(ValueError, match="y is masked in row 5"):
                EMCensoredRegressor().fit(read, y)
        with pytest.raises(ValueError, match=r"y is masked in row \d.*\n.*block \d of"):
            EMCensoredRegressor().fit(cut(X, 15), cut(RESPONSES["numbers"], 15))


@each_kind
def test_dates_and_words_in_blocks(kind):
    days = np.column_stack([DAYS.to_numpy()] * 3)
    frame = FRAME.assign(b=DAYS)
    words = FRAME.assign(b=WORDS)
    for read in (*sources(days), cut(frame, 15), cut(frame[["b"]], 15)):
        with pytest.raises(ValueError, match=f"X holds dates or durations in column .*{UNIT}"):
            kind.fits["fit"](kind.make(), read)
    for read in (cut(words, 15), cut(words.to_numpy(), 15)):
        message = r"X holds text in column ('b'|1) \('west'\)(.|\n)*That is in block 0 of X"
        numbers = {"categorical_features": None}  # of those that tell categories of a frame
        given = numbers if "categorical_features" in kind.make().get_params() else {}
        with pytest.raises(ValueError, match=message):
            kind.fits["fit"](kind.make().set_params(**given), read)


def test_blocks_of_objects_of_float16_and_of_lists():
    cells = HOLED.astype(np.float16)
    marked = np.where(HOLES, np.float16(-999.9), cells)
    for given_, options in (
        (cells, {}), (holed_with(pd.NA), {}), (marked, {"missing_values": -999.9}),
        (OBJECTS, {}), (pd.DataFrame(holed_with(pd.NA)), {}),
    ):  # fmt: skip
        imputer = EMImputer(**options)
        whole = clone(imputer).fit(given_)
        for read in (cut(given_, 15), *([] if hasattr(given_, "iloc") else [Slices(given_)])):
            same(KINDS["imputer"], clone(imputer).fit(read), whole)
    lists = Parts(OBJECTS[:15].tolist(), OBJECTS[15:].tolist())
    same(KINDS["imputer"], EMImputer().fit(lists), EMImputer().fit(HOLED))


def test_coarse_columns_of_blocks():
    for X in (pressure(0.002, np.float32), pressure(0.002, np.float32, shape="frame")):
        for read in (cut(X, 700), *([] if hasattr(X, "iloc") else [Slices(X)])):
            with pytest.warns(
                DataWarning, match=r"Rounding shows in what varies in column (0|'p') \("
            ):
                EMImputer().fit(read)
    EMImputer().fit(cut(pressure(1.0, np.float32), 700))


# Dask collections


def test_masks_and_coarse_columns_of_dask_arrays(client):
    da = pytest.importorskip("dask.array")
    imputer = KINDS["imputer"]
    expected = imputer.make().fit(HOLED, sample_weight=NO)
    for cells, weights in (
        (masked(-9999.0), WEIGHTS["numbers"]),
        (masked(-9999.0, object), da.from_array(WEIGHTS["numbers"], chunks=15)),
    ):
        collection = da.from_array(cells, chunks=(15, 3))
        found = imputer.make().fit(collection, sample_weight=weights)
        same(imputer, found, expected)
        assert_allclose(found.transform(collection).compute(), expected.transform(HOLED))
        assert_allclose(
            found.score(collection, sample_weight=weights), expected.score(HOLED, sample_weight=NO)
        )
    with pytest.warns(DataWarning, match=r"Rounding shows in what varies in column 0 \("):
        EMImputer().fit(da.from_array(pressure(0.002, np.float32), chunks=(500, 2)))


def test_markers_and_absent_cells_of_dask_frames(client):
    dd = pytest.importorskip("dask.dataframe")
    types = {"a": np.float32, "b": np.float64, "c": np.float16}
    marked = FRAME.astype(types).where(~HOLES, -999.9).astype(types)
    for frame, options in (
        (marked, {"missing_values": -999.9}),
        (FRAME.where(~HOLES).astype("Float64"), {}),
    ):
        imputer = EMImputer(**options)
        whole = clone(imputer).fit(frame)
        same(KINDS["imputer"], clone(imputer).fit(dd.from_pandas(frame, npartitions=2)), whole)


def test_what_is_refused_of_dask_collections(client):
    da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
    days = da.from_array(np.column_stack([DAYS.to_numpy()] * 3), chunks=(15, 3))
    frame = dd.from_pandas(FRAME.assign(b=DAYS), npartitions=2)
    for kind in KINDS.values():
        for collection in (days, frame, frame[["b"]]):
            with pytest.raises(ValueError, match=f"X holds dates or durations in column .*{UNIT}"):
                kind.fits["fit"](kind.make(), collection)
    words = dd.from_pandas(FRAME.assign(b=WORDS), npartitions=2)
    with pytest.raises(ValueError, match=r"text in column 'b' \('west'\)(.|\n)*chunk \d of X"):
        EMImputer().fit(words)
    with pytest.raises(ValueError, match=r"Column 'b' holds inf in row 0 (.|\n)*chunk \d of X"):
        EMImputer().fit(dd.from_pandas(FRAME.assign(b=np.inf), npartitions=2))
    chunks = da.from_array(X, chunks=(15, 3))
    for y in (RESPONSES["numbers"], da.from_array(RESPONSES["numbers"], chunks=15)):
        with pytest.raises(ValueError, match="y is masked in row 5"):
            EMCensoredRegressor().fit(chunks, y)
    for y in (SPANS, SPANS.to_numpy(), da.from_array(SPANS.to_numpy(), chunks=15)):
        with pytest.raises(ValueError, match="y holds dates or durations"):
            EMCensoredRegressor().fit(chunks, y)
    for weights in (SPANS.to_numpy(), da.from_array(SPANS.to_numpy(), chunks=15)):
        with pytest.raises(ValueError, match="sample_weight holds dates or durations"):
            EMImputer().fit(chunks, sample_weight=weights)


# Displays


def test_displays_read_masks_and_refuse_words():
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    cells = masked(-9999.0)
    mixture, imputer = KINDS["mixture"].fitted(), KINDS["imputer"].fitted()
    assert_array_equal(np.isnan(ImputationDisplay.from_estimator(imputer, cells).X), HOLES)
    assert_array_equal(MixtureDisplay.from_estimator(mixture, cells).X, HOLED)
    words = X.astype(object)
    words[2, 1] = "west"
    with pytest.raises(ValueError, match=r"text in column 1 \('west'\)"):
        MixtureDisplay.from_estimator(mixture, words)
    plt.close("all")
