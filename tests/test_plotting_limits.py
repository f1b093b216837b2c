"""ImputationDisplay of tables with cells that are known to an interval."""

import numpy as np
import pandas as pd
import pytest

from emkit import EMGaussianMixture, EMImputer
from emkit.plotting import ImputationDisplay

pytest.importorskip("matplotlib").use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

RNG = np.random.default_rng(0)
NUMBERS = np.exp(RNG.multivariate_normal(np.zeros(3), 0.4 * np.eye(3) + 0.6, 60))
NUMBERS[RNG.random(NUMBERS.shape) < 0.1] = np.nan
FRAME = pd.DataFrame(NUMBERS, columns=["lead", "zinc", "iron"])
LIMITED = NUMBERS <= [0.5, -1.0, -1.0]
MISSING = np.isnan(NUMBERS)
TEXT = FRAME.astype({"lead": object}).assign(
    lead=[None if np.isnan(v) else "<0.5" if v <= 0.5 else f"{v!r}" for v in NUMBERS[:, 0].tolist()]
)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("impute_limits", [True, False])
@pytest.mark.parametrize("table", [FRAME, TEXT], ids=["limits", "text"])
def test_limits_have_a_colour_of_their_own(table, impute_limits):
    limits = {"lead": 0.5} if table is FRAME else None
    imputer = EMImputer(log=True, lower_limits=limits, impute_limits=impute_limits).fit(table)
    display = ImputationDisplay.from_estimator(imputer, table)
    np.testing.assert_array_equal(display.limited, LIMITED)
    np.testing.assert_array_equal(display.counts_ @ display.patterns_, MISSING.sum(axis=0))
    np.testing.assert_array_equal(display.counts_ @ display.limited_patterns_, LIMITED.sum(axis=0))
    legend = [text.get_text() for text in display.ax_[1].get_legend().get_texts()]
    assert f"within limits, {LIMITED[:, 0].sum()}" in legend
    assert f"observed, {(~LIMITED & ~MISSING)[:, 0].sum()}" in legend
    within = display.limited_ticks_[0].get_xdata()
    assert len(within) == LIMITED[:, 0].sum()
    assert (within <= 0.5).all()
    colours = {display.limited_[0].get_edgecolor(), display.imputed_[0].get_edgecolor()}
    assert len(colours) == 2
    assert display.limited_[1] is None
    assert "limits in green" in display.ax_[0].get_title()
    assert (
        display.ax_[0]
        .get_xticklabels()[0]
        .get_text()
        .endswith(f"+ {100.0 * LIMITED[:, 0].mean():.1f} %")
    )


def test_a_mixture_shows_them_too():
    mixture = EMGaussianMixture(lower_limits={"lead": 0.5}, random_state=0).fit(FRAME)
    display = ImputationDisplay.from_estimator(mixture, FRAME)
    np.testing.assert_array_equal(display.limited, LIMITED)
    assert (display.limited_ticks_[0].get_xdata() <= 0.5).all()


def test_without_limits_nothing_is_said_of_them():
    display = ImputationDisplay.from_estimator(EMImputer().fit(FRAME), FRAME)
    assert not display.limited.any()
    assert display.limited_ == [None] * 3
    assert display.ax_[0].get_title() == "missing cells in orange"
