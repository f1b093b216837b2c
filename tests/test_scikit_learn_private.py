"""Each private name of scikit-learn that emkit uses is there, and does what emkit uses it for.

A release may change them without a word. The names are read from emkit's imports and attributes:
one that comes to use and has no check here fails. Nothing here imports an estimator, since one
name that is gone stops all of them.
"""

import ast
from importlib import import_module
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from packaging.version import Version
from sklearn.base import BaseEstimator, TransformerMixin

import emkit

ROOT = Path(emkit.__file__).parent
#: New in scikit-learn 1.9, and public; but it may change there without a deprecation.
EXPERIMENTAL = "sklearn.callback"
OF_CALLBACKS = {"CallbackSupportMixin", "_init_callback_context", "_skl_callbacks"}
#: Private attributes of estimators: of the base classes, and what scikit-learn finds or leaves.
ATTRIBUTES = {
    name
    for name in {
        *dir(TransformerMixin),
        *dir(BaseEstimator),
        *OF_CALLBACKS,
        "_parameter_constraints",
    }
    if name.startswith("_") and not name.startswith("__")
}

CHECKS = {}


def check(function):
    """Register a check under the name that it is of; it gets the thing itself where imported."""
    CHECKS[function.__name__] = function


def imported(node):
    """Pairs (name, module) of what a statement imports of scikit-learn's private parts."""
    if not isinstance(node, ast.ImportFrom) or node.module.partition(".")[0] != "sklearn":
        return
    for alias in node.names:
        if "._" in node.module or alias.name.startswith("_") or node.module == EXPERIMENTAL:
            yield alias.name, node.module


def mentioned(node):
    """The name that an expression reads, or that a string holds for ``getattr`` and the like."""
    return getattr(node, "attr", getattr(node, "id", getattr(node, "value", None)))


def used():
    """Private names that emkit uses: name -> (module of scikit-learn or None, files of emkit)."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        names, text = {}, path.read_text()
        if not any(word in text for word in ("sklearn", *ATTRIBUTES)):
            continue  # nothing to be found, and trees of all files take half a second
        for node in ast.walk(ast.parse(text)):
            names.update(imported(node))
            if isinstance(node, ast.Attribute | ast.Name | ast.Constant):
                name = mentioned(node)
                if isinstance(name, str) and name in ATTRIBUTES:
                    names.setdefault(name, None)
        for name, module in names.items():
            found.setdefault(name, (module, []))[1].append(f"emkit/{path.relative_to(ROOT)}")
    return found


USED = used()


def ask(name, module, files):
    """Run the check of a name; a failure says which release broke what."""
    try:
        CHECKS[name](*([getattr(import_module(module), name)] if module else []))
    except (Exception, pytest.fail.Exception) as error:
        pytest.fail(
            f"scikit-learn {sklearn.__version__} has no {name} ({module or 'an attribute'}) that "
            f"does what {', '.join(files)} uses it for. {type(error).__name__}: {error}"
        )


@pytest.mark.parametrize("name", sorted(USED))
def test_scikit_learn_still_has(name):
    if name in OF_CALLBACKS and Version(sklearn.__version__) < Version("1.9"):
        pytest.skip("scikit-learn before 1.9 has no callbacks, and emkit does without")
    ask(name, *USED[name])


def test_every_private_name_in_use_has_a_check_and_every_check_a_use():
    assert set(CHECKS) == set(USED)


def test_a_name_that_is_gone_is_told_with_release_and_file(monkeypatch):
    monkeypatch.setitem(CHECKS, "_gone", lambda thing: None)
    expected = rf"scikit-learn {sklearn.__version__} has no _gone .* emkit/base/estimator.py"
    with pytest.raises(pytest.fail.Exception, match=expected):
        ask("_gone", "sklearn.utils", ["emkit/base/estimator.py"])


# The checks


class Stub(TransformerMixin, BaseEstimator):
    """The least that can be configured."""

    def __init__(self, size=1):
        self.size = size

    def transform(self, X):
        return X

    def get_feature_names_out(self, input_features=None):
        return np.array(["x0", "x1"], dtype=object)


def refusal(call, *args, **kwargs):
    """The message of the ValueError that a call ends in."""
    with pytest.raises(ValueError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@check
def _validate_params():
    """Arguments of an estimator are held against its constraints."""
    from sklearn.utils._param_validation import Interval, InvalidParameterError

    class Checked(Stub):
        _parameter_constraints = {"size": [Interval(Real, 0, None, closed="left")]}

    Checked(1.0)._validate_params()
    with pytest.raises(InvalidParameterError, match="'size' parameter of Checked"):
        Checked(-1.0)._validate_params()


@check
def _fit_context(thing):
    from sklearn.utils._param_validation import Interval

    class Checked(Stub):
        _parameter_constraints = {"size": [Interval(Real, 0, None, closed="left")]}

        @thing(prefer_skip_nested_validation=True)
        def fit(self, X):
            return self, X

    estimator = Checked()
    assert estimator.fit(3) == (estimator, 3)
    message = refusal(Checked(size=-2).fit, 3)
    assert "'size'" in message and "-2" in message


@check
def _parameter_constraints():
    """The name of the table that scikit-learn checks arguments by."""

    class Checked(Stub):
        _parameter_constraints = {"size": ["boolean", "random_state", "verbose", callable, None]}

    for size in (True, 0, 2, np.random.RandomState(0), print, None):
        Checked(size=size)._validate_params()
    assert "'size'" in refusal(Checked(size="large")._validate_params)


@check
def _get_param_names():
    """Parameters are those of the constructor, by whatever class it is asked of."""

    class Named(Stub):
        @classmethod
        def _get_param_names(cls):
            return [*super()._get_param_names(), "more"]

    Named.more = 3
    assert Stub._get_param_names() == ["size"]
    assert Named(2).get_params() == {"size": 2, "more": 3}


@check
def make_constraint(thing):
    for constraint, value, other in (
        ("boolean", True, "yes"),
        ("array-like", [1, 2], 3),
        ("random_state", 3, "three"),
        (None, None, 0),
        (callable, print, "print"),
    ):
        made = thing(constraint)
        assert made.is_satisfied_by(value) and not made.is_satisfied_by(other)


@check
def Interval(thing):
    low = {
        closed: [thing(Real, 0, 1, closed=closed).is_satisfied_by(x) for x in (-1, 0, 0.5, 1, 2)]
        for closed in ("left", "neither", "both")
    }
    assert low == {
        "left": [False, True, True, False, False],
        "neither": [False, False, True, False, False],
        "both": [False, True, True, True, False],
    }
    unbounded = thing(Real, 0, None, closed="left")
    assert unbounded.is_satisfied_by(1e300) and not unbounded.is_satisfied_by(np.nan)


@check
def StrOptions(thing):
    options = thing({"one", "two"})
    assert options.is_satisfied_by("one")
    assert not options.is_satisfied_by("three") and not options.is_satisfied_by(1)


@check
def MissingValues(thing):
    marks = thing()
    assert all(marks.is_satisfied_by(mark) for mark in (np.nan, -1, 0.5, "?", None))
    assert not marks.is_satisfied_by([np.nan])


@check
def is_scalar_nan(thing):
    assert thing(np.nan) and thing(np.float32("nan"))
    assert not any(thing(x) for x in (0.0, 1, None, "nan", [np.nan]))


@check
def is_pandas_na(thing):
    assert not any(thing(x) for x in (np.nan, None, 0, "NA"))
    pandas = pytest.importorskip("pandas")
    assert thing(pandas.NA)


@check
def _get_mask(thing):
    for mark in ("?", None):
        cells = np.array([["1", mark], [mark, "2"]], dtype=object)
        np.testing.assert_array_equal(thing(cells, mark), [[False, True], [True, False]])
    pandas = pytest.importorskip("pandas")
    cells = np.array([[1.0, pandas.NA]], dtype=object)
    np.testing.assert_array_equal(thing(cells, pandas.NA), [[False, True]])


@check
def _get_output_config(thing):
    assert thing("transform", Stub())["dense"] == "default"
    asked = Stub().set_output(transform="pandas")
    assert thing("transform", asked)["dense"] == "pandas"


@check
def _check_feature_names(thing):
    estimator, frame = Stub(), pd.DataFrame([[1.0, 2.0]], columns=["a", "b"])
    thing(estimator, frame, reset=True)
    assert list(estimator.feature_names_in_) == ["a", "b"]
    thing(estimator, frame, reset=False)
    assert "order" in refusal(lambda: thing(estimator, frame[["b", "a"]], reset=False))


@check
def _check_n_features(thing):
    estimator = Stub()
    thing(estimator, np.zeros((3, 2)), reset=True)
    assert estimator.n_features_in_ == 2
    assert "2 features" in refusal(lambda: thing(estimator, np.zeros((3, 1)), reset=False))


@check
def _check_feature_names_in(thing):
    estimator = Stub()
    estimator.n_features_in_ = 2
    assert list(thing(estimator, None)) == ["x0", "x1"]
    assert list(thing(estimator, ["a", "b"])) == ["a", "b"]
    estimator.feature_names_in_ = np.array(["a", "b"], dtype=object)
    assert list(thing(estimator, None)) == ["a", "b"]
    assert "feature_names_in_" in refusal(thing, estimator, ["b", "a"])


@check
def _check_sample_weight(thing):
    X, options = np.zeros((2, 3)), {"dtype": np.float64, "ensure_non_negative": True}
    weights = thing([1, 0], X, **options)
    assert weights.dtype == np.float64 and weights.tolist() == [1.0, 0.0]
    for wrong in ([1, -1], [1, np.nan], [1, 2, 3]):
        refusal(thing, wrong, X, **options)


@check
def _num_samples(thing):
    assert thing([["a"], [None]]) == thing(np.zeros((2, 0))) == thing(pd.DataFrame(index=[3, 4]))
    with pytest.raises(TypeError):
        thing(None)


# Callbacks, from scikit-learn 1.9 on


class Listener:
    """A callback that hears of every task and stops the second iteration."""

    def __init__(self):
        self.heard = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        self.heard.append((context.task_name, context.task_id, X, y, metadata))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.heard.append(fitted_estimator.reached_)
        return context.task_name == "iteration" and context.task_id == 1


def listened():
    """An estimator with callbacks, and its listener."""
    mixin = import_module(EXPERIMENTAL).CallbackSupportMixin

    class Told(mixin, Stub):
        pass

    listener = Listener()
    return Told().set_callbacks(listener), listener


@check
def CallbackSupportMixin(thing):
    estimator, _ = listened()
    assert isinstance(estimator, thing)


@check
def _skl_callbacks():
    """Where an estimator keeps its callbacks, and nothing where it has none."""
    estimator, listener = listened()
    assert estimator._skl_callbacks == [listener]
    estimator.set_callbacks()
    assert not hasattr(estimator, "_skl_callbacks")


@check
def _init_callback_context():
    """A task for the fit, under it one a start in any order, under it one an iteration."""
    estimator, listener = listened()
    given = {"estimator": estimator, "X": 1, "y": 2, "metadata": {"sample_weight": 3}}
    fit = estimator._init_callback_context(max_subtasks=None, sequential_subtasks=False)
    fit.call_on_fit_task_begin(**given)
    start = fit.subcontext("start", task_id=7, max_subtasks=10)
    start.call_on_fit_task_begin(**given)
    stops = [
        task.call_on_fit_task_begin(**given).call_on_fit_task_end(
            reconstruction_attributes=lambda: {"reached_": 4}, **given
        )
        for task in (start.subcontext("iteration") for _ in range(2))
    ]
    assert stops == [False, True]
    rest = (1, 2, {"sample_weight": 3})
    begins = [("fit", 0, *rest), ("start", 7, *rest)]
    steps = [("iteration", 0, *rest), 4, ("iteration", 1, *rest), 4]
    assert listener.heard == begins + steps
