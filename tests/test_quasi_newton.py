"""Rows of a censored regression by kind, and steps by their gradients alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from emkit.engine import fit_em
from emkit.models.censored.data import Responses
from emkit.models.censored.first_line import Undivided, prepare_blocks
from emkit.models.censored.line import LineParams
from emkit.models.censored.location_scale import LocationScale
from emkit.models.censored.quasi_newton import near_maximum
from emkit.models.censored.residuals import BETWEEN, EXACT, LEFT, RIGHT
from emkit.models.censored.strata import Strata
from emkit.models.laws.gumbel import GumbelMin
from emkit.models.laws.logistic import Logistic

INF = np.inf
LABELS = np.array([[0.0], [1.0], [4.0]])


def rows_of_kinds(kinds, seed=0, late=False, weighted=False):
    """Rows of given kinds; columns are their numbers, a normal one, and a stratum."""
    rng, kinds = np.random.default_rng(seed), np.asarray(kinds)
    n = len(kinds)
    X = np.column_stack([np.arange(n), rng.normal(size=n), rng.choice(LABELS[:, 0], n)])
    y = X[:, 1] + np.log(rng.exponential(size=n))
    low = np.where(kinds == LEFT, -INF, y)
    high = np.select([kinds == EXACT, kinds == RIGHT], [y, INF], y + rng.uniform(1e-6, 5.0, n))
    entry = np.where((kinds != LEFT) & (rng.random(n) < 0.5), y - 1.0, -INF) if late else None
    weight = rng.uniform(0.2, 2.0, n) if weighted else None
    return Responses(X, low, high, weight, entry)


@given(
    st.lists(st.sampled_from([RIGHT, EXACT, BETWEEN, LEFT]), min_size=6, max_size=60),
    st.booleans(),
    st.booleans(),
    st.integers(0, 100),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_every_row_keeps_its_bounds_and_is_in_one_tile_of_its_kind(kinds, late, stratified, seed):
    kinds = [*kinds, EXACT, EXACT]
    rows = rows_of_kinds(kinds, seed, late, weighted=True)
    strata = Strata(LABELS, (2,), (0, 1), ("x2",)) if stratified else None
    prepared = prepare_blocks(Undivided(rows), True, summarise=False, strata=strata)
    units, data = prepared.units, prepared.residuals(rows)
    if units.basis is not None:
        return  # columns are then combinations of those of X
    number = np.rint(units.shift[0] + units.scale[0] * data.design[:, 1]).astype(int)
    assert_array_equal(np.sort(number), np.arange(len(rows.X)))
    fitted = data.design @ units.line
    low, high, width = data.bounds()
    assert_allclose(low + fitted, units.response(rows.low)[number], atol=1e-12)
    assert_allclose(high + fitted, units.response(rows.high)[number], atol=1e-12)
    with np.errstate(invalid="ignore"):
        assert_allclose(width, ((rows.high - rows.low) / units.spread)[number], rtol=1e-12)
    assert_array_equal(data.weight, rows.weight[number])
    if late:
        assert_allclose(data.entry + fitted, units.response(rows.entry)[number], atol=1e-12)
    seen = []
    for tile in data.tiles():
        seen += range(tile.rows.start, tile.rows.stop)
        assert (data.kind[tile.rows] == tile.kind).all()
        assert (np.array(kinds)[number[tile.rows]] == tile.kind).all()
        assert (data.stratum[tile.rows] == tile.stratum).all()
        if late:
            assert (np.isfinite(data.entry[tile.rows]) == tile.entered).all()
    assert seen == list(range(len(rows.X)))
    cut = np.arange(len(number)) % 3 == 0
    again = data.take(cut).joined([data.take(~cut)])
    assert (np.diff(again.group) >= 0).all()
    order, back = np.argsort(data.design[:, 1]), np.argsort(again.design[:, 1])
    for one, other in zip(data, again, strict=True):
        if isinstance(one, np.ndarray):
            assert_array_equal(one[order], other[back])


SETTINGS = [{}, {"weighted": True}, {"late": True}, {"alpha": 30.0}]


@pytest.mark.parametrize("law", [GumbelMin(), Logistic()], ids=repr)
@pytest.mark.parametrize("options", SETTINGS, ids=repr)
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.5])
def test_gradients_lead_from_a_rough_curvature_to_the_maximum(law, options, factor):
    options = dict(options)
    alpha = options.pop("alpha", 0.0)
    rng = np.random.default_rng(0)
    rows = rows_of_kinds(rng.choice([RIGHT, EXACT, BETWEEN, LEFT], 3000), **options)
    prepared = prepare_blocks(Undivided(rows), True, summarise=False, penalised=alpha > 0.0)
    data = prepared.residuals(rows)
    units = prepared.units
    model = LocationScale(law, units.line, prepared.gram, units.penalty(alpha), True)
    first = model.drawn_in(model.of_moments(LineParams(*map(np.asarray, prepared.starts[0]))))
    top = fit_em(model, data, start=first).params
    errors = np.linalg.inv(model.observed_information(data, top)).diagonal() ** 0.5
    start = top.moved(3.0 * errors * rng.choice([-1.0, 1.0], len(errors)))
    information = model.e_step(data, start)[0].information
    information = factor * information / np.outer(start.unit, start.unit)
    found = near_maximum(model, Undivided(data), start, information)
    stats, value = model.e_step(data, found)
    objective = value + model.log_prior(found)
    assert objective >= model.e_step(data, start)[1] + model.log_prior(start)
    assert model.remaining_gain(stats, found) < 1e-8


@pytest.mark.parametrize("factor", [-1.0, 1e-3, 1e6])
def test_a_curvature_that_is_none_does_not_lead_down(factor):
    rows = rows_of_kinds(np.arange(300) % 4)
    prepared = prepare_blocks(Undivided(rows), True, summarise=False)
    data = prepared.residuals(rows)
    model = LocationScale(GumbelMin(), prepared.units.line, prepared.gram, 0.0, True)
    start = LineParams(np.array([0.5, -0.3, 0.2, 0.1]), np.array(0.4))
    information = factor * model.e_step(data, start)[0].information
    found = near_maximum(model, Undivided(data), start, information)
    assert model.e_step(data, found)[1] >= model.e_step(data, start)[1]
