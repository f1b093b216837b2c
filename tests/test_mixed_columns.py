"""What the parameters of `EMImputer` say of columns with categories, and what is refused."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emkit import EMImputer
from emkit.exceptions import DataWarning

N = 120
RNG = np.random.default_rng(1)
CLASS = RNG.integers(0, 3, N)
X = pd.DataFrame(
    {
        "x": 2.0 * CLASS + RNG.normal(size=N),
        "y": RNG.normal(size=N),
        "grade": np.array(["mid", "hi", "lo"], dtype=object)[CLASS],
        "flag": pd.array(CLASS > 0, dtype="boolean"),
        "count": pd.array(RNG.poisson(3.0, N), dtype="Int64"),
    }
)
for name in X:
    X.loc[RNG.random(N) < 0.2, name] = None
RARE = X.assign(town=[f"t{i // 2}" if i < 10 else "big" if i % 3 else "small" for i in range(N)])
RARE.loc[20:40, "town"] = None


def categorical(**arguments):
    return EMImputer(**arguments).fit(X).is_categorical_.tolist()


def test_which_columns_are_categories_is_found_or_named():
    found = [False, False, True, True, False]
    assert categorical() == found
    for named in (["grade", "flag"], [2, 3], [-3, -2], found, np.array(found), ("grade", 3)):
        assert categorical(categorical_features=named) == found
    assert categorical(categorical_features=["grade", "flag", "count"])[4]
    assert categorical(ordinal_features=["count"])[4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"categorical_features": ["color"]}, "does not have: 'color'. It has 'x', 'y', 'grade'"),
        ({"categorical_features": [5]}, "does not have: 5"),
        ({"categorical_features": [-6]}, "does not have: -6"),
        ({"categorical_features": [2.5]}, r"does not have: 2\.5"),
        ({"categorical_features": [True]}, "mask of 1 columns, and X has 5"),
        ({"categorical_features": "grade"}, "categorical_features"),
        (
            {"categorical_features": ["flag"]},
            r"text in column 'grade' \('hi'\), which categorical_",
        ),
        ({"categorical_features": None}, r"text in column 'grade' \("),
        ({"ordinal_features": ["grade"]}, r"names column 'grade'.*lowest, \.\.\., highest"),
        (
            {"ordinal_features": {"grade": ["lo", "mid"]}},
            "column 'grade', and X holds others: 'hi'",
        ),
        ({"ordinal_features": {"grade": ["lo", "mid", "hi", "lo"]}}, "a level .* twice"),
        ({"ordinal_features": {"grade": {"lo", "mid", "hi"}}}, "set and has no order"),
        ({"ordinal_features": {"grade": "lmh"}}, "str and has no order"),
        ({"ordinal_features": {"color": ["red"]}}, "does not have: 'color'"),
        ({"discrete_features": ["color"]}, "does not have: 'color'"),
        ({"min_value": {"grade": 0.0}}, "min_value names 'grade', which is a column of categories"),
        ({"max_value": {"color": 0.0}}, "max_value names features that X does not have"),
    ],
)
def test_what_is_wrong_with_a_column_is_told_by_its_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        EMImputer(**arguments).fit(X)


def test_levels_are_never_ordered_by_name():
    order = ["lo", "mid", "hi"]
    of_dtype = X.assign(grade=pd.Categorical(X["grade"], order, ordered=True))
    unordered = X.assign(grade=X["grade"].astype("category"))
    for imputer, given in (
        (EMImputer(ordinal_features={"grade": order}), X),
        (EMImputer(), of_dtype),
        (EMImputer(ordinal_features=["grade"]), of_dtype),
    ):
        assert imputer.fit(given).categories_[0].tolist() == order
    with pytest.raises(ValueError, match="names do not either"):
        EMImputer(ordinal_features=["grade"]).fit(unordered)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            pd.Series(pd.date_range("2020", periods=N)),
            r"dates or durations in column 'z' \(datetime",
        ),
        (pd.Categorical(pd.date_range("2020", periods=N)), "dates or durations in column 'z'"),
        (pd.Series(pd.timedelta_range("1D", periods=N)), r"durations in column 'z' \(timedelta"),
        (pd.period_range("2020", periods=N), r"column 'z' \(period"),
        (pd.Series([pd.Timestamp("2020").date()] * N, dtype=object), r"column 'z' \(date\)"),
        (
            pd.Series(["many", 1.5] * (N // 2), dtype=object),
            r"(?s)Column 'z'.*'many'.*missing_values",
        ),
        (pd.Series([[1]] * N, dtype=object), r"column 'z' \(list\)"),
        (pd.Series([{"a": 1}, "b"] * (N // 2), dtype=object), r"column 'z' \(dict\)"),
    ],
)
def test_what_is_no_number_and_no_level_is_refused_by_name(column, message):
    with pytest.raises((ValueError, TypeError), match=message):
        EMImputer().fit(X.assign(z=column))


def test_lists_are_no_levels_even_where_they_are_named():
    given = X.assign(z=pd.Series([[1]] * N, dtype=object))
    with pytest.raises(ValueError, match="Column 'z' of X holds objects of type list"):
        EMImputer(categorical_features=["grade", "flag", "z"]).fit(given)


# Levels that were not seen


NEW = X.assign(grade=["other", *X["grade"][1:]])


@pytest.mark.parametrize(
    "call",
    [
        lambda imputer: imputer.transform(NEW),
        lambda imputer: imputer.impute_proba(NEW),
        lambda imputer: imputer.score(NEW),
        lambda imputer: imputer.score_samples(NEW),
        lambda imputer: imputer.multiple_impute(NEW, 3, X_fit=X),
        lambda imputer: imputer.set_params(n_jobs=2).multiple_impute(NEW, 2, X_fit=X),
    ],
)
def test_an_unknown_level_is_told_once_and_counts_as_missing(call):
    imputer = EMImputer(random_state=0).fit(X)
    with pytest.warns(
        DataWarning, match=r"not seen in fit, in column\(s\) 'grade' \('other'\)"
    ) as told:
        call(imputer)
    assert len(told) == 1
    refusing = EMImputer(handle_unknown="error", random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"'grade' \('other'\).*handle_unknown='missing'"):
        call(refusing)


def test_an_unknown_level_stays_and_says_nothing_of_the_other_cells():
    imputer = EMImputer().fit(X)
    missing = NEW.copy()
    missing.loc[0, "grade"] = None
    with pytest.warns(DataWarning, match="not seen"):
        filled, proba, score = (
            getattr(imputer, name)(NEW) for name in ("transform", "impute_proba", "score")
        )
    assert filled["grade"][0] == "other"
    expected = imputer.transform(missing)
    pd.testing.assert_frame_equal(filled.drop(columns="grade"), expected.drop(columns="grade"))
    assert_allclose(proba["grade"][0], imputer.impute_proba(missing)["grade"][0])
    assert score == pytest.approx(imputer.score(missing))


def test_levels_are_known_by_name_whatever_their_type_and_order():
    imputer = EMImputer().fit(X)
    expected = imputer.transform(X)["grade"].astype(object)
    others = (
        pd.Categorical(X["grade"], ["hi", "lo", "mid"]),
        pd.Categorical(X["grade"], ["mid", "unused", "hi", "lo"]),
        X["grade"].astype("string"),
    )
    for grade in others:
        filled = imputer.transform(X.assign(grade=grade))["grade"]
        assert filled.astype(object).tolist() == expected.tolist()


# Rare levels, limits, whole numbers, marks


@pytest.mark.parametrize("min_frequency", [3, 0.03])
def test_rare_levels_share_a_code_and_are_imputed_by_name(min_frequency):
    imputer = EMImputer(min_frequency=min_frequency, sample_posterior=True, random_state=0)
    filled = imputer.fit(RARE).transform(RARE)
    assert set(filled["town"]) <= set(RARE["town"].dropna())
    table = dict(zip(imputer.categories_[-1], imputer.tables_["town"][0], strict=True))
    rare = [table[f"t{i}"] for i in range(5)]
    assert_allclose(rare, rare[0])
    assert table["big"] > rare[0]
    proba = imputer.impute_proba(RARE)["town"]
    assert_allclose(proba.sum(axis=1), 1.0)
    tables = imputer.multiple_impute(RARE, 2)  # the same levels are pooled in all fits
    assert not tables[1]["town"].isna().any()


def test_where_all_levels_are_rare_none_is_pooled():
    some = EMImputer(min_frequency=N, random_state=0).fit(RARE)
    none = EMImputer(random_state=0).fit(RARE)
    pd.testing.assert_frame_equal(some.transform(RARE), none.transform(RARE))


def test_limits_and_whole_numbers_hold_among_categories():
    for draws in (False, True):
        imputer = EMImputer(
            min_value={"x": 0.5, "count": 2},
            max_value={"x": 1.5},
            discrete_features=["count", "y"],
            sample_posterior=draws,
            random_state=0,
        )
        filled, holes = imputer.fit_transform(X), X.isna()
        assert filled["x"][holes["x"]].between(0.5, 1.5).all()
        assert filled["count"][holes["count"]].between(2, X["count"].max()).all()
        assert_array_equal(filled["y"][holes["y"]] % 1.0, 0.0)
        assert filled["count"].dtype == "Int64"
    as_numbers = EMImputer(discrete_features=None).fit_transform(X)["count"]
    assert as_numbers.dtype == "Float64"
    assert (as_numbers % 1.0 > 0).any()


@pytest.mark.parametrize("mark", ["?", "", -1, None, np.nan, pd.NA], ids=repr)
@pytest.mark.parametrize("kind", [object, "category"])
def test_a_mark_is_no_level(mark, kind):
    holes = X["grade"].isna()
    whole = pd.DataFrame({"x": X["x"].fillna(0.5), "grade": X["grade"].astype(object)})
    given = whole.assign(
        grade=[mark if hole else g for g, hole in zip(X["grade"], holes, strict=True)]
    )
    if kind == "category":
        given["grade"] = given["grade"].astype("category")
    imputer = EMImputer(missing_values=mark).fit(given)
    assert imputer.categories_[0].tolist() == ["hi", "lo", "mid"]
    filled = imputer.transform(given)
    assert set(filled["grade"]) == {"hi", "lo", "mid"}
    assert imputer.score(given) == pytest.approx(EMImputer().fit(whole).score(whole))


# Weights, and going on


def test_weights_are_frequencies_of_levels_too():
    weights = RNG.integers(0, 3, N).astype(float)
    weights[RARE["town"] == "t3"] = 0.0
    repeated = RARE.loc[RARE.index.repeat(weights.astype(int))]
    for arguments in ({}, {"min_frequency": 4}):
        weighted = EMImputer(**arguments).fit(RARE, sample_weight=weights)
        plain = EMImputer(**arguments).fit(repeated)
        assert weighted.categories_[-1].tolist() == plain.categories_[-1].tolist()
        assert "t3" not in weighted.categories_[-1]
        assert weighted.log_likelihood_ == pytest.approx(plain.log_likelihood_)
        for name, table in plain.tables_.items():
            assert_allclose(weighted.tables_[name], table, atol=1e-8)
    halves = EMImputer(shrinkage=0.1).fit(X, sample_weight=np.full(N, 0.5))
    twice = EMImputer(shrinkage=0.1).fit(
        pd.concat([X, X], ignore_index=True), sample_weight=np.full(2 * N, 0.25)
    )
    assert halves.log_likelihood_ == pytest.approx(twice.log_likelihood_)


def test_a_warm_start_knows_levels_by_name():
    imputer = EMImputer(2, warm_start=True, random_state=0).fit(X)
    assert imputer.fit(X).n_iter_ <= 3
    renamed = X.assign(grade=X["grade"].replace({"hi": "top"}))
    with pytest.raises(ValueError, match=r"had other levels .* in column\(s\) grade"):
        imputer.fit(renamed)


def test_restarts_and_searches_take_categories():
    one = EMImputer(3, random_state=0).fit(X).history_[-1]
    many = EMImputer(3, n_init=4, random_state=0).fit(X)
    assert len(many.runs_) == 4
    assert many.history_[-1] >= one - 1e-9
    assert EMImputer(3, n_init=3, search="short_runs", random_state=0).fit(X).converged_


# Rows in blocks


class Parts:
    def __init__(self, *parts):
        self.parts = parts

    def __iter__(self):
        return iter(self.parts)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (X, r"'grade' \(\w+\)"),
        (pl.DataFrame({"x": [1.0, 2.0] * 60, "grade": ["a", "b"] * 60}), r"'grade' \(String\)"),
    ],
)
def test_categories_whose_levels_no_type_lists_are_refused_in_blocks(given, named):
    parts = Parts(given[: N // 2], given[N // 2 :])
    told = rf"categories in column\(s\) {named}.*\. Give the column a type that lists its levels"
    with pytest.raises(ValueError, match=f"read block by block .*{told}"):
        EMImputer().fit(parts)
    with pytest.raises(ValueError, match=f"comes in batches, .*{told}"):
        EMImputer().partial_fit(given)
    whole = EMImputer().fit(given)
    with pytest.raises(ValueError, match="impute_proba takes tables in memory"):
        whole.impute_proba(parts)


def test_so_are_those_of_a_dask_collection():
    dd = pytest.importorskip("dask.dataframe")
    given = dd.from_pandas(X[["x"]].assign(grade=X["grade"].astype("category")), npartitions=2)
    unknown = given.assign(grade=given["grade"].cat.as_unknown())
    with pytest.raises(ValueError, match=r"read block by block .*'grade' \(category\).*categorize"):
        EMImputer().fit(unknown)


# Tables that leave little to go by


def filled(imputer, given):
    """Whatever there is, all of it is finite and complete."""
    out = imputer.fit_transform(given)
    assert not out.isna().to_numpy().any()
    assert np.isfinite(imputer.score(given))
    assert np.isfinite(imputer.log_likelihood_)
    for levels, p in zip(imputer.categories_, imputer.impute_proba(given).values(), strict=True):
        assert p.shape == (len(given), len(levels))
        assert_allclose(p.sum(axis=1), 1.0)
    return out


LEVELS = pd.DataFrame(
    {
        "many": np.array([f"l{i}" for i in RNG.integers(0, 1000, 3000)], dtype=object),
        "x": RNG.normal(size=3000),
        "few": np.array(["a", "b"], dtype=object)[RNG.integers(0, 2, 3000)],
    }
)
LEVELS = LEVELS.mask(RNG.random(LEVELS.shape) < 0.1)
BITS = (
    pd.DataFrame(RNG.random((200, 200)) < 0.5).astype("boolean").mask(RNG.random((200, 200)) < 0.1)
)
SMALL = {
    "a thousand levels": LEVELS,
    "a thousand levels alone": LEVELS[["many"]],
    "a level of every row": X.assign(id=[f"i{i}" for i in range(N)]),
    "a level seen once": X.assign(grade=["once", *X["grade"][1:]]),
    "a row without a cell": X.mask(np.outer(np.arange(N) == 3, [True] * 5)),
    "all categories": X[["grade", "flag"]],
    "one column": X[["grade"]],
    "one column of truth values": X[["flag"]],
    "a constant": X.assign(k=["k", None] * (N // 2)),
    "only a constant": pd.DataFrame({"k": ["k", None] * 3}),
    "fewer rows than levels": pd.DataFrame(
        {"x": [1.0, 2.0, np.nan, 4.0], "c": pd.Categorical(["a", "b", "c", None], list("abcdefgh"))}
    ),
    "the same twice": X.assign(again=X["grade"], flag2=X["flag"]),
    "two hundred truth values": BITS.set_axis([f"b{j}" for j in range(200)], axis=1),
}


@pytest.mark.parametrize("given", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize(
    "arguments", [{}, {"n_components": 2}, {"sample_posterior": True}], ids=str
)
def test_a_table_that_leaves_little_to_go_by_is_filled_without_a_warning(given, arguments):
    filled(EMImputer(random_state=0, **arguments), given)


@pytest.mark.parametrize(
    ("column", "n_levels"),
    [
        (pd.Categorical([None] * N, ["u", "v"]), 2),
        (pd.array([None] * N, dtype="boolean"), 2),
        (pd.Categorical([None] * N), 0),
        (pd.array([None] * N, dtype="string"), 0),
    ],
)
def test_a_column_without_a_cell_is_dropped_or_kept_with_a_warning(column, n_levels):
    given = X.assign(none=column)
    dropped = EMImputer()
    with pytest.warns(DataWarning, match="Nothing is observed in feature.* none: they are dropped"):
        out = dropped.fit_transform(given)
    assert list(out.columns) == list(X.columns) == list(dropped.get_feature_names_out())
    pd.testing.assert_frame_equal(out, EMImputer().fit_transform(X))
    kept = EMImputer(keep_empty_features=True)
    with pytest.warns(DataWarning, match="first level that their type lists, or not at all"):
        out = kept.fit_transform(given)
    assert out["none"].dtype == given["none"].dtype
    assert out["none"].isna().all() == (n_levels == 0)
    assert_allclose(kept.impute_proba(given)["none"], np.full((N, n_levels), 1 / max(n_levels, 1)))


def test_more_classes_than_rows_are_refused():
    with pytest.raises(ValueError, match="n_components = 9, n_samples = 5"):
        EMImputer(9).fit(X[:5])


# What is learned


def test_what_is_learned_is_named_and_adds_up():
    imputer = EMImputer(2, random_state=0).fit(X)
    proba = imputer.impute_proba(X)
    assert list(imputer.tables_) == list(proba) == ["grade", "flag"]
    for levels, (name, table) in zip(imputer.categories_, imputer.tables_.items(), strict=True):
        assert table.shape == (2, len(levels))
        assert_allclose(table.sum(axis=1), 1.0)
        assert imputer.effects_[name].shape == (len(levels), 3)
        assert_allclose(imputer.effects_[name].sum(axis=0), 0.0, atol=1e-9)
        observed = X[name].notna().to_numpy()
        likeliest = levels[proba[name].argmax(axis=1)]
        assert likeliest[observed].tolist() == X[name][observed].tolist()
        assert_array_equal(proba[name][observed].max(axis=1), 1.0)
        assert likeliest.tolist() == imputer.transform(X)[name].tolist()
    assert imputer.score(X) == pytest.approx(imputer.score_samples(X).mean())
    assert imputer.score(X) * N == pytest.approx(imputer.log_likelihood_)
    summary = imputer.summary()
    assert list(summary.index) == list(X.columns)
    assert_allclose(summary["missing"], X.isna().mean())
    assert summary["mean"].isna().tolist() == imputer.is_categorical_.tolist()


def test_numbers_alone_have_no_probabilities():
    with pytest.raises(ValueError, match="impute_proba tells probabilities of levels"):
        EMImputer().fit(X[["x", "y"]]).impute_proba(X[["x", "y"]])


def test_nothing_is_told_of_a_plain_table():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imputer = EMImputer(2, add_indicator=True, random_state=0).fit(X)
        imputer.transform(X)
        imputer.multiple_impute(X, 2)
        one = EMImputer().fit(X)
        one.standard_errors(X)
        one.summary(X)


def test_numbers_alone_are_rounded_only_where_they_are_named():
    counts = X[["x", "count"]]
    as_floats = EMImputer().fit_transform(counts.astype(float))
    assert_allclose(EMImputer().fit_transform(counts), as_floats)
    named = EMImputer(discrete_features=["count"]).fit_transform(counts)
    assert_array_equal(named[:, 1] % 1.0, 0.0)
