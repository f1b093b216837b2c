"""EMImputer with Student's t: fits that outliers do not bend, and draws with heavy tails."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, multivariate_t, t

from emkit import EMGaussianMixture, EMImputer
from emkit.numerics.covariance import NAMES

SCALE = np.array([[1.0, 0.7, 0.3], [0.7, 2.0, 0.2], [0.3, 0.2, 0.5]])


def table(n=1500, df=3.0, seed=0):
    """Rows of a t of three columns, three cells of ten missing."""
    rng = np.random.default_rng(seed)
    X = multivariate_t([1.0, 2.0, 3.0], SCALE, df=df).rvs(n, random_state=rng)
    X[rng.random(X.shape) < 0.3] = np.nan
    return X


def imputer(n_components=1, **options):
    options = {"shrinkage": 0.0, "tol": 1e-9, "random_state": 0} | options
    return EMImputer(n_components, distribution="student_t", **options)


def conditional(fitted, x, column, given):
    """Degrees of freedom, location and scale of a column given another."""
    df, mean, scale = fitted.df_[0], fitted.means_[0], fitted.scales_[0]
    slope = scale[column, given] / scale[given, given]
    distance = (x - mean[given]) ** 2 / scale[given, given]
    rest = scale[column, column] - slope * scale[column, given]
    location = mean[column] + slope * (x - mean[given])
    return df + 1.0, location, np.sqrt((df + distance) / (df + 1.0) * rest)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_mixture_of_one_component(name):
    X = table(300)
    fitted = imputer(covariance_type=name).fit(X)
    mixture = EMGaussianMixture(
        1, distribution="student_t", covariance_type=name, reg_covar=0.0, tol=1e-12, max_iter=500
    ).fit(X)
    seen = ~np.isnan(X).all(axis=1)
    assert_allclose(fitted.log_likelihood_ / seen.sum(), mixture.lower_bound_, rtol=1e-8)
    assert_allclose(1.0 / fitted.df_, 1.0 / mixture.df_, atol=1e-4)
    assert_allclose(fitted.transform(X), mixture.impute(X), rtol=1e-3, atol=1e-3)
    assert_allclose(fitted.covariance_, _whole(fitted), rtol=1e-9)


def _whole(fitted):
    one = fitted.covariances_[0]
    return one if one.ndim == 2 else one * np.eye(3)


@pytest.mark.parametrize("x", [1.0, 6.0, -40.0])
def test_draws_are_of_the_conditional_t(x):
    """Of more degrees of freedom, and the wider the farther the cells that are seen lie off."""
    fitted = imputer(sample_posterior=True).fit(table())
    drawn = fitted.transform(np.tile([x, np.nan, np.nan], (4000, 1)))
    for column in (1, 2):
        df, location, scale = conditional(fitted, x, column, 0)
        assert kstest((drawn[:, column] - location) / scale, "t", args=(df,)).pvalue > 1e-3


def test_draws_of_rows_without_a_value_are_of_the_whole():
    fitted = imputer(sample_posterior=True).fit(table())
    drawn = fitted.transform(np.full((4000, 3), np.nan))
    z = (drawn[:, 1] - fitted.means_[0, 1]) / np.sqrt(fitted.scales_[0, 1, 1])
    assert kstest(z, "t", args=(fitted.df_[0],)).pvalue > 1e-3


def test_draws_within_limits_are_truncated():
    limits = {"min_value": [-np.inf, 2.0, -np.inf], "max_value": [np.inf, 4.0, np.inf]}
    fitted = imputer(sample_posterior=True, **limits).fit(table())
    drawn = fitted.transform(np.tile([5.0, np.nan, np.nan], (4000, 1)))[:, 1]
    df, location, scale = conditional(fitted, 5.0, 1, 0)
    low, high, at = (t.cdf((v - location) / scale, df) for v in (2.0, 4.0, drawn))
    assert kstest((at - low) / (high - low), "uniform").pvalue > 1e-3


def test_outliers_do_not_bend_what_is_filled_in():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    clean = np.stack([x, 2.0 * x + 0.1 * rng.normal(size=300)], axis=1)
    clean[::4, 1] = np.nan
    far = np.concatenate([clean, rng.normal(0.0, 100.0, (20, 2))])
    missing = np.isnan(clean[:, 1])
    robust, usual = (
        np.abs(fitted.fit(far).transform(clean)[missing, 1] - 2.0 * x[missing]).max()
        for fitted in (imputer(), EMImputer(shrinkage=0.0))
    )
    assert robust < 0.1
    assert usual > 1.0


def test_multiple_imputation_has_the_spread_of_the_tails():
    X = table(400)
    tables = imputer().multiple_impute(X, 20)
    missing = np.isnan(X)
    normal = EMImputer(random_state=0, shrinkage=0.0).multiple_impute(X, 20)
    for several in (tables, normal):
        assert all(np.isfinite(one).all() for one in several)
        assert_array_equal(several[0][~missing], X[~missing])
    typical = [np.median(np.std(several, axis=0)[missing]) for several in (tables, normal)]
    assert typical[0] < typical[1]  # a normal gives all rows the spread of the outliers


def test_standard_errors_and_summary():
    X = table(800)
    fitted = imputer(tol=1e-12).fit(X)
    errors = fitted.standard_errors(X)
    assert errors.covariance.shape == (3, 3)
    complete = multivariate_t([1.0, 2.0, 3.0], SCALE, df=fitted.df_[0])
    rng = np.random.default_rng(1)
    refits = []
    for _ in range(60):
        again = complete.rvs(800, random_state=rng)
        again[np.isnan(X)] = np.nan
        refits.append(imputer().fit(again).location_)
    assert_allclose(errors.location, np.std(refits, axis=0), rtol=0.3)
    assert fitted.summary(X)["information_missing"].isna().all()


def test_several_components_weights_frames_and_constants():
    X = np.concatenate([table(200), table(200, seed=1) + 20.0])
    frame = pd.DataFrame(np.c_[X, np.full(400, 7.0)], columns=list("abcd"))
    weights = np.random.default_rng(0).integers(1, 3, 400)
    fitted = imputer(2, df="common").fit(frame, sample_weight=weights)
    assert fitted.df_[0] == fitted.df_[1]
    assert fitted.scales_.shape == fitted.covariances_.shape == (2, 4, 4)
    filled = fitted.set_output(transform="pandas").transform(frame)
    assert list(filled.columns) == list("abcd")
    assert not filled.isna().any().any()
    assert (filled["d"] == 7.0).all()
    repeated = imputer(2, df="common").fit(frame.loc[frame.index.repeat(weights)])
    assert_allclose(repeated.log_likelihood_, fitted.log_likelihood_, rtol=1e-6)


def test_a_covariance_that_is_infinite_is_said_to_be():
    fitted = imputer(df=1.5).fit(table())
    assert np.isinf(fitted.covariance_).all()
    assert np.isfinite(fitted.transform(table())).all()


def test_what_has_no_student_t_is_refused():
    X = table(100)
    for options in ({"method": "latent_normal"}, {"method": "auto"}, {"shrinkage": 1.0}):
        with pytest.raises(ValueError, match="has no distribution='student_t'"):
            imputer(**options).fit(X)
    with pytest.raises(ValueError, match="partial_fit has no distribution='student_t'"):
        imputer().partial_fit(X)
    with pytest.raises(ValueError, match="'df' parameter of EMImputer"):
        imputer(df=-2.0).fit(X)
    words = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(["u", "v"] * 50)})
    with pytest.raises(ValueError, match="b are categories"):
        imputer().fit(words)
    with pytest.raises(ValueError, match="Fit again, or set them back"):
        imputer().fit(X).set_params(df=3.0).transform(X)
