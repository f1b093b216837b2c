"""EMCensoredRegressor on rows in blocks, shared by workers, read from sources, in float32."""

import itertools
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from tables import Parts, Slices, cut

from emkit import EMCensoredRegressor
from emkit.data import memory as _memory
from emkit.data import source as _sources
from emkit.engine import Blocks
from emkit.engine import blocks as blocks_of
from emkit.exceptions import DataWarning
from emkit.models.censored.data import Responses, thinned
from emkit.models.censored.first_line import prepare, prepare_blocks
from emkit.models.rows import BLOCK_ROWS

N, BLOCK = 3000, 500
INF = np.inf
#: Until the parameters stand still.
EXACT = {"tol": 0.0, "max_iter": 5000}
each_distribution = pytest.mark.parametrize("distribution", ["normal", "lognormal", "student_t"])


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    """Sources are read a few rows at a time."""
    monkeypatch.setattr(_sources, "BLOCK_ROWS", BLOCK)


@pytest.fixture
def in_blocks(short_blocks, monkeypatch):
    """Rows in memory go in blocks too."""
    monkeypatch.setattr(_memory, "BLOCK_ROWS", BLOCK)


def sample(distribution="normal", n=N, seed=0):
    """X, [lower, upper] of every kind, and weights, of which some are 0, a whole block's too."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1.0, 20.0, 0.1] + [0.0, 300.0, 5.0]
    y = 1.0 + X @ [1.0, 0.05, 5.0] + rng.standard_t(5, size=n)
    kind, gap = rng.integers(5, size=n), rng.uniform(0.2, 1.5, size=(2, n))
    low = np.select([kind == 2, kind > 2], [-INF, y - gap[0]], y)
    high = np.select([kind == 3, kind == 2, kind == 4], [INF, y + gap[1], y + gap[1]], y)
    Y = np.column_stack([low, high])
    Y[7] = -INF, INF  # says nothing
    weight = rng.integers(0, 3, size=n).astype(float)
    weight[: 2 * BLOCK] = 0.0
    return X, (np.exp(Y / 10.0) if distribution == "lognormal" else Y), weight


def fitted(X, y, sample_weight=None, **options):
    return EMCensoredRegressor(**{**EXACT, **options}).fit(X, y, sample_weight)


LEARNED = ("coef_", "intercept_", "scale_", "standard_errors_", "log_likelihood_")


def agree(one, other, tol=1e-10):
    for name in LEARNED:
        assert_allclose(getattr(other, name), getattr(one, name), rtol=tol, err_msg=name)


# A source is what its rows are in memory


@each_distribution
@pytest.mark.parametrize("weighted", [False, True])
def test_a_source_gives_what_the_array_gives(distribution, weighted):
    X, y, weight = sample(distribution)
    weight = weight if weighted else None
    whole = fitted(X, y, weight, distribution=distribution, alpha=1.0)
    slices = Slices(X), Slices(y), weight
    parts = cut(X), cut(y), cut(weight) if weighted else None
    for source in (slices, parts):
        read = fitted(*source, distribution=distribution, alpha=1.0)
        agree(whole, read)
        for score in ("score", "aic", "bic"):
            expected = getattr(whole, score)(X, y, weight)
            assert_allclose(getattr(read, score)(*source), expected, rtol=1e-10)
    assert slices[0].largest <= BLOCK and slices[1].largest <= BLOCK


def test_estimated_degrees_of_freedom():
    X, y, weight = sample(n=400)
    options = {"distribution": "student_t", "df": "estimate", "tol": 1e-8}
    whole, read = fitted(X, y, **options), fitted(cut(X, 90), cut(y, 90), **options)
    # The likelihood is flat about its maximum, where rounding leads the search astray.
    assert_allclose(read.df_, whole.df_, rtol=1e-3)
    assert_allclose(read.log_likelihood_, whole.log_likelihood_, rtol=1e-9)


@pytest.mark.parametrize("alike", [True, False])
def test_several_starts_are_drawn_from_a_part_of_the_rows(alike):
    X, y, _ = sample()
    options = {"distribution": "student_t", "n_init": 3, "random_state": 0, "tol": 1e-8}
    if not alike:
        options["search"] = "short_runs"
    read = fitted(cut(X), cut(y), **options)
    assert len(read.runs_) == 3
    agree(fitted(X, y, **options), read, tol=1e-5)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 60))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_a_partition_into_blocks_changes_nothing(sizes, every):
    """Sums over blocks are those of all rows, and one row in so many is too."""
    n = sum(sizes) + 5
    X, y, weight = sample(n=n + 8, seed=n)
    X, y, weight = X[8:], y[8:], weight[8:] + 1.0
    ends = np.cumsum([0, *sizes, 5])
    blocks = [
        Responses(X[a:b], *y[a:b].T, weight[a:b]) for a, b in zip(ends, ends[1:], strict=False)
    ]
    blocks = [block for block in blocks if len(block.X)]
    one, units, gram = prepare(X, *y.T, weight, True)
    prepared = prepare_blocks(Blocks(blocks), True)
    assert_allclose(prepared.gram, gram, atol=1e-12 * weight.sum())
    if np.linalg.cond(gram) < 1e6:
        assert_allclose(prepared.units.line, units.line, atol=1e-8 * np.abs(units.line).max())
    parts = [prepared.residuals(block, i == 0) for i, block in enumerate(blocks)]
    assert sum(part.exact.weight for part in parts) == pytest.approx(one.exact.weight)
    counts = tuple(len(part.design) for part in parts)
    assert counts == prepared.counts and sum(counts) == len(one.design)
    some = thinned(Blocks(parts), counts, every)
    rows = np.concatenate([part.low for part in parts])[every // 2 :: every]
    assert_array_equal(some.low, rows)
    assert some.exact.weight == pytest.approx(one.exact.weight / every)


# Forms of y


def test_exact_responses_with_limits():
    X, y, weight = sample()
    y = np.where(np.isfinite(y[:, 0]), y[:, 0], 40.0)
    limits = {"left": np.quantile(y, 0.2), "right": np.quantile(y, 0.7)}
    whole = fitted(X, y, weight, **limits)
    for target in (y, y.tolist(), Slices(y), cut(y), cut(y[:, None].astype(np.float32)[:, 0])):
        tol = 1e-4 if isinstance(target, Parts) and target.parts[0].dtype == np.float32 else 1e-10
        agree(whole, fitted(cut(X), target, weight.tolist(), **limits), tol)
    read = fitted(Slices(X), Slices(y), weight, **limits)
    assert_allclose(read.predict_observed(cut(X)), whole.predict_observed(X), rtol=1e-10)


def test_structured_responses():
    X, y, _ = sample()
    event, time = y[:, 0] == y[:, 1], np.where(np.isfinite(y[:, 0]), y[:, 0], 40.0)
    structured = np.array(
        list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)]
    )
    whole = fitted(X, structured)
    agree(whole, fitted(Slices(X), structured))
    agree(whole, fitted(cut(X), cut(structured)))


def test_pandas(tmp_path):
    pd = pytest.importorskip("pandas")
    X, y, weight = sample()
    frames = [pd.DataFrame(part, columns=["a", "b", "c"]) for part in cut(X).parts]
    read = fitted(Parts(*frames), pd.DataFrame(y), pd.Series(weight))
    agree(fitted(X, y, weight), read)
    assert read.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        read.predict(Parts(frames[0][["b", "a", "c"]]))


# What a fitted regressor says of a source


@each_distribution
def test_predictions(distribution):
    X, y, _ = sample(distribution)
    model = fitted(X, y, distribution=distribution)
    source = cut(X), cut(y)
    for predict in (
        lambda X: model.predict(X),
        lambda X: model.predict_quantile(X),
        lambda X: model.predict_interval(X, 0.9),
        lambda X: model.predict_survival_function(X, [10.0, 40.0]),
    ):
        assert_allclose(predict(source[0]), predict(X), rtol=1e-12)
        assert_allclose(predict(Slices(X.astype(np.float32))), predict(X), rtol=1e-4, atol=1e-4)
    assert_allclose(model.score_samples(*source), model.score_samples(X, y), rtol=1e-10)
    assert_allclose(model.impute(*source), model.impute(X, y), rtol=1e-12)
    draws = [model.impute(*xy, sample=True, random_state=3) for xy in (source, (X, y))]
    assert_allclose(*draws, rtol=1e-12)
    empty = Parts(X[:0], X[:5], X[5:5]), Parts(y[:0], y[:5], y[5:5])
    assert_allclose(model.score_samples(*empty), model.score_samples(X[:5], y[:5]), rtol=1e-12)
    with pytest.raises(ValueError, match="requires y"):
        model.score(source[0], None)
    with pytest.raises(ValueError, match="no rows of positive weight"):
        model.score(*source, np.zeros(N))
    with pytest.raises(ValueError, match="3 features"):
        model.predict(cut(X[:, :2]))


def test_warm_start_goes_on():
    X, y, weight = sample()
    source = Slices(X), Slices(y), weight
    model = EMCensoredRegressor(warm_start=True, max_iter=1, acceleration=None)
    with pytest.warns(ConvergenceWarning):
        reached = model.fit(*source).history_[-1]
    model.set_params(**EXACT, acceleration="anderson").fit(*source)
    assert model.history_[0] >= reached - 1e-9 * abs(reached)
    agree(fitted(X, y, weight), model, tol=1e-8)


def test_warm_start_does_not_look_at_a_part_of_the_rows():
    X, y, _ = sample(n=12_000)
    model = EMCensoredRegressor(warm_start=True, **EXACT).fit(X, y)
    reached = model.history_[-1]
    assert model.fit(X, y).history_[0] == pytest.approx(reached, rel=1e-10)


def test_few_passes():
    """Units, line, sums, a sample, standard errors; one before that ends early."""
    X, y, _ = sample()
    X, y = cut(X), cut(y)
    model = fitted(X, y, max_iter=4, tol=1e-3)
    evaluations = model.runs_[0].n_evaluations
    assert y.passes == evaluations + 6
    assert X.passes == y.passes + 1  # what X is like is seen first


# Data with nothing to spare


def test_degenerate_sources_are_warned_of():
    X, y, _ = sample()
    with pytest.warns(DataWarning, match="collinear"):
        twice = fitted(cut(np.column_stack([X, 2.0 * X[:, 0]])), cut(y))
    assert_allclose(
        twice.predict(cut(np.column_stack([X, 2.0 * X[:, 0]]))), fitted(X, y).predict(X)
    )
    line = X @ [1.0, 0.0, 0.0]
    wide = np.column_stack([line - 1.0, line + 1.0])
    with pytest.warns(DataWarning, match="no finite maximum"):
        fitted(cut(X), cut(wide), tol=1e-8)
    wide[-1] += 40.0  # one row decides, and it is the last
    fitted(cut(X), cut(wide), tol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_all_censored_on_one_side(side):
    X, y, _ = sample()
    y[:, 0 if side == "left" else 1] = -INF if side == "left" else INF
    y[:, 1 if side == "left" else 0] = 1.0
    with pytest.raises(ValueError, match=f"censored on the {side}"):
        fitted(cut(X), cut(y))
    y[-1] = 1.0, 1.0
    with pytest.raises(ValueError, match=f"censored on the {side}"):
        fitted(cut(X), cut(y), np.r_[np.ones(N - 1), 0.0])


def test_sources_without_rows():
    X, y, _ = sample()
    with pytest.raises(ValueError, match="0 sample"):
        fitted(cut(X), cut(y), np.zeros(N))
    with pytest.raises(ValueError, match="without blocks"):
        fitted(Parts(), Parts())
    with pytest.raises(ValueError, match="requires y"):
        fitted(cut(X), None)


# Errors name the block


def spoiled(values, number, change):
    parts = list(cut(values, 100).parts)
    parts[number] = change(parts[number].copy())
    return Parts(*parts)


def put(value):
    def change(part):
        part[3] = value
        return part

    return change


@pytest.mark.parametrize(
    ("spoil", "change", "message"),
    [
        ("X", put(np.nan), "NaN(.|\n)*in block 17 of X, from row 1700"),
        ("X", put(INF), "infinity(.|\n)*in block 17 of X, from row 1700"),
        ("X", lambda part: part[:, :2], "Block 17 of X has shape .*, and block 0 has 3 columns"),
        ("X", lambda part: part.astype(np.float32), "Block 17 of X has dtype float32"),
        ("y", put([2.0, 1.0]), "Row 3 of y is no interval(.|\n)*block 17 of y, whose row 0 is row"),
        ("y", put([np.nan, 1.0]), "Row 3 of y is no interval(.|\n)*in block 17 of y"),
        ("y", lambda part: part[:-1], "Block 17 of X has 100 rows, and y 99 for them"),
        ("weight", put(-1.0), "Negative(.|\n)*in block 17 of X"),
        ("weight", put(np.nan), "NaN(.|\n)*in block 17 of X"),
        ("weight", lambda part: part[1:], "Block 17 of X has 100 rows, and sample_weight 99"),
    ],
)
def test_an_error_names_the_block(spoil, change, message):
    data = dict(zip(("X", "y", "weight"), sample(), strict=True))
    sources = {name: cut(values, 100) for name, values in data.items()}
    sources[spoil] = spoiled(data[spoil], 17, change)
    with pytest.raises(ValueError, match=message):
        fitted(*sources.values())
    model = EMCensoredRegressor().fit(*data.values())
    with pytest.raises(ValueError, match=message):
        model.score(*sources.values())


def test_lognormal_names_the_block_too():
    X, y, _ = sample("lognormal")
    y = spoiled(y, 5, put([-1.0, -1.0]))
    with pytest.raises(ValueError, match=r"positive y. Row 3 of y(.|\n)*in block 5 of y"):
        fitted(cut(X, 100), y, distribution="lognormal")


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_what_can_be_read_once_is_refused(name):
    X, y, weight = sample()
    data = {"X": cut(X), "y": cut(y), "sample_weight": cut(weight)}
    data[name] = iter(data[name])
    with pytest.raises(TypeError, match=f"{name} must be an iterable .* can be read again"):
        EMCensoredRegressor().fit(**data)


@pytest.mark.parametrize("last", [6, 20])  # before the first step, and in one
def test_other_rows_at_another_pass(last):
    X, y, _ = sample()
    passes = itertools.count()

    class Shrinking(Parts):
        def __iter__(self):
            return iter(self.parts[: 1 if next(passes) > last else None])

    with pytest.raises((RuntimeError, ValueError), match="the same rows at every pass"):
        fitted(Shrinking(*cut(X).parts), Shrinking(*cut(y).parts), acceleration=None)


def test_y_that_is_longer_than_x():
    X, y, _ = sample()
    with pytest.raises(ValueError, match="y and X must have the same rows"):
        fitted(cut(X[:-100]), Slices(y))


# Rows in memory, in blocks


@each_distribution
@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_in_memory_give_what_one_block_gives(distribution, weighted, monkeypatch):
    X, y, weight = sample(distribution)
    given = X, y, weight if weighted else None
    one = fitted(*given, distribution=distribution)
    monkeypatch.setattr(_memory, "BLOCK_ROWS", BLOCK)
    agree(one, fitted(*given, distribution=distribution))


@each_distribution
def test_float32_is_the_double_of_its_numbers(distribution, in_blocks):
    X, y, weight = sample(distribution)
    single = X.astype(np.float32)
    double = fitted(single.astype(float), y, weight, distribution=distribution)
    for some in (single, Slices(single)):
        agree(double, fitted(some, y, weight, distribution=distribution))


def shared_at_once(monkeypatch):
    """Workers start with the first E-step, however short; tells what they were sent."""
    sent, plain = [], blocks_of._steps
    monkeypatch.setattr(blocks_of, "START_UP", 0.0)
    monkeypatch.setattr(blocks_of, "WORTH_SHARING", 0.0)

    def told(step, blocks, numbers):
        sent.append(list(numbers))
        return plain(step, blocks, numbers)

    monkeypatch.setattr(blocks_of, "_steps", told)
    return sent


@each_distribution
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_workers_change_nothing(distribution, dtype, in_blocks, monkeypatch):
    X, y, weight = sample(distribution)
    X = X.astype(dtype)
    alone = fitted(X, y, weight, distribution=distribution, tol=1e-8)
    sent = shared_at_once(monkeypatch)
    shared = fitted(X, y, weight, distribution=distribution, tol=1e-8, n_jobs=2)
    assert sent
    agree(alone, shared, tol=1e-12)


@pytest.mark.parametrize(
    ("distribution", "weighted"),
    [("normal", False), ("normal", True), ("lognormal", True), ("student_t", True)],
)
def test_workers_read_a_memory_map_themselves(distribution, weighted, tmp_path, monkeypatch):
    monkeypatch.setattr(_sources, "BLOCK_ROWS", BLOCK_ROWS)
    monkeypatch.setattr(_sources, "LARGE", 0)
    X, y, weight = sample(distribution, n=2 * BLOCK_ROWS + 1000)
    for name, values in {"X": X, "y": y}.items():
        np.save(tmp_path / f"{name}.npy", values)
    X, y_there = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "Xy")
    weight = weight if weighted else None
    options = {"distribution": distribution, "tol": 1.0}
    alone = EMCensoredRegressor(**options).fit(X, y, weight)
    sent = shared_at_once(monkeypatch)
    shared = EMCensoredRegressor(n_jobs=2, **options).fit(X, y_there, weight)
    assert sent
    agree(alone, shared, tol=1e-12)
    if weighted and distribution == "normal":
        sent.clear()
        EMCensoredRegressor(n_jobs=2, **options).fit(X, y_there, Slices(weight))
        assert not sent  # what is no array stays


# Memory


def test_float32_is_not_copied_to_double(monkeypatch):
    """X in double precision would be twice its size, and the design of its rows as much."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40_000, 40), dtype=np.float32)
    y = X[:, 0] + rng.normal(size=len(X))
    monkeypatch.setattr(_memory, "BLOCK_ROWS", 4096)
    tracemalloc.start()
    try:
        model = EMCensoredRegressor(right=0.0).fit(X, y)
        model.predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes


def test_a_memory_map_does_not_stay_in_memory(tmp_path):
    """144 MiB on disk, fitted by a process that may grow by 90."""
    script = f"""
import resource
import numpy as np
from emkit import EMCensoredRegressor
from emkit.data import source as _sources
_sources.LARGE = 2**26
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
rng = np.random.default_rng(0)
block = rng.normal(size=(2**16, 16))
EMCensoredRegressor(right=0.0).fit(block[:1000], rng.normal(size=1000))
for name, shape in {{"X": (2**20, 16), "y": (2**20,), "w": (2**20,)}}.items():
    with open(f"{tmp_path}/{{name}}", "wb") as file:
        for _ in range(16):
            part = {{"X": block, "y": block[:, 0] + rng.normal(size=2**16), "w": block[:, 1] ** 2}}
            file.write(part[name].tobytes())
before = peak()
X, y, w = (
    np.memmap(f"{tmp_path}/{{name}}", float, "r", shape=shape)
    for name, shape in {{"X": (2**20, 16), "y": (2**20,), "w": (2**20,)}}.items()
)
model = EMCensoredRegressor(right=0.0, tol=0.1).fit(X, y, w)
assert abs(model.coef_[0] - 1.0) < 0.01
assert np.isfinite(model.score(X, y, w))
print(peak() - before)
"""
    command = [sys.executable, "-W", "error", "-c", script]
    grown = subprocess.run(command, check=True, capture_output=True)
    assert float(grown.stdout) < 90.0


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
    np.testing.assert_array_equal(fits[0].coef_, fits[1].coef_)
