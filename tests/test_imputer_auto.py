"""method="auto": what fills held-out cells best is fitted as if it had been asked for."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from emkit import EMImputer
from emkit.imputation import auto
from emkit.imputation.auto import HELD_OUT, held_out
from emkit.imputation.table import load_for_fit, open_table


def apart(n=240, seed=0):
    """Three classes far apart, which decide numbers and categories."""
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=n)
    frame = pd.DataFrame(
        {
            "x": np.array([-8.0, 0.0, 8.0])[label] + rng.normal(size=n),
            "y": np.array([5.0, -9.0, 5.0])[label] + rng.normal(size=n),
            "c": pd.Categorical.from_codes(label, ["low", "mid", "top"]),
            "d": pd.Categorical.from_codes((label + (rng.random(n) < 0.1)) % 3, ["a", "b", "c"]),
        }
    )
    return frame.mask(rng.random(frame.shape) < 0.2)


def monotone(n=300, seed=0):
    """Numbers and ordered levels of one normal factor, numbers through an exponential."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 1)) + 0.4 * rng.normal(size=(n, 5))
    frame = pd.DataFrame({"x": np.exp(2.0 * z[:, 0]), "y": z[:, 1]})
    for name, column in zip("cde", z[:, 2:].T, strict=True):
        codes = np.digitize(column, [-1.5, -0.5, 0.5, 1.5])
        levels = ["lowest", "low", "mid", "high", "highest"]
        frame[name] = pd.Categorical.from_codes(codes, levels, ordered=True)
    return frame.mask(rng.random(frame.shape) < 0.25)


def test_it_is_the_fit_of_what_was_chosen():
    frame = apart()
    imputer = EMImputer(method="auto", covariance_type="tied", random_state=0).fit(frame)
    again = EMImputer(random_state=0).set_params(**imputer.chosen_).fit(frame)
    pd.testing.assert_frame_equal(imputer.transform(frame), again.transform(frame))
    assert imputer.log_likelihood_ == again.log_likelihood_
    assert imputer.get_params()["method"] == "auto"


def test_classes_that_lie_apart_are_found_and_one_factor_is_latent():
    assert EMImputer(method="auto").fit(apart()).chosen_["n_components"] >= 3
    assert EMImputer(method="auto").fit(monotone()).chosen_["method"] == "latent_normal"


@pytest.mark.parametrize(
    ("scores", "tried", "chosen"),
    [
        ([0.0, 1.0, 0.5, 0.9], [1, 3, 6, "latent"], 3),
        ([0.0, 1.0, 1.5, 2.0], [1, 3, 6, "latent"], "latent"),
        ([0.0, 1.0, 1.5, 1.5], [1, 3, 6, "latent"], 6),
        ([0.0, -1.0, -2.0], [1, 3, "latent"], 1),
    ],
)
def test_more_classes_are_tried_until_more_are_worse(monkeypatch, scores, tried, chosen):
    given, found = iter(scores), []

    def of(options):
        return options["n_components"] if options["method"] == "classes" else "latent"

    def score(imputer, options, *others):
        found.append(of(options))
        return next(given)

    monkeypatch.setattr(auto, "_score", score)
    assert of(EMImputer(method="auto").fit(apart()).chosen_) == chosen
    assert found == tried


def test_the_choice_does_not_depend_on_the_random_state():
    frame = apart(seed=1)
    chosen = [EMImputer(method="auto", random_state=s).fit(frame).chosen_ for s in (None, 1, 2)]
    assert chosen[0] == chosen[1] == chosen[2]


def test_what_needs_the_model_goes_by_the_choice(monkeypatch):
    monkeypatch.setattr(auto, "N_COMPONENTS", (1, 3))  # of six a class is empty: no standard errors
    frame = apart()
    fine = {"random_state": 0, "tol": 1e-9, "max_iter": 2000}
    imputer = EMImputer(method="auto", **fine).fit(frame)
    chosen = EMImputer(**fine).set_params(**imputer.chosen_).fit(frame)
    for mine, theirs in zip(
        imputer.multiple_impute(frame, 2, 3), chosen.multiple_impute(frame, 2, 3), strict=True
    ):
        pd.testing.assert_frame_equal(mine, theirs)
    assert_array_equal(
        imputer.standard_errors(frame).location, chosen.standard_errors(frame).location
    )


def test_numbers_alone_and_constants():
    X = apart()[["x", "y"]].to_numpy()
    assert np.isfinite(EMImputer(method="auto").fit_transform(X)).all()
    constant = EMImputer(method="auto").fit([[1.0], [1.0], [np.nan]])
    assert_array_equal(constant.transform([[np.nan]]), [[1.0]])


def test_cells_are_held_out_without_hiding_rows_levels_or_what_varies():
    frame = apart()
    frame["rare"] = pd.Categorical(["once"] + ["often"] * (len(frame) - 1))
    frame["spike"] = np.r_[1.0, np.zeros(len(frame) - 1)]
    imputer = EMImputer()
    table = load_for_fit(imputer, open_table(imputer, frame, reset=True))
    hidden, X = held_out(imputer, table), table.data.X
    assert not hidden[np.isnan(X)].any()
    assert 0.5 * HELD_OUT < hidden.mean() < HELD_OUT
    kept = np.where(hidden, np.nan, X)
    assert not np.isnan(kept).all(axis=1).any()
    assert (np.nanmax(kept, axis=0) > np.nanmin(kept, axis=0)).all()
    for column in np.flatnonzero(imputer.is_categorical_):
        assert set(X[:, column][~np.isnan(X[:, column])]) == set(
            kept[:, column][~np.isnan(kept[:, column])]
        )


def test_a_number_of_classes_or_a_source_is_refused():
    with pytest.raises(ValueError, match="chooses n_components itself"):
        EMImputer(3, method="auto").fit(apart())
    X = apart()[["x", "y"]].to_numpy()
    with pytest.raises(ValueError, match="block by block"):
        EMImputer(method="auto").fit(Blocks(X))


class Blocks:
    """An iterable of blocks that can be read again."""

    def __init__(self, X):
        self.X = X

    def __iter__(self):
        return iter(np.array_split(self.X, 2))
