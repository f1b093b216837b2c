"""Rows in memory, in a memory map, read block by block, on a cluster: a fit is the same."""

import threading
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from places import (
    BLOCK,
    BY_NAME,
    CASES,
    IMPUTER,
    MIXTURE,
    REGRESSOR,
    D,
    K,
    N,
    clusters,
    each_estimator,
    frequencies,
    gathered,
    places,
    quiet,
    responses,
    set_sizes,
    sources,
    table,
    to_fit,
)
from tables import Parts, Slices, cut

from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    MixturePrior,
)
from emkit.engine import Blocks, Genetic
from emkit.exceptions import DataWarning
from emkit.mixture import Race
from emkit.mixture.table import open_table
from emkit.models.laws.registry import LAWS

pytestmark = quiet


def mixture(**options):
    return EMGaussianMixture(K, **{"tol": 1e-6, "random_state": 0, "max_iter": 200, **options})


# Fits from a given start


def worth_its_time(case, weighted, place):
    """Of the many structures of a covariance not everything is tried."""
    many = case.name.startswith(("mixture", "imputer-2"))
    if place == "cluster" and many:
        one = case.name.startswith("mixture")
        return weighted if one else not weighted and case.name.endswith(("-full", "-spherical"))
    # Structures differ in what is summed, and not in how blocks are read.
    return not many or case is MIXTURE or (place, weighted) in {("slices", False), ("blocks", True)}


FITS = [
    (case, weighted, place)
    for case, weighted, place in product(
        CASES, (False, True), ("memory", "map", "slices", "blocks", "cluster")
    )
    if worth_its_time(case, weighted, place)
]


@pytest.mark.parametrize(
    ("case", "weighted", "put"),
    FITS,
    indirect=["put"],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_fit_is_that_of_the_memory(case, weighted, put):
    """And the objective never falls."""
    X, y, weights = put.all(case.X, case.y, frequencies() if weighted else None)
    whole, read = case.whole(weighted), case.fit(X, y, weights)
    case.agree(read, whole)
    assert (np.diff(read.history_) >= -1e-14 * np.abs(read.history_[1:])).all()
    if hasattr(whole, "missing_fraction_"):
        assert list(read.get_feature_names_out()) == list(whole.get_feature_names_out())
        assert_array_equal(read.missing_fraction_ > 0.0, whole.missing_fraction_ > 0.0)
    for source in (X, y):
        assert not isinstance(source, Slices) or source.largest <= BLOCK


def test_blocks_of_the_engine_are_blocks_too(short_blocks):
    MIXTURE.agree(MIXTURE.fit(Blocks(cut(MIXTURE.X, BLOCK).parts)), MIXTURE.whole())


@pytest.mark.parametrize(
    "chunked",
    [
        lambda da, X: da.from_array(X, chunks=((0, 500, 0, 1000), D)),
        lambda da, X: da.from_array(X, chunks=(500, 2)),
        lambda da, X: (lambda Z: Z[Z[:, 0] < np.inf])(da.from_array(X, chunks=(500, D))),
        lambda da, X: da.concatenate([da.from_array(X[:500]), da.from_array(X[500:])]).persist(),
    ],
    ids=["no rows", "columns", "unknown sizes", "persisted"],
)
def test_any_chunks_will_do(client, chunked):
    da = pytest.importorskip("dask.array")
    X, weights = clusters(), 1.0 + np.random.default_rng(2).random(N)
    collection = chunked(da, X)
    case = BY_NAME["mixture-full"]
    local, remote = case.fit(X, None, weights), case.fit(collection, None, weights)
    case.agree(remote, local)
    assert_array_equal(remote.predict(collection).compute(), local.predict(X))
    for name in ("score", "aic", "bic"):
        expected = getattr(local, name)(X, sample_weight=weights)
        assert getattr(remote, name)(collection, sample_weight=weights) == pytest.approx(
            expected, rel=1e-12
        )


# Drawn starts, searches and forms


def student(**options):
    options = {"distribution": "student_t", "random_state": 0, "tol": 1e-3, **options}
    return EMCensoredRegressor(n_init=3, n_jobs=2, **options)


STARTS = {
    "mixture": (lambda: mixture(n_init=2, n_jobs=2, tol=1e-2), (clusters(0.1),), 1e-8),
    "imputer": (lambda: EMImputer(2, random_state=0, n_init=2, tol=1.0), (table(),), 1e-7),
    "regressor": (student, responses(), 1e-5),
    "short_runs": (lambda: student(search="short_runs", tol=1e-6), responses(), 1e-5),
}


@cache
def started_in_memory(name):
    make, data, _ = STARTS[name]
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_sizes(monkeypatch, BLOCK)
        return make().set_params(n_jobs=None).fit(*data)


@pytest.mark.parametrize(
    ("name", "put"),
    [
        *product(STARTS, ("slices", "blocks")),
        *product(("mixture", "imputer", "short_runs"), ["cluster"]),
    ],
    indirect=["put"],
)
def test_starts_are_drawn_as_in_memory_from_rows_that_are_few(name, put):
    """One after the other: not every source could follow to other processes."""
    make, data, tol = STARTS[name]
    local, rows = started_in_memory(name), put.all(*data)
    if not hasattr(rows[0], "dask"):
        rows[0].lock = threading.Lock()  # cannot be pickled
    remote = make().fit(*rows)
    assert len(remote.runs_) == len(local.runs_) == local.n_init
    for name in ("means_", "covariances_", "coef_", "scale_", "history_"):
        if hasattr(local, name) and (name != "history_" or local.n_init == 2):
            assert_allclose(getattr(remote, name), getattr(local, name), rtol=tol, atol=tol)
    assert remote.history_[-1] == pytest.approx(local.history_[-1], rel=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_starts_are_drawn_from_a_sample_of_rows_that_are_many(client, monkeypatch, weighted):
    da = pytest.importorskip("dask.array")
    X, size = clusters(), 200
    weights = (np.arange(N) % 2).astype(float) if weighted else None
    monkeypatch.setattr("emkit.data.dask_collections.sample_size", lambda *_: size)
    collection = da.from_array(X, chunks=((1000, 0, 500), D))
    sample = open_table(mixture(), collection, weights, reset=True).fit_data(2).start_data
    assert sample.X.shape == (size, D) and sample.sample_weight is None
    where = (sample.X[:, None, :] == X[None]).all(axis=2).argmax(axis=1)
    assert_array_equal(X[where], sample.X)
    if weighted:
        assert (where % 2 == 1).all()
    else:
        assert len(set(where)) == size
    # two thirds of the rows lie in the first chunk: five standard deviations about it
    assert abs((where < 1000).mean() - 2 / 3) < 5 * np.sqrt(2 / 9 / size)
    local = mixture(max_iter=500, tol=1e-8).fit(X, sample_weight=weights)
    remote = mixture(max_iter=500, tol=1e-8).fit(collection, sample_weight=weights)
    assert remote.lower_bound_ == pytest.approx(local.lower_bound_, rel=1e-6)


@places("blocks", "cluster")
@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "cem"},
        {"search": "annealing"},
        {"search": "short_runs", "n_init": 3},
        {"search": Genetic(budget=40)},
        {"prior": MixturePrior(covariance=np.eye(D), mean=np.zeros(D)), "acceleration": "squarem"},
        {"prior": "mclust"},
        {"means_init": np.outer([-2.0, 1.0, 3.0], np.ones(D))},
    ],
    ids=lambda options: "-".join(options),
)
def test_forms_and_searches_climb_to_the_same_place(options, put):
    X, options = clusters(apart=1.5), {"tol": 1e-8, **options}
    local, remote = mixture(**options).fit(X), mixture(**options).fit(put(X))
    assert remote.lower_bound_ == pytest.approx(local.lower_bound_, rel=1e-10)
    assert_allclose(remote.means_, local.means_, atol=1e-4)


@places("blocks", "cluster")
@pytest.mark.parametrize(
    "options",
    [{"noise": True}, {"noise": 5e4, "means_init": np.outer([-6.0, 0.0, 8.0], np.ones(D))}],
)
def test_noise_starts_from_sparse_rows_wherever_they_lie(options, put):
    X = clusters(apart=2.0)
    X[::10] = np.random.default_rng(0).uniform(-20.0, 20.0, X[::10].shape)
    options = {"tol": 1e-8, "max_iter": 500, **options}
    local, remote = mixture(**options).fit(X), mixture(**options).fit(put(X))
    assert local.noise_weight_ > 0.05
    assert remote.lower_bound_ == pytest.approx(local.lower_bound_, rel=1e-9)
    assert_array_equal(gathered(remote.predict(put(X))) == -1, local.predict(X) == -1)


@places("slices", "blocks", "cluster")
def test_a_grid_of_mixtures(put):
    options = {"max_components": 2, "covariance_type": "full", "n_init": 1, "random_state": 0}
    options["search"] = Race()  # each fit by itself, wherever the rows lie
    X = clusters()
    whole = EMGaussianMixtureIC(**options).fit(X)
    read = EMGaussianMixtureIC(**options, n_jobs=2).fit(put(X))
    for name in ("bic", "icl"):
        assert_allclose(read.results_[name], whole.results_[name], rtol=1e-9)
    assert_array_equal(gathered(read.predict(put(X))), whole.predict(X))


@places("blocks", "cluster")
def test_degrees_of_freedom_are_estimated(put):
    X, y = responses(n=300)
    tol = 1e-4 if put.place == "dask" else 1e-8  # steps on a cluster take their time
    options = {"distribution": "student_t", "df": "estimate", "tol": tol}
    whole = EMCensoredRegressor(**options).fit(X, y)
    read = EMCensoredRegressor(**options).fit(put(X, 150), put(y, 150))
    # The likelihood is flat about its maximum, where rounding leads the search astray.
    assert_allclose(read.df_, whole.df_, rtol=1e-4)
    assert_allclose(read.log_likelihood_, whole.log_likelihood_, rtol=1e-10)


@places("memory", "slices", "cluster")
def test_a_start_looks_at_some_of_many_rows(put):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(4400, D)).astype(np.float32)
    y = X[:, 0] + rng.normal(size=len(X))
    options = {"left": -0.5, "right": 0.2, "tol": 1e-13}
    local = EMCensoredRegressor(**options).fit(X, y)
    remote = EMCensoredRegressor(**options).fit(put(X, 2000), put(y, 2000))
    REGRESSOR.agree(remote, local)
    # A warm start does not.
    again = remote.set_params(warm_start=True).fit(put(X, 2000), put(y, 2000))
    assert again.history_[0] == pytest.approx(local.history_[-1], rel=1e-10)
    observed = gathered(local.predict_observed(put(X, 2000)))
    assert_allclose(observed, local.predict_observed(X), rtol=1e-10)


# Weights


@sources
@each_estimator
def test_weights_are_frequencies(case, put):
    weights = frequencies()
    times = weights.astype(int)
    y = None if case.y is None else np.repeat(case.y, times, axis=0)
    repeated = case.fit(np.repeat(case.X, times, axis=0), y)
    case.agree(case.fit(put(case.X), put(case.y), weights), repeated, tol=1e-9)


@pytest.mark.parametrize(
    "form",
    [
        lambda weights: weights,
        lambda weights: cut(weights, BLOCK),
        Slices,
        list,
        lambda weights: pd.Series(weights),
    ],
    ids=["array", "blocks", "slices", "list", "series"],
)
@places("blocks")
@each_estimator
def test_weights_in_any_form(case, form, put):
    weights, X, y = frequencies(), put(case.X), put(case.y)
    read, whole = case.fit(X, y, form(weights)), case.whole(True)
    case.agree(read, whole)
    expected = case.score(whole, "score", case.X, case.y, weights)
    assert case.score(read, "score", X, y, form(weights)) == pytest.approx(expected, rel=1e-12)


@places("blocks")
@pytest.mark.parametrize("case", [MIXTURE, IMPUTER], ids=["mixture", "imputer"])
def test_a_number_or_numbers_as_weights(case, put):
    expected = case.fit(case.X, None, 2.0)
    for weights in (2.0, [2.0] * N):
        case.agree(case.fit(put(case.X), None, weights), expected)


def test_responses_and_weights_in_other_chunks(client):
    da = pytest.importorskip("dask.array")
    X, y = da.from_array(REGRESSOR.X, chunks=((700, 0, 800), 2)), REGRESSOR.y
    y, weights = da.from_array(y, chunks=(900, 1)), da.from_array(frequencies(), chunks=800)
    REGRESSOR.agree(REGRESSOR.fit(X, y, weights), REGRESSOR.whole(True))
    for name in REGRESSOR.scores:
        expected = REGRESSOR.score(REGRESSOR.whole(), name, REGRESSOR.X, REGRESSOR.y, frequencies())
        found = REGRESSOR.score(REGRESSOR.whole(), name, X, y, weights)
        assert found == pytest.approx(expected, rel=1e-12)


def test_weights_in_other_chunks_need_known_sizes(client):
    da = pytest.importorskip("dask.array")
    X, weights = da.from_array(MIXTURE.X, chunks=500), da.ones(N, chunks=900)
    MIXTURE.agree(MIXTURE.fit(X, None, weights), MIXTURE.whole())
    MIXTURE.agree(MIXTURE.fit(X, None, np.ones(N)), MIXTURE.whole())
    with pytest.raises(ValueError, match="same chunks.*compute_chunk_sizes"):
        MIXTURE.fit(X[X[:, 0] > 0], None, weights)


# Types and names


@to_fit
@each_estimator
def test_single_precision_stays(case, put):
    X = case.X.astype(np.float32)
    read, whole = case.fit(put(X), put(case.y)), case.fit(X, case.y)
    # In single precision the columns are, not the sums over them.
    case.agree(read, whole, tol=2e-6 if case is MIXTURE else 1e-10)
    assert case is not MIXTURE or read.means_.dtype == np.float32


@places("memory", "slices")
@pytest.mark.parametrize("distribution", LAWS)
def test_a_line_through_single_precision_is_that_of_its_numbers(distribution, put):
    case = BY_NAME[f"regressor-{distribution}"]
    X, weights = case.X.astype(np.float32), frequencies()
    double = case.fit(X.astype(float), case.y, weights)
    case.agree(case.fit(put(X), put(case.y), weights), double)


@places("slices", "blocks", "dask")
def test_rows_told_of_single_precision(put):
    """In their precision, or near what they are in double."""
    X = put(MIXTURE.X.astype(np.float32))
    assert gathered(MIXTURE.whole().score_samples(X)).dtype == np.float32
    lazy = IMPUTER.whole().transform(put(IMPUTER.X.astype(np.float32)))
    assert gathered(lazy).dtype == getattr(lazy, "dtype", np.float32) == np.float32
    for name in ("predict", "quantile", "interval", "survival"):
        ask, fitted = REGRESSOR.of_rows[name], REGRESSOR.whole()
        found = gathered(ask(fitted, put(REGRESSOR.X.astype(np.float32)), None))
        assert_allclose(found, ask(fitted, REGRESSOR.X, None), rtol=1e-4, atol=1e-4)


@places("slices", "blocks", "cluster")
def test_integers_are_numbers(put):
    case = BY_NAME["mixture-full"]
    X = np.rint(10.0 * case.X).astype(np.int32)
    read = case.fit(put(X))
    case.agree(read, case.fit(X))
    assert gathered(read.score_samples(put(X))).dtype == np.float64


def framed(X, kinds):
    """A frame whose second column is of whole numbers, of several types."""
    X = X.copy()
    X[:, 1] = (10.0 * X[:, 1]).round()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    return frame.astype(dict(zip("abc", kinds, strict=True)))


@pytest.mark.parametrize("lies", ["blocks", "cluster"])
@each_estimator
def test_a_frame_has_names_and_a_mixture_of_types(case, lies, request):
    frame = framed(case.X, (np.float64, "Int64", np.float32))
    numbers, y, weights = frame.astype(float), case.y, frequencies()
    if lies == "cluster":
        dd = pytest.importorskip("dask.dataframe")
        request.getfixturevalue("client")
        X = dd.from_pandas(frame, npartitions=3)
        w = dd.from_pandas(pd.Series(weights), npartitions=3)
        target = y if y is None else dd.from_pandas(pd.DataFrame(y), npartitions=3)
    else:
        X, w = Parts(frame[:500], frame[500:]), pd.Series(weights)
        target = y if y is None else pd.DataFrame(y)
    whole, read = case.fit(numbers, y, weights), case.fit(X, target, w)
    case.agree(read, whole)
    if target is not y and lies == "cluster":  # what goes with the rows may be in memory
        case.agree(case.fit(X, y, weights), whole)
    assert list(read.feature_names_in_) == ["a", "b", "c"]
    name, ask = list(case.of_rows.items())[-2 if case is REGRESSOR else -1]
    found = ask(read, X, target)
    assert lies != "cluster" or np.isnan(found.shape[0])
    assert_allclose(gathered(found), ask(whole, numbers, y), rtol=1e-7, atol=1e-8, err_msg=name)
    renamed = frame.rename(columns={"a": "z"})
    renamed = dd.from_pandas(renamed, npartitions=3) if lies == "cluster" else Parts(renamed)
    with pytest.raises(ValueError, match="feature names should match"):
        ask(read, renamed, target)
    if lies == "blocks":
        with pytest.raises(ValueError, match="feature names"):
            ask(read, Parts(frame[["b", "a", "c"]]), target)


@pytest.mark.parametrize("columns", [["b", "a", "c"], ["a", "b", "d"]])
@each_estimator
def test_frames_must_have_the_same_columns_in_the_same_order(case, columns):
    frames = [pd.DataFrame(part, columns=["a", "b", "c"]) for part in np.split(case.X, 3)]
    frames[2] = frames[2].set_axis(columns, axis=1)
    with pytest.raises(ValueError, match="Block 2 of X has the columns .*same order"):
        case.fit(Parts(*frames), case.y)


def test_a_frame_of_words_is_refused(client):
    dd = pytest.importorskip("dask.dataframe")
    frame = framed(clusters(), (float,) * 3).assign(c="text")
    with pytest.raises(ValueError, match="could not convert"):
        mixture().fit(dd.from_pandas(frame, npartitions=3))


# Marks of missing cells


def marked(mark, dtype):
    X, missing = np.rint(5.0 * np.nan_to_num(table())) + 100.0, np.isnan(table())
    return X, missing, np.where(missing, mark, X.astype(object)).astype(dtype)


@places("slices", "blocks", "cluster")
@pytest.mark.parametrize(
    ("mark", "dtype"),
    [(-1, int), (-1, np.float32), (-1, object), (None, object), (pd.NA, object), ("?", object)],
)
def test_every_mark_of_a_missing_cell(mark, dtype, put):
    X, missing, cells = marked(mark, dtype)
    if not isinstance(put(cells), (Parts, Slices)) and dtype == np.float32:
        pytest.skip("a fit on the cluster takes a second")
    expected = IMPUTER.fit(np.where(missing, np.nan, X), add_indicator=False)
    read = EMImputer(missing_values=mark).fit(put(cells))
    IMPUTER.agree(read, expected, tol=1e-6 if dtype == np.float32 else 1e-10)
    filled = gathered(read.transform(put(cells)))
    assert filled.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert_array_equal(filled[~missing], X[~missing])
    assert_allclose(filled, EMImputer(missing_values=mark).fit_transform(cells), rtol=1e-5)


@pytest.mark.parametrize("lies", ["blocks", "cluster"])
@pytest.mark.parametrize("mark", [np.nan, pd.NA])
def test_nullable_frames(mark, lies, request):
    frame = framed(np.rint(10.0 * table()), ("Int64", "Float64", float))
    expected = EMImputer(missing_values=mark).fit(frame)
    X = Parts(frame[:500], frame[500:])
    if lies == "cluster":
        request.getfixturevalue("client")
        X = pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=3)
    read = EMImputer(missing_values=mark).fit(X)
    IMPUTER.agree(read, expected)
    assert list(read.feature_names_in_) == ["a", "b", "c"]
    assert_allclose(gathered(read.transform(X)), expected.transform(frame), rtol=1e-9)


def test_masked_cells_are_missing(short_blocks):
    masked = np.ma.masked_invalid(MIXTURE.X)
    masked.fill_value = 1e20
    MIXTURE.agree(MIXTURE.fit(Slices(masked)), MIXTURE.whole())


# Responses


@sources
def test_exact_responses_with_limits(put):
    X, y = responses()
    y = np.where(np.isfinite(y[:, 0]), y[:, 0], 40.0)
    limits = {"left": np.quantile(y, 0.2), "right": np.quantile(y, 0.7)}
    whole = REGRESSOR.fit(X, y, frequencies(), **limits)
    forms = (lambda y: y, list, Slices, put, lambda y: cut(y.astype(np.float32), BLOCK))
    for form in forms:
        target = form(y)
        single = isinstance(target, Parts) and target.parts[0].dtype == np.float32
        read = REGRESSOR.fit(put(X), target, frequencies().tolist(), **limits)
        REGRESSOR.agree(read, whole, tol=1e-4 if single else 1e-10)
    assert_allclose(whole.predict_observed(put(X)), whole.predict_observed(X), rtol=1e-10)


@sources
def test_structured_responses(put):
    X, y = responses()
    event, time = y[:, 0] == y[:, 1], np.where(np.isfinite(y[:, 0]), y[:, 0], 40.0)
    structured = np.rec.fromarrays([event, time], names="event,time")
    REGRESSOR.agree(REGRESSOR.fit(put(X), put(structured)), REGRESSOR.fit(X, structured))


def test_fields_of_integers_could_be_events_or_bounds():
    """A block in which all are 0 or 1 does not tell; in memory all rows do."""
    y = np.array([(1, 3.0), (0, 2.0), (1, 4.0)], dtype=[("a", int), ("b", float)])
    with pytest.raises(ValueError, match="events or bounds"):
        EMCensoredRegressor().fit(Slices(np.eye(3)), y)
    y = y.astype([("a", bool), ("b", float)])
    low, high = [3.0, 2.0, 4.0], [3.0, np.inf, 4.0]
    fits = [
        EMCensoredRegressor(alpha=1.0).fit(Slices(np.eye(3)), target)
        for target in (y, np.column_stack([low, high]))
    ]
    assert_array_equal(fits[0].coef_, fits[1].coef_)


# After a fit


@places("blocks", "cluster")
@pytest.mark.parametrize("make", [mixture, EMImputer], ids=["mixture", "imputer"])
def test_batches_of_a_stream(make, put):
    read, whole = make(), make()
    for batch in np.split(clusters(0.1), [700, 1100]):
        read.partial_fit(put(batch, 300))
        whole.partial_fit(batch)
    names = ["weights_", "means_", "covariances_", "n_samples_seen_", "n_batches_"]
    if make is EMImputer:
        names += ["location_", "covariance_", "missing_fraction_", "shrinkage_"]
    for name in names:
        assert_allclose(getattr(read, name), getattr(whole, name), rtol=1e-9, atol=1e-12)
    means = read.means_
    with pytest.warns(DataWarning, match="Nothing is observed in the batch"):
        read.partial_fit(put(np.full((5, D), np.nan), 3))
    assert read.means_ is means


@places("memory", "blocks")
def test_a_batch_in_which_a_constant_varies(put):
    X = table(constants=True)
    X[:, 3] = 0.0
    imputer = EMImputer().partial_fit(put(X))
    X[-2, 1] = 8.0
    with pytest.warns(DataWarning, match="1 had no value or one value only"):
        imputer.partial_fit(put(X))


@places("blocks", "cluster")
def test_standard_errors_and_their_table(put):
    X, weights = table(), frequencies()
    imputer = EMImputer(tol=1e-8).fit(X, sample_weight=weights)
    rows, w = put.all(X, weights)
    found, expected = imputer.standard_errors(rows, w), imputer.standard_errors(X, weights)
    assert_allclose(found.location, expected.location, rtol=1e-6)
    assert_allclose(found.covariance, expected.covariance, rtol=1e-4)
    summary = imputer.summary(rows, w)
    pd.testing.assert_frame_equal(summary, imputer.summary(X, weights), rtol=1e-5)
    X, weights = clusters(0.1), frequencies()
    options = {"covariance_type": "spherical", "tol": 1e-6, "random_state": 0}
    fitted = EMGaussianMixture(2, **options).fit(X, sample_weight=weights)
    found, expected = (fitted.standard_errors(rows, weights) for rows in (put(X, N), X))
    for name in expected._fields:
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4)


@places("slices", "blocks", "cluster")
def test_a_warm_start_goes_on(put):
    X, weights = put.all(table(), frequencies())
    imputer = EMImputer(warm_start=True, tol=1e-6).fit(X, sample_weight=weights)
    assert imputer.fit(X, sample_weight=weights).n_iter_ <= 2
    X, y, weights = put.all(REGRESSOR.X, REGRESSOR.y, frequencies())
    # The ridge of the case would be on columns scaled alike.
    model = REGRESSOR.make(warm_start=True, max_iter=1, acceleration=None)
    reached = model.fit(X, y, weights).history_[-1]
    model.set_params(max_iter=1000, acceleration="anderson").fit(X, y, weights)
    assert model.history_[0] >= reached - 1e-9 * abs(reached)
    REGRESSOR.agree(model, REGRESSOR.whole(True), tol=1e-8)


# Data with nothing to spare


@places("memory", "blocks", "cluster")
def test_nothing_varies(put):
    X = np.full((N, 3), 3.0)
    X[5:, 1], X[:, 2] = np.nan, np.nan
    with pytest.warns(DataWarning, match="Nothing is observed in feature.*2"):
        imputer = EMImputer().fit(put(X))
    assert_array_equal(imputer.location_, [3.0, 3.0])
    assert imputer.score(put(X)) == 0.0
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        EMImputer(3).fit(put(X[:2], 1))


@places("blocks", "cluster")
def test_a_line_that_is_not_determined_is_warned_of(put):
    X, y = responses()
    twice = np.column_stack([X, 2.0 * X[:, 0]])
    with pytest.warns(DataWarning, match="collinear"):
        found = REGRESSOR.fit(put(twice), put(y), alpha=0.0)
    whole = REGRESSOR.fit(X, y, alpha=0.0)
    assert_allclose(gathered(found.predict(put(twice))), whole.predict(X), rtol=1e-7)
    wide = np.column_stack([X[:, 0] - 1.0, X[:, 0] + 1.0])
    with pytest.warns(DataWarning, match="no finite maximum"):
        EMCensoredRegressor().fit(put(X), put(wide))
    wide[-1] += 40.0  # one row decides, and it is the last
    EMCensoredRegressor(tol=1e-6).fit(put(X), put(wide))


@places("memory", "blocks", "cluster")
def test_a_singular_covariance_is_told(put):
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, axis=0)
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        EMGaussianMixture(2, reg_covar=0.0, random_state=0).fit(put(X, 10))
