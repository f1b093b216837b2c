"""The data sets that come with the package."""

from datetime import date
from importlib.resources import files

import numpy as np
import pytest

from emkit import EMCensoredRegressor, EMImputer, EMSurvivalCurve, censored_target, datasets
from emkit.datasets import (
    load_airquality,
    load_channing,
    load_cosmesis,
    load_death_notices,
    load_faithful,
    load_galaxies,
    load_kola,
    load_lung,
    load_motorettes,
    load_penguins,
    load_votes,
    load_wages,
)

ALL = {name: getattr(datasets, name) for name in datasets.__all__}
every_loader = pytest.mark.parametrize("load", ALL.values(), ids=ALL)
MIXED = [load_penguins, load_votes, load_wages]
mixed_loader = pytest.mark.parametrize("load", MIXED)
with_target = pytest.mark.parametrize(
    "load",
    [load_channing, load_cosmesis, load_death_notices, load_lung, load_motorettes, *MIXED],
)


def as_objects(table):
    """Cells as they are, None where one is missing."""
    cells = np.asarray(table, dtype=object)
    return np.where(cells == cells, cells, None)


@every_loader
def test_bunch_has_the_keys_of_scikit_learn(load):
    bunch = load()
    assert bunch.data.dtype == (object if load in (*MIXED, load_kola) else np.float64)
    assert bunch.data.shape == (len(bunch.data), len(bunch.feature_names))
    assert bunch.frame is None
    assert ("target" in bunch) == ("target_names" in bunch)


@pytest.mark.parametrize("load", [load_motorettes, load_lung])
def test_bounds_are_what_the_regressor_takes(load):
    bunch = load()
    assert bunch.target.shape == (len(bunch.data), 2)
    assert bunch.target_names == ["lower", "upper"]
    low, high = bunch.target.T
    assert np.array_equal(bunch.target, censored_target(low, np.isfinite(high)))


@every_loader
def test_descriptions_name_sources_and_variables(load):
    bunch = load()
    title, rule, *_ = bunch.DESCR.splitlines()
    assert rule == "=" * len(title)
    assert "Source: " in bunch.DESCR and "doi:" in bunch.DESCR
    assert f"{len(bunch.data)} " in bunch.DESCR
    for name in bunch.feature_names:
        assert f"    {name}, " in bunch.DESCR


@with_target
def test_return_X_y(load):
    X, y = load(return_X_y=True)
    bunch = load()
    np.testing.assert_array_equal(as_objects(X), as_objects(bunch.data))
    np.testing.assert_array_equal(y, bunch.target)


@every_loader
def test_as_frame(load):
    pd = pytest.importorskip("pandas")
    bunch, arrays = load(as_frame=True), load()
    assert isinstance(bunch.data, pd.DataFrame)
    assert list(bunch.data.columns) == arrays.feature_names
    assert list(bunch.frame.columns) == [*arrays.feature_names, *arrays.get("target_names", [])]
    np.testing.assert_array_equal(as_objects(bunch.data), as_objects(arrays.data))


@with_target
def test_as_frame_has_the_target_too(load):
    pd = pytest.importorskip("pandas")
    bunch, arrays = load(as_frame=True), load()
    np.testing.assert_array_equal(bunch.target, arrays.target)
    pd.testing.assert_frame_equal(bunch.frame[arrays.target_names], pd.DataFrame(bunch.target))
    X, y = load(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, bunch.data)
    pd.testing.assert_frame_equal(pd.DataFrame(y), pd.DataFrame(bunch.target))


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


def test_channing():
    """S(t) of the women as R's survival::survfit has it of KMsurv::channing."""
    X, y = load_channing(return_X_y=True)
    assert (y[:, 2] < y[:, 0]).all() and (np.isinf(y[:, 1]) | (y[:, 1] == y[:, 0])).all()
    assert X.sum() == 362 and np.isfinite(y[:, 1]).sum() == 176
    curve = EMSurvivalCurve().fit(None, y[X[:, 0] == 1])
    np.testing.assert_allclose(
        curve.predict_survival_function([[1.0]], [900, 960, 1020, 1080])[0],
        [0.823746037032325, 0.705531419032744, 0.476590811779113, 0.279995016156778],
        rtol=1e-12,
    )


def test_cosmesis(golden):
    """The rows of R's KMsurv::bcdeter, as the reference answers of the curve hold them."""
    X, y = load_cosmesis(return_X_y=True)
    case = golden("failure_times.json")["data"]["cosmesis"]
    np.testing.assert_array_equal(X, case["X"])
    upper = [np.inf if end is None else end for end in case["upper"]]
    np.testing.assert_array_equal(y, np.column_stack([case["lower"], upper]))


def test_death_notices():
    """A row of days for each number of notices; the days are those of the three years."""
    notices, days = load_death_notices(return_X_y=True)
    np.testing.assert_array_equal(notices[:, 0], np.arange(10))
    assert days.sum() == (date(1913, 1, 1) - date(1910, 1, 1)).days


def test_faithful(golden):
    """R's table, as the golden cases of mclust have it."""
    np.testing.assert_array_equal(
        load_faithful().data, golden("mixture.json")["datasets"]["faithful"]["X"]
    )


def test_galaxies():
    """Sorted, with the misprint of R's MASS::galaxies that the description tells of."""
    velocities = load_galaxies().data[:, 0]
    assert (np.diff(velocities) >= 0).all()
    assert velocities[77] == 26.690 and "26.690" in load_galaxies().DESCR


def test_airquality(golden):
    """The table of R's datasets::airquality, as the reference answers of the imputer hold it."""
    air, (case, *_) = load_airquality(), golden("imputer.json")["cases"]
    assert case["name"] == "airquality"
    np.testing.assert_array_equal(air.data, np.array(case["X"], dtype=float))
    assert not np.isnan(EMImputer().fit_transform(air.data)).any()


@mixed_loader
def test_words_are_categories_and_go_into_the_imputer(load):
    pd = pytest.importorskip("pandas")
    X, arrays = load(as_frame=True).data, load().data
    for name, column in zip(X, arrays.T, strict=True):
        words = isinstance(X[name].dtype, pd.CategoricalDtype)
        assert words == any(isinstance(cell, str) for cell in column)
        assert words or X[name].dtype.kind in "if"
    filled = EMImputer(random_state=0).fit_transform(X)
    assert filled.notna().all(axis=None) and filled.dtypes.equals(X.dtypes)
    both = as_objects(EMImputer(random_state=0).fit_transform(arrays))
    np.testing.assert_array_equal(both == None, False)  # noqa: E711


def test_penguins():
    """Counts of palmerpenguins' page: 152 Adelie, 68 Chinstrap, 124 Gentoo; 2 without any size."""
    birds = load_penguins()
    species, counts = np.unique(birds.target, return_counts=True)
    assert dict(zip(species, counts, strict=True)) == {
        "Adelie": 152,
        "Chinstrap": 68,
        "Gentoo": 124,
    }
    missing = (as_objects(birds.data) == None).sum(axis=0)  # noqa: E711
    assert missing.tolist() == [0, 2, 2, 2, 2, 11, 0]


def test_votes():
    """Parties and missing cells as ``summary(HouseVotes84)`` of R's mlbench counts them."""
    votes = load_votes()
    assert (votes.target == "democrat").sum() == 267 and (votes.target == "republican").sum() == 168
    missing = (as_objects(votes.data) == None).sum(axis=0)  # noqa: E711
    assert missing.tolist() == [12, 48, 11, 11, 15, 11, 14, 15, 22, 7, 21, 31, 25, 17, 28, 104]


def test_wages():
    """R's ``lm(log(wage) ~ union + education, CPS1985)``, exercise 2b of Berndt (1991), p. 196."""
    wages = load_wages()
    union = wages.data[:, wages.feature_names.index("union")] == "yes"
    design = np.column_stack([np.ones(534), union, wages.data[:, 0].astype(float)])
    coef = np.linalg.lstsq(design, np.log(wages.target))[0]
    np.testing.assert_allclose(coef, [0.9926396425924, 0.2982610240957, 0.0778055370638])
    education, experience, age = wages.data[:, :3].astype(int).T
    assert (age - education - 6 != experience).sum() == 1 and experience.min() == 0


def test_every_loader_has_a_table_and_a_description_in_the_package():
    inside = {entry.name for entry in files("emkit.datasets").iterdir()}
    names = {name.removeprefix("load_") for name in ALL}
    assert {f"{name}{ending}" for name in names for ending in (".csv", ".rst")} <= inside


def test_kola_has_numbers_and_limits_below_which_cells_are():
    kola = load_kola()
    below = np.array([[isinstance(cell, str) for cell in row] for row in kola.data])
    counts = dict(zip(kola.feature_names, below.sum(axis=0).tolist(), strict=True))
    assert {name: n for name, n in counts.items() if n} == {
        "As": 10, "Bi": 15, "Hg": 340, "Sb": 326, "Se": 25, "Te": 137,
    }  # fmt: skip
    for column, cut in zip(kola.data.T, below.T, strict=True):
        limits = {float(cell.lstrip("<")) for cell in column[cut]}
        assert limits <= {column[~cut].min()}
