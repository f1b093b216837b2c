"""A source must have the same values at every pass, and is blamed where it has not."""

import numpy as np
import pandas as pd
import pytest
from tables import Parts

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.data.checksum import Checksum
from emkit.exceptions import DataReadError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 2)) + np.repeat([0.0, 6.0], 150)[:, None]
Y = X[:, 0] + RNG.normal(size=300)
FITS = {
    "mixture": lambda X, y, w: EMGaussianMixture(2, random_state=0).fit(X, sample_weight=w),
    "imputer": lambda X, y, w: EMImputer().fit(X, sample_weight=w),
    "normal": lambda X, y, w: EMCensoredRegressor().fit(X, y, w),
    "logistic": lambda X, y, w: EMCensoredRegressor(distribution="logistic").fit(X, y, w),
    "student_t": lambda X, y, w: EMCensoredRegressor(distribution="student_t").fit(X, y, w),
}
CHANGES = {
    "drawn anew": lambda block, n: np.random.default_rng(n).normal(size=block.shape),
    "shifted": lambda block, n: block + 1e-3,
    "turned round": lambda block, n: -block,
    "scaled": lambda block, n: block * (1.0 + 1e-3 * n),
}


class Changing(Parts):
    """Blocks of which the second becomes another from some pass on."""

    def __init__(self, array, change, first):
        super().__init__(array[:100], array[100:200], array[200:])
        self.change, self.first, self.n_passes = change, first, 0

    def __iter__(self):
        self.n_passes += 1
        a, b, c = self.parts
        return iter([a, self.change(b, self.n_passes) if self.n_passes >= self.first else b, c])


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("first", [4, 5])
def test_a_block_with_other_values_is_named(fit, change, first):
    """It was the model that was blamed, for an M-step that lowers the objective."""
    with pytest.raises(DataReadError, match="Block 1 of X, from row 100, gave other values"):
        fit(Changing(X, change, first), Y, None)


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_so_are_weights_and_responses(fit):
    weights = Changing(np.ones(300), CHANGES["shifted"], 4)
    with pytest.raises(DataReadError, match="Block 1 of sample_weight, .* gave other values"):
        fit(Parts(X[:100], X[100:200], X[200:]), Y, weights)
    if fit is not FITS["mixture"] and fit is not FITS["imputer"]:
        with pytest.raises(DataReadError, match="Block 1 of y, .* gave other values"):
            fit(Parts(X[:100], X[100:200], X[200:]), Changing(Y, CHANGES["shifted"], 4), None)


def parameters(fitted):
    """What was fitted, as arrays."""
    names = ("weights_", "means_", "covariances_", "coef_", "intercept_", "scale_", "df_")
    found = {name: getattr(fitted, name) for name in names if hasattr(fitted, name)}
    assert len(found) >= 3
    return found


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_values_computed_anew_may_be_rounded_otherwise(fit):
    def rounded(block, n):
        return block * (1.0 + 4e-16 * (-1) ** n)

    found = parameters(fit(Changing(X, rounded, 2), Y, None))
    right = parameters(fit(Parts(X[:100], X[100:200], X[200:]), Y, None))
    for name, value in found.items():
        np.testing.assert_allclose(value, right[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("dtype", [float, np.float32, np.float16, int, bool, "O", "U8", ">f8"])
def test_checksums_of_all_types(dtype):
    block = np.array([[1, 0], [2, 5]]).astype(dtype)
    one, other = Checksum.of(block), Checksum.of(np.asfortranarray(block))
    assert one is None if dtype in ("O", "U8") else one.agrees(other)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e308, -1.0])
def test_checksums_see_what_is_not_finite(wrong):
    block = np.full((50, 2), 1.0)
    other = block.copy()
    other[3, 1] = wrong
    assert not Checksum.of(block).agrees(Checksum.of(other))
    assert Checksum.of(other).agrees(Checksum.of(other.copy()))


def test_what_is_masked_may_be_anything():
    mask = np.eye(4, dtype=bool)
    one, other = (np.ma.array(np.full((4, 4), 1.0) + k * mask, mask=mask) for k in (0.0, 7.0))
    assert Checksum.of(one).agrees(Checksum.of(other))


NUMBERS = pd.DataFrame(X, columns=["a", "d"])
DATED = {
    "dates": NUMBERS.assign(d=pd.Timestamp("2020-01-01") + pd.to_timedelta(range(300), "D")),
    "durations": NUMBERS.assign(d=pd.to_timedelta(range(300), "D")),
    "zoned": NUMBERS.assign(d=pd.Timestamp("2020-01-01", tz="UTC")),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("dated", DATED.values(), ids=DATED)
def test_dates_beside_numbers_in_a_block_are_refused_by_column(fit, dated):
    for source in (Parts(dated[:100], dated[100:]), Parts(NUMBERS[:100], dated[100:])):
        with pytest.raises(ValueError, match="dates or durations in column 'd'"):
            fit(source, Y, None)
    with pytest.raises(ValueError, match="That is in block 1 of X"):
        fit(Parts(NUMBERS[:100], dated[100:]), Y, None)
