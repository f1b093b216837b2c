"""The data sets that come with the package."""

from importlib.resources import files

import numpy as np
import pytest

from emkit import EMCensoredRegressor, censored_target
from emkit.datasets import load_lung, load_motorettes

LOADERS = pytest.mark.parametrize("load", [load_motorettes, load_lung])


@LOADERS
def test_bunch_is_what_the_regressor_takes(load):
    bunch = load()
    n, d = bunch.data.shape
    assert len(bunch.feature_names) == d
    assert bunch.target.shape == (n, 2)
    assert bunch.target_names == ["lower", "upper"]
    assert bunch.frame is None
    low, high = bunch.target.T
    assert np.array_equal(bunch.target, censored_target(low, np.isfinite(high)))


@LOADERS
def test_descriptions_name_sources_and_variables(load):
    bunch = load()
    assert "doi:" in bunch.DESCR
    assert f"{len(bunch.data)} " in bunch.DESCR
    for name in bunch.feature_names:
        assert f"    {name}, " in bunch.DESCR


@LOADERS
def test_return_X_y(load):
    X, y = load(return_X_y=True)
    bunch = load()
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@LOADERS
def test_as_frame(load):
    pd = pytest.importorskip("pandas")
    bunch, arrays = load(as_frame=True), load()
    assert isinstance(bunch.data, pd.DataFrame)
    assert list(bunch.data.columns) == arrays.feature_names
    assert list(bunch.frame.columns) == [*arrays.feature_names, "lower", "upper"]
    np.testing.assert_array_equal(bunch.data, arrays.data)
    np.testing.assert_array_equal(bunch.target, arrays.target)
    X, y = load(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, bunch.data)
    pd.testing.assert_frame_equal(y, bunch.target)


def test_a_caller_may_change_what_comes_back():
    load_lung().data[:] = 0.0
    assert load_lung().data.any()


def test_motorettes():
    """Counts of Schmee & Hahn (1979), table 1; coefficients as R's survreg has them."""
    X, y = load_motorettes(return_X_y=True)
    celsius, failed = X[:, 0], np.isfinite(y[:, 1])
    for degrees, number, limit in [(150, 0, 8064), (170, 7, 5448), (190, 5, 1680), (220, 5, 528)]:
        here = celsius == degrees
        assert here.sum() == 10
        assert failed[here].sum() == number
        assert set(y[here & ~failed, 0]) == {limit}
    fit = EMCensoredRegressor().fit(1000.0 / (X + 273.2), np.log10(y))
    np.testing.assert_allclose(
        [fit.intercept_, fit.coef_[0], fit.scale_],
        [-6.01924964270851, 4.3112471430467, 0.259182708751066],
        rtol=1e-6,
    )


def test_lung():
    """Counts of R's survival::lung."""
    lung = load_lung()
    missing = dict(zip(lung.feature_names, np.isnan(lung.data).sum(axis=0), strict=True))
    assert missing == {
        "age": 0,
        "sex": 0,
        "ph.ecog": 1,
        "ph.karno": 1,
        "pat.karno": 3,
        "meal.cal": 47,
        "wt.loss": 14,
    }
    assert np.isinf(lung.target[:, 1]).sum() == 63
    assert not np.isnan(lung.target).any()
    # survreg(Surv(time, status) ~ age + sex, lung, dist = "gaussian")
    fit = EMCensoredRegressor().fit(lung.data[:, :2], lung.target)
    np.testing.assert_allclose(
        [fit.intercept_, *fit.coef_, fit.scale_],
        [403.316877201, -3.09157133578, 112.599457317, 240.760799314],
        rtol=1e-6,
    )


def test_tables_are_package_data():
    inside = {entry.name for entry in files("emkit.datasets").iterdir()}
    assert {"lung.csv", "motorettes.csv"} <= inside
