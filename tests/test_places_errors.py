"""What is wrong with rows is told with the block or the chunk where it lies."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from places import (
    BLOCK,
    BY_NAME,
    CASES,
    CHUNKS,
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
    table,
)
from scipy.sparse import csr_array
from tables import Parts, Slices, cut

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.data import source as sources
from emkit.engine import Blocks, SimulatedAnnealing, StochasticEM
from emkit.exceptions import DataReadError

pytestmark = quiet

#: A row of the third chunk, or of the third block, that has something wrong with it.
ROW = 900
THIRD = r"block 2 of X, from row 800|chunk 2 of X"
to_read = places("slices", "blocks", "cluster")


def mixture(**options):
    return EMGaussianMixture(K, **{"random_state": 0, **options})


def spoilt(values, value):
    values = values.copy()
    values[ROW] = value
    return values


def one_cell(values, value):
    values = values.copy()
    values[ROW, 1] = value
    return values


# Cells


@to_read
@pytest.mark.parametrize(
    ("case", "spoil", "options", "message"),
    [
        *((case, lambda X: one_cell(X, np.inf), {}, "infinity") for case in (MIXTURE, IMPUTER)),
        (REGRESSOR, lambda X: one_cell(X, np.inf), {}, "infinity"),
        (REGRESSOR, lambda X: one_cell(X, np.nan), {}, "NaN"),
        (
            IMPUTER,
            lambda X: one_cell(np.nan_to_num(X, nan=-1), np.nan),
            {"missing_values": -1},
            "NaN",
        ),
        (
            IMPUTER,
            lambda X: one_cell(np.nan_to_num(X).astype(object), "many"),
            {"missing_values": "?"},
            "must hold numbers besides(.|\n)*many",
        ),
    ],
    ids=["mixture", "imputer", "regressor", "regressor-nan", "imputer-nan", "imputer-word"],
)
def test_a_bad_cell(case, spoil, options, message, put):
    X = put(spoil(case.X), 400)
    with pytest.raises(ValueError, match=f"{message}(.|\n)*({THIRD})"):
        case.fit(X, put(case.y), **options)
    fitted = case.fit(np.nan_to_num(case.X, nan=-1) if options else case.X, case.y, **options)
    for ask in case.of_rows.values():
        with pytest.raises(ValueError, match=f"{message}(.|\n)*({THIRD})"):
            gathered(ask(fitted, X, put(case.y)))
    with pytest.raises(ValueError, match=f"{message}(.|\n)*({THIRD})"):
        case.score(fitted, "score", X, put(case.y))


@to_read
@pytest.mark.parametrize(("value", "message"), [(-1.0, "Negative"), (np.nan, "NaN")])
@each_estimator
def test_a_bad_weight(case, value, message, put):
    weights = put(spoilt(np.ones(N), value))
    with pytest.raises(ValueError, match=f"{message}(.|\n)*({THIRD})"):
        case.fit(put(case.X), put(case.y), weights)
    with pytest.raises(ValueError, match=f"{message}(.|\n)*({THIRD})"):
        case.score(case.whole(), "score", put(case.X), put(case.y), weights)


@to_read
@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (spoilt(responses()[1], [2.0, 1.0]), {}, "Row {} of y is no interval"),
        (spoilt(responses()[1], [np.nan, 1.0]), {}, "Row {} of y is no interval"),
        (spoilt(np.zeros(N), np.nan), {}, "y contains NaN"),
        (
            spoilt(responses("lognormal")[1], [-1.0, -1.0]),
            {"distribution": "lognormal"},
            "positive y. Row {} of y",
        ),
    ],
    ids=["order", "nan", "vector", "lognormal"],
)
def test_a_bad_response(y, options, message, put):
    X, target = put(REGRESSOR.X), put(y)
    row = ROW - (CHUNKS[0] if hasattr(X, "dask") else 2 * BLOCK)
    where = r"block 2 of y, whose row 0 is row 800|chunk 2 of X. Its first row is row 0 of y"
    told = f"{message.format(row)}(.|\n)*({where})"
    with pytest.raises(ValueError, match=told):
        REGRESSOR.fit(X, target, **options)
    fitted = BY_NAME[f"regressor-{options.get('distribution', 'normal')}"].whole()
    with pytest.raises(ValueError, match=told):
        fitted.score(X, target)
    with pytest.raises(ValueError, match=told):
        gathered(fitted.impute(X, target))


# Blocks that do not go together


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda block: block[:, :2], "Block 2 of X has shape .*, and block 0 has 3 columns"),
        (lambda block: block.astype(np.float32), "Block 2 of X has dtype float32, and block 0 has"),
        (lambda block: block[0], "Block 2 of X has shape"),
    ],
    ids=["columns", "dtype", "vector"],
)
@each_estimator
def test_a_block_that_does_not_go_with_the_others(case, spoil, message):
    parts = list(cut(case.X, BLOCK).parts)
    parts[2] = spoil(parts[2])
    X, y = Parts(*parts), None if case.y is None else cut(case.y, BLOCK)
    with pytest.raises(ValueError, match=message):
        case.fit(X, y)
    for ask in case.of_rows.values():
        with pytest.raises(ValueError, match=message):
            gathered(ask(case.whole(), X, y))


@pytest.mark.parametrize(
    "weights",
    [
        lambda: np.ones(N - 1),
        lambda: np.ones(N + 1),
        lambda: Parts(np.ones(N)),
        lambda: Parts(),
        lambda: Parts(*cut(np.ones(N), BLOCK).parts, np.ones(1)),
    ],
)
@each_estimator
def test_weights_of_another_length(case, weights):
    X, y = cut(case.X, BLOCK), None if case.y is None else cut(case.y, BLOCK)
    with pytest.raises(ValueError, match="sample_weight and X must have the same rows"):
        case.fit(X, y, weights())


@each_estimator
def test_a_block_of_weights_of_another_length(case):
    X, y = cut(case.X, BLOCK), None if case.y is None else cut(case.y, BLOCK)
    weights = list(cut(np.ones(N), BLOCK).parts)
    weights[2] = weights[2][1:]
    told = "Block 2 of X has 400 rows, and sample_weight 399 for them"
    with pytest.raises(ValueError, match=told):
        case.fit(X, y, Parts(*weights))
    with pytest.raises(ValueError, match=told):
        case.score(case.whole(), "score", X, y, Parts(*weights))


@pytest.mark.parametrize("y", [Slices(responses()[1]), cut(responses()[1], BLOCK - 1)])
def test_responses_of_another_length(y):
    with pytest.raises(ValueError, match="y and X must have the same rows"):
        REGRESSOR.fit(cut(REGRESSOR.X[:-100], BLOCK), y)
    parts = list(cut(responses()[1], BLOCK).parts)
    parts[2] = parts[2][:-1]
    with pytest.raises(ValueError, match="Block 2 of X has 400 rows, and y 399 for them"):
        REGRESSOR.fit(cut(REGRESSOR.X, BLOCK), Parts(*parts))


@pytest.mark.parametrize(
    ("y", "weights", "message"),
    [
        (..., np.ones(5), r"weight must have shape \(1500,\).*Got \(5,\)"),
        (np.ones(5), None, r"y must have shape \(1500,\) or \(1500, 2\).*Got \(5,\)"),
        (np.ones((N, 4)), None, r"y must have shape .*Got \(1500, 4\)"),
        (np.zeros(N, dtype=[("a", int), ("b", float)]), None, "'a', 'b'.*events or bounds"),
    ],
)
def test_what_does_not_go_with_a_collection(client, y, weights, message):
    da = pytest.importorskip("dask.array")
    X, y = da.from_array(REGRESSOR.X, chunks=(500, D)), REGRESSOR.y if y is ... else y
    with pytest.raises(ValueError, match=message):
        REGRESSOR.fit(X, y, weights)
    with pytest.raises(ValueError, match=message):
        REGRESSOR.fit(X, da.from_array(y, chunks=500), weights)
    if weights is not None:
        with pytest.raises(ValueError, match=message):
            MIXTURE.fit(da.from_array(MIXTURE.X, chunks=500), None, weights)


def test_responses_in_other_partitions_than_a_frame(client):
    dd, pd = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    da = pytest.importorskip("dask.array")
    X, y = (
        dd.from_pandas(pd.DataFrame(part), npartitions=3) for part in (REGRESSOR.X, REGRESSOR.y)
    )
    with pytest.raises(ValueError, match="same chunks.*Got 2 chunks for 3 chunks of X"):
        REGRESSOR.fit(X, y.repartition(npartitions=2))
    other = da.from_array(REGRESSOR.y, chunks=((500, 750, 250), 2))
    for ask in (REGRESSOR.fit, REGRESSOR.whole().score):
        with pytest.raises(ValueError, match=r"inconsistent numbers of samples(.|\n)*chunk [12]"):
            ask(X, other)


# Too little


@places("memory", "slices", "blocks", "cluster")
def test_too_few_rows(put):
    # scikit-learn's own words for rows in memory, and as much elsewhere
    for rows in (clusters()[:0], clusters()[:1]):
        with pytest.raises(ValueError, match=f"{len(rows)} sample"):
            mixture().fit(put(rows))
    told = "n_components = 3, n_samples = 2"
    told += "" if put.place == "memory" else r"(.|\n)*2 sample.*minimum of 3"
    with pytest.raises(ValueError, match=told):
        mixture().fit(put(clusters()[:2], 1))
    with pytest.raises(ValueError, match="0 sample"):
        EMImputer().fit(put(table()[:0]))
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        EMImputer(3).fit(put(clusters()[:2], 1))


@to_read
@each_estimator
def test_no_row_has_a_weight(case, put):
    X, y, weights = put.all(case.X, case.y, np.zeros(N))
    with pytest.raises(ValueError, match="0 sample"):
        case.fit(X, y, weights)
    with pytest.raises(ValueError, match="no rows of positive weight"):
        case.score(case.whole(), "score", X, y, weights)


@each_estimator
def test_sources_without_rows(case):
    y = case.y if case.y is None else Parts()
    with pytest.raises(ValueError, match="without blocks"):
        case.fit(Parts(), y)
    for rows in (Slices(case.X[:0]), Parts(case.X[:0])):
        y = case.y if case.y is None else Parts(case.y[:0])
        with pytest.raises(ValueError, match="0 sample"):
            case.fit(rows, y)
    with pytest.raises(ValueError, match="0 sample"):
        list(case.of_rows.values())[0](case.whole(), Slices(case.X[:0]), None)


@places("memory", "slices", "blocks", "cluster")
def test_a_column_without_a_value(put):
    with pytest.raises(ValueError, match=r"column\(s\) 1 of X"):
        mixture().fit(put(clusters() * [1.0, np.nan, 1.0]))


@to_read
@pytest.mark.parametrize("side", ["left", "right"])
def test_all_censored_on_one_side(side, put):
    X, y = responses()
    y[:, 0 if side == "left" else 1] = -np.inf if side == "left" else np.inf
    y[:, 1 if side == "left" else 0] = 1.0
    with pytest.raises(ValueError, match=f"censored on the {side}"):
        REGRESSOR.fit(put(X), put(y))
    y[-1] = 1.0, 1.0
    with pytest.raises(ValueError, match=f"censored on the {side}"):
        REGRESSOR.fit(put(X), put(y), put(np.r_[np.ones(N - 1), 0.0]))


@places("memory", "slices", "blocks", "dask")
def test_there_must_be_responses(put):
    X, fitted = put(REGRESSOR.X), REGRESSOR.whole()
    for ask in (REGRESSOR.make().fit, fitted.score, fitted.score_samples, fitted.impute):
        with pytest.raises(ValueError, match="requires y"):
            ask(X, None)


# What is no table


@places("slices", "blocks", "dask")
@each_estimator
def test_another_number_of_features(case, put):
    for ask in case.of_rows.values():
        with pytest.raises(ValueError, match=f"{D} features"):
            ask(case.whole(), put(case.X[:, :2]), case.y)


@places("slices", "blocks", "dask")
def test_what_is_no_table_of_numbers(put):
    with pytest.raises(ValueError, match="Expected 2D|has shape"):
        mixture().fit(put(clusters()[:, 0]))
    with pytest.raises(ValueError, match="Complex data not supported.*complex128"):
        mixture().fit(put(clusters() * 1j))


def test_sparse_blocks_are_refused():
    with pytest.raises(TypeError, match="toarray"):
        mixture().fit(Parts(csr_array(clusters())))
    with pytest.raises(TypeError, match="must be an iterable"):
        Blocks(5)


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
@each_estimator
def test_what_can_be_read_once_is_refused(case, name):
    data = {"X": cut(case.X), "sample_weight": cut(frequencies())}
    if case.y is not None:
        data["y"] = cut(case.y)
    elif name == "y":
        return
    data[name] = iter(data[name])
    with pytest.raises(TypeError, match=f"{name} must be an iterable .* can be read again"):
        case.make().fit(**data)
    with pytest.raises(TypeError, match="can be read again.*generator"):
        case.fit((part for part in [case.X]), case.y)


@pytest.mark.parametrize(
    ("case", "last"),  # before the first step, and in one
    [(MIXTURE, 1), (MIXTURE, 5), (IMPUTER, 1), (IMPUTER, 5), (REGRESSOR, 6), (REGRESSOR, 20)],
    ids=lambda value: getattr(value, "name", None),
)
def test_other_rows_at_another_pass(case, last):
    passes = itertools.count()

    class Shrinking(Parts):
        def __iter__(self):
            return iter(self.parts[: 1 if next(passes) > last else None])

    rows = [Shrinking(*cut(part, BLOCK).parts) for part in (case.X, case.y) if part is not None]
    with pytest.raises((RuntimeError, ValueError), match="the same rows at every pass"):
        case.fit(*rows, acceleration=None)


@pytest.mark.parametrize("last", [2, 4])  # in the start, in an E-step
def test_what_cannot_be_read_is_no_fault_of_the_model(last):
    class Failing(Parts):
        passes = 0

        def __iter__(self):
            self.passes += 1
            yield self.parts[0]
            if self.passes > last:
                raise OSError("the disk is gone")
            yield self.parts[1]

    X = clusters()
    with pytest.raises(DataReadError, match="OSError: the disk is gone") as caught:
        mixture().fit(Failing(X[:500], X[500:900]))
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("last", [0, 2, 4])  # in the first pass, in the start, in an E-step
def test_want_of_memory_passes_as_it_is(last):
    class Failing(Parts):
        passes = 0

        def __iter__(self):
            self.passes += 1
            yield self.parts[0]
            if self.passes > last:
                raise MemoryError
            yield self.parts[1]

    X = clusters()
    with pytest.raises(MemoryError):
        mixture().fit(Failing(X[:500], X[500:900]))


class Broken(Slices):
    """Slices of rows that cannot be read from some row on; nothing else is known to be wrong."""

    def __init__(self, array, first, error):
        super().__init__(array)
        self.first, self.error = first, error

    def __getitem__(self, rows):
        if rows.stop > self.first:
            raise self.error
        return super().__getitem__(rows)


class BrokenParts(Parts):
    """Blocks of rows of which one cannot be read."""

    def __init__(self, array, number, error):
        super().__init__(*cut(array, BLOCK).parts)
        self.number, self.error = number, error

    def __iter__(self):
        yield from self.parts[: self.number]
        raise self.error


BROKEN = {"slices": lambda a, k, e: Broken(a, k * BLOCK + 1, e), "blocks": BrokenParts}


def methods_of(case):
    """What takes rows: fits, in one go and in batches, and all that is asked of a fitted one."""
    fitted = case.whole()
    yield "fit", lambda X, y: case.fit(X, y)
    yield "score", lambda X, y: fitted.score(X, y)
    if hasattr(fitted, "partial_fit"):
        yield "partial_fit", lambda X, y: case.make().partial_fit(X)
    for name, ask in case.of_rows.items():
        yield name, lambda X, y, ask=ask: all_of(ask(fitted, X, y))


def all_of(rows):
    """Rows that are computed when they are read, computed."""
    return rows if isinstance(rows, np.ndarray) else [len(part) for part in rows_of(rows)]


def rows_of(rows):
    return [rows[:]] if hasattr(rows, "shape") else rows


@each_estimator
@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("place", BROKEN)
def test_what_cannot_be_read_is_named_by_its_block(monkeypatch, case, place, number):
    """In the first pass and whatever is asked; the error of whoever reads is the cause."""
    monkeypatch.setattr(sources, "BLOCK_ROWS", BLOCK)
    for name, ask in methods_of(case):
        X = BROKEN[place](case.X, number, OSError("the disk is gone"))
        y = None if case.y is None else cut(case.y, BLOCK)
        with pytest.raises(DataReadError, match="the disk is gone") as caught:
            ask(X, y)
        rows = rf"Block {number} of X, (from row|rows) {number * BLOCK}\b"
        assert re.search(rows, str(caught.value)), (name, str(caught.value))
        assert isinstance(caught.value.__cause__, OSError)


@each_estimator
@pytest.mark.parametrize("place", BROKEN)
def test_what_goes_with_the_rows_and_cannot_be_read_is_named(monkeypatch, case, place):
    monkeypatch.setattr(sources, "BLOCK_ROWS", BLOCK)
    for name, told in (("weights", "sample_weight"), ("y", "y")):
        given = {"X": cut(case.X, BLOCK), "weights": frequencies(), "y": case.y}
        if given[name] is None:
            continue
        given[name] = BROKEN[place](given[name], 1, RuntimeError("no such page"))
        with pytest.raises(DataReadError, match=f"Block 1 of {told}, .*{BLOCK}.*no such page"):
            case.fit(**given)


@each_estimator
@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("place", BROKEN)
def test_want_of_memory_and_an_interrupt_pass_as_they_are(monkeypatch, case, place, error):
    monkeypatch.setattr(sources, "BLOCK_ROWS", BLOCK)
    for _, ask in methods_of(case):
        with pytest.raises(error, match="here"):
            ask(BROKEN[place](case.X, 1, error("here")), case.y)


def test_slices_that_are_shorter_than_the_shape_says():
    class Short(Slices):
        def __getitem__(self, rows):
            return super().__getitem__(slice(rows.start, min(rows.stop, N // 2)))

    with pytest.raises(DataReadError, match="the slice has .* rows, and the shape of X says"):
        mixture().fit(Short(clusters()))


def test_rows_computed_of_other_rows_tell_what_is_wrong_with_these():
    """A wrong value is no failure of reading, wherever the rows come from."""
    X = clusters()
    imputer = EMImputer().fit(X)
    X[-1, 0] = np.inf
    for place in (Slices, cut):
        with pytest.raises(ValueError, match="infinity") as caught:
            mixture().fit(imputer.transform(place(X)))
        assert not isinstance(caught.value, DataReadError)


# Options


@pytest.mark.parametrize("place", [Slices, cut])
def test_labels_of_every_row_cannot_go_with_a_source(place):
    with pytest.raises(ValueError, match="means_init instead"):
        mixture(resp_init=np.zeros(N, dtype=int)).fit(place(clusters()))
    with pytest.raises(ValueError, match="noise_init .* Leave it at None"):
        mixture(noise=True, noise_init=np.ones(N, dtype=bool)).fit(place(clusters()))


@places("dask")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resp_init": np.zeros(N)}, "resp_init"),
        ({"noise": True, "noise_init": np.zeros(N, dtype=bool)}, "noise_init"),
        ({"algorithm": "sem"}, "draws labels"),
        ({"algorithm": StochasticEM()}, "draws labels"),
        ({"search": "simulated_annealing"}, "draws labels"),
        ({"search": SimulatedAnnealing()}, "draws labels"),
    ],
)
def test_what_a_cluster_does_not_do_is_told_before_any_work(options, message, put):
    with pytest.raises(ValueError, match=message):
        mixture(**options).fit(put(clusters()))
    if "search" in options:
        with pytest.raises(ValueError, match=message):
            EMImputer(**options).fit(put(table()))
        with pytest.raises(TypeError, match="assigns rows to classes"):
            EMCensoredRegressor(**options).fit(*responses(n=300))


@places("memory", "slices", "blocks", "dask")
def test_limits_that_leave_no_number(put):
    with pytest.raises(ValueError, match="min_value should not exceed"):
        EMImputer(min_value=3.0, max_value=2.0).fit(put(table()))


@places("slices", "blocks", "dask")
def test_multiple_imputation_is_of_rows_in_memory(put):
    with pytest.raises(ValueError, match="must be in memory. Got .*sample of the rows"):
        EMImputer().multiple_impute(put(table()))


def test_every_estimator_is_there():
    assert {type(case.make()) for case in CASES} == {
        EMCensoredRegressor,
        EMGaussianMixture,
        EMImputer,
    }


@pytest.mark.parametrize("join", [list, tuple])
@pytest.mark.parametrize("sizes", [[20, 20], [15, 25]])
@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame])
def test_a_list_of_blocks_is_told_from_rows(join, sizes, kind):
    X = np.random.default_rng(0).normal(size=(40, 2))
    blocks = join(kind(part) for part in np.split(X, np.cumsum(sizes)[:-1]))
    for estimator in (EMGaussianMixture(), EMImputer()):
        with pytest.raises(ValueError, match=r"X is a .* of arrays or frames.*engine.Blocks\(X\)"):
            estimator.fit(blocks)
        weights = join(np.ones(n) for n in sizes)
        with pytest.raises(ValueError, match="sample_weight is a .* of arrays or frames"):
            estimator.fit(X, sample_weight=weights)
        together = estimator.fit(X).score(X)
        assert estimator.fit(Blocks(blocks)).score(X) == pytest.approx(together, abs=1e-9)
