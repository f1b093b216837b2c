"""The classic examples: iterates, maxima and what each of them claims, against other sources."""

import ast
import contextlib
import functools
import io
import itertools
import re
import runpy
import sys
from fractions import Fraction
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import cut_short
from scipy import optimize, special, stats
from sklearn.decomposition import FactorAnalysis
from sklearn.mixture import GaussianMixture

from emkit.datasets import load_death_notices
from emkit.engine import Blocks, MonteCarloEM, StopReason, fit_em, standard_errors
from emkit.exceptions import DataWarning

FOLDER = Path(__file__).parent.parent / "examples" / "classic"
SCRIPTS = sorted(FOLDER.glob("*.py"))
ACCELERATIONS = [None, "anderson", "squarem"]
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=25, deadline=None)


@functools.cache
def example(name):
    """What a script defines and, as ``printed``, what it prints."""
    matplotlib.use("agg")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        names = runpy.run_path(str(FOLDER / f"{name}.py"))
    return names | {"printed": printed.getvalue()}


def path(model, data, start, n_iter):
    """Iterates of plain EM, the start first."""
    states = []
    options = {"acceleration": None, "tol": 0.0, "max_iter": n_iter}
    fit_em(model, data, start=start, callback=states.append, **options)
    return [state.params for state in states]


def stationary(log_likelihood, near):
    """Zero of the gradient, which a complex step gives without cancellation."""

    def gradient(x):
        return [log_likelihood(x + 1e-30j * e).imag / 1e-30 for e in np.eye(len(x))]

    return optimize.root(gradient, near, tol=1e-13).x


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_is_short_and_stands_on_the_public_engine(script):
    text = script.read_text()
    assert len(text.splitlines()) <= 60
    imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    ours = [node.module for node in imported if node.module.startswith("emkit")]
    ours = [module for module in ours if module not in {"emkit.datasets", "emkit.plotting"}]
    # K-means sets beside its model the mixture that does more.
    assert ours == ["emkit", "emkit.engine"][script.stem != "plot_kmeans" :]


# Models with one maximum in the interior: name, data, start, log-likelihood of a few free numbers
# written down independently, where to look for its maximum, and the parameters of those numbers.


def _linkage(which, cells):
    g = example("linkage")
    model, counts = g[which]
    return (
        model,
        counts,
        g["Params"](0.5),
        lambda x: counts @ np.log(cells(x[0])),
        [0.6],
        lambda x: x,
    )


def _classic():
    return _linkage("classic", lambda t: np.array([2 + t, 1 - t, 1 - t, t]) / 4)


def _variant():
    return _linkage("variant", lambda t: np.array([2 - t, 1 - t, 1 + t, t]) / 4)


def _two_coins():
    g = example("two_coins")
    heads = np.array([5, 9, 8, 4, 7])

    def log_likelihood(x):
        return np.log(0.5 * np.sum([p**heads * (1 - p) ** (10 - heads) for p in x], axis=0)).sum()

    start = g["Params"](np.array([0.6, 0.5]))
    return g["TwoCoins"](), g["tosses"], start, log_likelihood, [0.8, 0.5], lambda x: x


def _abo():
    g = example("abo")

    def log_likelihood(x):
        (a, b), o = x, 1 - x[0] - x[1]
        groups = np.array([a * a + 2 * a * o, b * b + 2 * b * o, 2 * a * b, o * o])
        return np.array([186, 38, 13, 284]) @ np.log(groups)

    start = g["Params"](np.array([0.3, 0.2, 0.5]))
    near = [0.2, 0.05]
    return g["Alleles"](), g["counts"], start, log_likelihood, near, lambda x: [*x, 1 - x.sum()]


def _death_notices():
    g = example("death_notices")
    (X, days), i = load_death_notices(return_X_y=True), np.arange(10)
    np.testing.assert_array_equal(X[:, 0], i)

    def log_likelihood(x):
        parts = [w * np.exp(-r) * r**i for w, r in ((x[0], x[1]), (1 - x[0], x[2]))]
        return days @ (np.log(parts[0] + parts[1]) - special.gammaln(i + 1))

    def full(x):
        return x[0], 1 - x[0], x[1], x[2]

    near = [0.36, 1.3, 2.7]
    return g["PoissonMixture"](), g["notices"], g["start"], log_likelihood, near, full


def _two_normals():
    g = example("two_normals")
    x, n = g["data"]

    def log_likelihood(p):
        w, centre, spread = (p[0], 1 - p[0]), p[1:3] * 1e-2, p[3:] * 1e-4
        parts = [
            w[k] * np.exp(-0.5 * (x - centre[k]) ** 2 / spread[k]) / np.sqrt(2 * np.pi * spread[k])
            for k in (0, 1)
        ]
        return n @ np.log(parts[0] + parts[1])

    def full(p):
        return p[0], 1 - p[0], *p[1:3] * 1e-2, *p[3:] * 1e-4

    start = g["Params"](np.array([0.5, 0.5]), np.array([0.63, 0.66]), np.array([2e-4, 2e-4]))
    near = [0.43, 63.2, 65.5, 3.3, 1.6]
    return g["TwoNormals"](), g["data"], start, log_likelihood, near, full


def _failure_times():
    g = example("failure_times")
    time, running = g["data"]

    def log_likelihood(x):
        return (-time / x[0] - ~running * np.log(x[0])).sum()

    return g["Lifetimes"](), g["data"], g["Params"](10.0), log_likelihood, [40.0], lambda x: x


def _student_t():
    g = example("student_t")

    def log_likelihood(p):
        mean, variance, df = p
        const = special.loggamma((df + 1) / 2) - special.loggamma(df / 2)
        const = const - 0.5 * np.log(np.pi * df * variance)
        return (const - (df + 1) / 2 * np.log(1 + (g["x"] - mean) ** 2 / variance / df)).sum()

    return (
        g["StudentT"](),
        g["x"],
        g["Params"](4.0, 2.0, 10.0),
        log_likelihood,
        [5, 0.45, 1.5],
        list,
    )


def _network():
    g = example("bayesian_network")
    boys = np.reshape(g["boys"], (1, 1, 2, 2, 2, 2))

    def tables(x):  # member, liking of it, and what he answers in each state of both
        p = np.stack([x, 1 - x], axis=-1)
        return p[0], p[1:3], *np.split(p[3:], 4)

    def log_likelihood(x):
        member, liking, *answers = tables(x)
        return np.sum(boys * np.log(np.einsum("m,ml,ma,lb,mc,ld->abcd", member, liking, *answers)))

    def full(x):
        return np.concatenate([*map(np.ravel, tables(x))])

    model, near = g["model"], [0.4, 0.68, 0.39, 0.75, 0.11, 0.81, 0.27, 0.91, 0.08, 0.83, 0.3]
    start = zip(model.shapes, tables(np.array(near) ** 0.5), strict=True)
    start = model.tables(*(np.reshape(table, shape) for shape, table in start))
    return model, boys, start, log_likelihood, near, full


def _zero_inflated_poisson():
    g = example("zero_inflated_poisson")
    shoots, roots, X, Z = g["data"]

    def log_likelihood(x):
        mean, never = np.exp(X @ x[:8]), 1 / (1 + np.exp(-Z @ x[8:]))
        poisson = np.exp(-mean) * mean**roots / special.factorial(roots)
        return shoots @ np.log((1 - never) * poisson + never * (roots == 0))

    start = g["Params"](np.full(8, 1.5), np.zeros(2))
    near = [1.8, 2.0, 2.0, 2.0, 1.9, 1.8, 1.6, 1.5, -4.3, -0.1]
    return g["ZeroInflatedPoisson"](), g["data"], start, log_likelihood, near, lambda x: x


INTERIOR = [
    _classic,
    _variant,
    _two_coins,
    _abo,
    _death_notices,
    _two_normals,
    _failure_times,
    _student_t,
    _network,
    _zero_inflated_poisson,
]


@pytest.fixture(params=INTERIOR, ids=lambda system: system.__name__.strip("_"))
def system(request):
    return request.param()


@pytest.mark.parametrize("acceleration", ACCELERATIONS)
def test_every_acceleration_finds_the_zero_of_the_score(system, acceleration):
    model, data, start, log_likelihood, near, full = system
    options = {"acceleration": acceleration, "tol": 0.0, "max_iter": 30000}
    fit = fit_em(model, data, start=start, **options)
    exact = stationary(log_likelihood, near)
    assert np.max(np.abs(exact - near)) < 0.2 * np.max(np.abs(near))  # the root meant, no other
    assert fit.converged
    np.testing.assert_allclose(
        # By values alone, as ECME seeks the degrees of freedom, a maximum is known to 1e-8 or so.
        np.concatenate([*map(np.ravel, fit.params)]),
        full(exact),
        rtol=1e-6 if "df" in fit.params._fields else 1e-10,
    )
    np.testing.assert_allclose(fit.log_likelihood, log_likelihood(exact), rtol=1e-12)


@cut_short
@given(seed=SEEDS)
@FEW
@pytest.mark.parametrize("build", INTERIOR, ids=lambda build: build.__name__.strip("_"))
def test_plain_em_never_falls_from_a_random_start(build, seed):
    model, data = build()[:2]
    fit = fit_em(model, data, random_state=seed, acceleration=None, tol=0.0, max_iter=30)
    assert np.all(np.diff(fit.history) >= -1e-13 * np.abs(fit.history[:-1]))
    assert fit.reason in (StopReason.MAX_ITER, StopReason.TOLERANCE, StopReason.INFEASIBLE)


# What single examples claim.


@cut_short
@pytest.mark.parametrize("which", ["classic", "variant"])
def test_linkage_goes_the_published_way(which, golden):
    g, case = example("linkage"), golden("linkage.json")[f"linkage_{which}"]
    model, counts = g[which]
    iterates = path(model, counts, g["Params"](0.5), 6)
    exact = [*map(Fraction, case["em_iterates_exact_fractions"])]
    np.testing.assert_allclose([p.t for p in iterates[:3]], [*map(float, exact)], atol=1e-12)
    np.testing.assert_allclose(
        [p.t for p in iterates], [*map(float, case["em_iterates"])], atol=1e-12
    )
    fit = fit_em(model, counts, start=g["Params"](0.5), tol=0.0)
    assert fit.params.t == pytest.approx(float(case["mle"]), abs=1e-12)
    error = standard_errors(model, counts, fit).t
    assert error == pytest.approx(float(case["se"]), rel=1e-5)
    assert f"maximum  {float(case['mle']):.6f} +- {float(case['se']):.6f}" in g["printed"]


@cut_short
def test_two_coins_go_the_published_way(golden):
    g, case = example("two_coins"), golden("classic.json")["two_coins"]
    model, tosses, start = g["TwoCoins"](), g["tosses"], g["start"]
    exact = np.array(case["iterates"], float)
    iterates = np.array([p.heads for p in path(model, tosses, start, len(exact) - 1)])
    np.testing.assert_allclose(iterates, exact, atol=1e-12)
    for n_iter, name in ((1, "first_iterate"), (10, "iterate_10")):
        np.testing.assert_allclose(iterates[n_iter].round(2), case["published"][name])
    fit = fit_em(model, tosses, start=start, tol=0.0)
    np.testing.assert_allclose(fit.params.heads, [*map(float, case["mle"])], atol=1e-10)
    assert fit.log_likelihood == pytest.approx(float(case["log_likelihood"]), abs=1e-12)
    errors = standard_errors(model, tosses, fit).heads
    np.testing.assert_allclose(errors, case["se"], rtol=1e-5)


@given(p=st.floats(0.05, 0.95))
@FEW
def test_coins_that_start_alike_stay_alike(p):
    g = example("two_coins")
    fit = fit_em(g["TwoCoins"](), g["tosses"], start=g["Params"](np.array([p, p])), tol=0.0)
    np.testing.assert_allclose(fit.params.heads, 0.66, rtol=1e-12)
    best = g["fit"].log_likelihood
    assert fit.log_likelihood < best - 0.4
    uneven = g["Params"](np.array([0.66, 0.66 + 1e-3]))  # a saddle: any step aside leads away
    assert fit_em(g["TwoCoins"](), g["tosses"], start=uneven).log_likelihood > best - 1e-6


@cut_short
def test_gene_counting_goes_the_published_way(golden):
    g, case = example("abo"), golden("classic.json")["abo"]
    assert dict(zip(["A", "B", "AB", "O"], g["counts"], strict=True)) == case["counts"]
    exact = np.array(case["iterates"])
    iterates = path(g["Alleles"](), g["counts"], g["start"], len(exact) - 1)
    np.testing.assert_allclose([p.alleles for p in iterates], exact, atol=1.5e-4)


@given(seed=SEEDS)
@FEW
def test_expected_genes_are_those_of_all_pairs_of_parents(seed):
    g = example("abo")
    params = g["Alleles"]().initialize(None, np.random.default_rng(seed))
    group = {"AA": 0, "AO": 0, "BB": 1, "BO": 1, "AB": 2, "OO": 3}
    genes, groups = np.zeros((4, 3)), np.zeros(4)
    for pair in itertools.product(range(3), repeat=2):
        k = group["".join(sorted("ABO"[i] for i in pair))]
        groups[k] += params.alleles[[*pair]].prod()
        genes[k] += params.alleles[[*pair]].prod() * np.bincount(pair, minlength=3)
    (expected,), value = g["Alleles"]().e_step(g["counts"], params)
    np.testing.assert_allclose(expected, g["counts"] / groups @ genes, rtol=1e-12)
    assert value == pytest.approx(g["counts"] @ np.log(groups), rel=1e-12)


@cut_short
def test_death_notices_have_the_maximum_that_r_finds(golden):
    g, case = example("death_notices"), golden("classic.json")["death_notices"]
    fit = fit_em(g["PoissonMixture"](), g["notices"], start=g["start"], tol=0.0)
    weight, rate, other = case["weight"], case["rate"], case["other_rate"]
    np.testing.assert_allclose(fit.params.weights, [1 - weight, weight], atol=1e-5)
    np.testing.assert_allclose(fit.params.rates, [other, rate], atol=1e-5)


def test_the_short_cut_is_shorter_and_ends_higher():
    g = example("death_notices")
    plain, short = (
        fit_em(g["PoissonMixture"](), g["notices"], start=g["start"], acceleration=a, max_iter=5000)
        for a in (None, "anderson")
    )
    assert short.n_evaluations < plain.n_evaluations / 20
    assert short.log_likelihood >= plain.log_likelihood
    mean = g["days"] @ g["notices"] / g["days"].sum()
    one = g["days"] @ stats.poisson.logpmf(g["notices"], mean)
    assert g["one"].log_likelihood == pytest.approx(one, abs=1e-8)


@cut_short
def test_two_normals_are_those_of_r_and_of_scikit_learn(golden):
    g, case = example("two_normals"), golden("classic.json")["crabs"]
    x, counts = g["data"]

    class Penalised(g["TwoNormals"]):
        def log_prior(self, params):
            return np.log(params.weights).sum()

        def m_step(self, stats, params):
            return (
                super().m_step(stats, params)._replace(weights=(stats.n + 1) / (stats.n + 1).sum())
            )

    start = g["Params"](np.full(2, 0.5), np.array([0.63, 0.66]), np.full(2, 2e-4))
    fit = fit_em(Penalised(), g["data"], start=start, tol=0.0)
    np.testing.assert_allclose(fit.params.weights, case["weights"], atol=2.5e-3)
    np.testing.assert_allclose(fit.params.means + 0.002, case["means"], atol=6e-4)
    np.testing.assert_allclose(fit.params.variances, case["variances"], atol=6e-7)
    assert fit.log_likelihood == pytest.approx(case["log_likelihood"], abs=6e-4)
    assert fit.objective == pytest.approx(case["penalised"], abs=6e-4)

    fit = fit_em(g["TwoNormals"](), g["data"], start=start, tol=0.0)
    rows = np.repeat(x, counts)[:, None]
    oracle = GaussianMixture(2, tol=1e-12, max_iter=5000, reg_covar=0.0, random_state=0).fit(rows)
    order = oracle.means_[:, 0].argsort()
    np.testing.assert_allclose(fit.params.means, oracle.means_[order, 0], rtol=1e-5)
    np.testing.assert_allclose(fit.params.weights, oracle.weights_[order], rtol=1e-3)
    assert fit.log_likelihood == pytest.approx(oracle.score(rows) * len(rows), abs=1e-6)


def test_a_collapse_is_higher_than_the_maximum_and_refused():
    g = example("two_normals")
    fit, collapse = g["fit"], g["collapse"]
    assert fit.converged and fit.reason is StopReason.TOLERANCE
    assert collapse.log_likelihood > fit.log_likelihood + 100
    assert not collapse.converged and collapse.reason is StopReason.INFEASIBLE
    starts = [g["narrow"], fit.params]
    assert fit_em(g["TwoNormals"](), g["data"], start=starts).converged  # of the two, the maximum


@cut_short
def test_each_step_leaves_the_part_of_the_error_that_is_missing():
    g = example("failure_times")
    iterates = path(g["Lifetimes"](), g["data"], g["Params"](10.0), 15)
    errors = np.array([p.mean - 359 / 9 for p in iterates])
    np.testing.assert_allclose(errors[1:] / errors[:-1], 12 / 21, rtol=1e-9)
    fit = fit_em(g["Lifetimes"](), g["data"], start=g["Params"](10.0), tol=0.0)
    assert fit.params.mean == pytest.approx(359 / 9, rel=1e-12)
    error = standard_errors(g["Lifetimes"](), g["data"], fit).mean
    assert error == pytest.approx(359 / 9 / 3, rel=1e-5)  # mean / sqrt(relapses)


@given(mean=st.floats(1.0, 100.0))
@FEW
def test_expected_lifetimes_are_the_integrals(mean):
    g = example("failure_times")
    time, running = g["data"]
    law = stats.expon(scale=mean)
    nodes, weights = np.polynomial.laguerre.laggauss(30)
    later = time[:, None] + mean * nodes  # density of the time, given that it is longer
    density = np.exp(law.logpdf(later) - law.logsf(time)[:, None] + nodes) * mean
    whole = np.where(running, (later * density) @ weights, time)
    (n, total), value = g["Lifetimes"]().e_step(g["data"], g["Params"](mean))
    assert n == 21 and total == pytest.approx(whole.sum(), rel=1e-9)
    exact = np.where(running, law.logsf(time), law.logpdf(time)).sum()
    assert value == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("which", ["classic", "variant"])
@pytest.mark.parametrize("t", [0.1, 0.6, 0.9])
def test_drawn_animals_are_those_expected(which, t):
    g = example("linkage")
    model, counts = g[which]
    at, size = g["Params"](t), 4000
    drawn = model.sample_latent(counts, at, np.random.default_rng(0), size)
    np.testing.assert_array_equal(drawn.sum(axis=2), np.tile(counts, (size, 1)))
    expected, got = model.e_step(counts, at)[0], model.complete_statistics(counts, drawn)
    # A sum of binomial counts has a variance of at most a quarter of the animals.
    np.testing.assert_allclose(got, expected, atol=5 * np.sqrt(counts.sum() / 4 / size))
    assert drawn[:, :, 0].std() > 0  # the split is drawn, not put in


@pytest.mark.parametrize("name", ["linkage", "failure_times"])
def test_draws_lead_where_the_e_step_leads(name):
    g = example(name)
    cases = [g["classic"], g["variant"]] if name == "linkage" else [(g["Lifetimes"](), g["data"])]
    for (model, data), seed in itertools.product(cases, range(10)):
        start = g["Params"](0.5 if name == "linkage" else 10.0)
        exact = fit_em(model, data, start=start, tol=0.0).params
        form = MonteCarloEM(precision=0.02)
        fit = fit_em(model, data, start=start, algorithm=form, random_state=seed)
        low, high = fit.interval(0.99999)
        assert fit.converged and low[0] < exact[0] < high[0]
    assert g["printed"].count("by draws") == len(cases)


def test_drawn_lifetimes_are_those_expected():
    g = example("failure_times")
    model, at, size = g["Lifetimes"](), g["Params"](30.0), 4000
    drawn = model.sample_latent(g["data"], at, np.random.default_rng(0), size)
    expected, got = model.e_step(g["data"], at)[0], model.complete_statistics(g["data"], drawn)
    assert got.n == expected.n
    assert got.time == pytest.approx(expected.time, abs=5 * 30.0 * np.sqrt(12 / size))


# K-means and Student's t.


def test_k_means_is_that_of_scikit_learn_and_cuts_what_em_finds():
    g = example("plot_kmeans")
    fit, oracle = g["fit"], g["oracle"]
    np.testing.assert_allclose(fit.params.centers, oracle.cluster_centers_, rtol=1e-10)
    assert -fit.objective == pytest.approx(oracle.inertia_, rel=1e-10)
    assert np.all(np.diff(fit.history) >= 0) and fit.converged
    assert "of the same centres: True" in g["printed"]
    cut, found = (float(line[-5:]) for line in g["printed"].splitlines() if "agreement" in line)
    assert found > 0.98 and cut < 0.5
    assert [len(ax.collections) for ax in g["axes"]] == [1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_the_degrees_of_freedom_are_those_of_a_general_maximiser(seed):
    g = example("student_t")
    x = stats.t.rvs(3.0, 1.0, 2.0, size=200, random_state=seed)
    fit = fit_em(g["StudentT"](), x, random_state=seed, tol=1e-11)
    df, mean, scale = stats.t.fit(x)
    best = stats.t.logpdf(x, df, mean, scale).sum()
    assert fit.converged and fit.objective >= best - 1e-6
    np.testing.assert_allclose(fit.params, [mean, scale**2, df], rtol=1e-2)


# Latent assignment.


@cut_short
def test_outings_go_the_exact_way(golden):
    g, case = example("latent_assignment"), golden("classic.json")["outings"]
    exact = [[[float(Fraction(p)) for p in row] for row in table] for table in case["iterates"]]
    start = g["Table"](np.full((3, 3), 1 / 3))
    model, data = g["OneOfThese"](), g["outings"]
    iterates = path(model, data, start, len(exact) - 1)
    np.testing.assert_allclose([p.pairs for p in iterates], exact, atol=1e-12)
    values = [np.exp(model.e_step(data, p)[1]) for p in iterates]
    np.testing.assert_allclose(values, [float(Fraction(p)) for p in case["likelihood"]], rtol=1e-12)
    assert g["printed"].startswith("p(z|B) 1/3 1/2 2/3 4/5 8/9 16/17\n")


@given(x=st.floats(0.05, 0.9), y=st.floats(0.05, 0.9))
@FEW
def test_the_ridge_is_flat_and_reported(x, y):
    g = example("latent_assignment")
    start = np.array([[x, y, 0.05], [1, 1, 1], [1, 1, 1]])
    start = g["Table"](start / start.sum(axis=1, keepdims=True))
    fit = fit_em(g["OneOfThese"](), g["outings"], start=start)
    np.testing.assert_allclose(fit.params.pairs[0], [x / (x + y), y / (x + y), 0], atol=1e-12)
    assert fit.log_likelihood == pytest.approx(0.0, abs=1e-6)
    with pytest.warns(DataWarning, match="flat along a ridge"):
        errors = standard_errors(g["OneOfThese"](), g["outings"], fit)
    assert np.all(np.isnan(errors.pairs[0, :2]))


@given(seed=SEEDS)
@FEW
def test_word_alignment_counts_as_enumeration_does(seed):
    g = example("latent_assignment")
    model, data = g["OneOfThese"](), g["words"]
    params = model.initialize(data, np.random.default_rng(seed))
    counts, total = np.zeros(params.pairs.shape), 0.0
    for choice in itertools.product(*(np.argwhere(mask) for mask in data)):
        cells = tuple(np.transpose(choice))
        p = params.pairs[cells].prod()
        total += p
        np.add.at(counts, cells, p)
    (expected,), value = model.e_step(data, params)
    np.testing.assert_allclose(expected, counts / total, rtol=1e-10)
    assert value == pytest.approx(np.log(total), abs=1e-12)


def test_every_word_finds_its_translation():
    g = example("latent_assignment")
    found = dict(line.split(" -> ") for line in g["printed"].splitlines() if " -> " in line)
    assert {german: text.split()[0] for german, text in found.items()} == {
        "Buch": "book",
        "Haus": "house",
        "das": "the",
        "ein": "a",
    }
    assert min(float(text.split()[1]) for text in found.values()) > 0.99


# Baum-Welch.


def chain(rng, n_states, n_letters):
    shapes = (n_states,), (n_states, n_states), (n_states, n_letters)
    draws = (rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]) for shape in shapes)
    return example("baum_welch")["Chain"](*draws)


@given(
    seed=SEEDS, n_states=st.integers(1, 3), word=st.lists(st.integers(0, 2), min_size=1, max_size=6)
)
@FEW
def test_forward_backward_sums_over_all_paths(seed, n_states, word):
    g = example("baum_welch")
    params = chain(np.random.default_rng(seed), n_states, 3)
    counts, total = g["Chain"](*(np.zeros_like(p) for p in params)), 0.0
    for states in itertools.product(range(n_states), repeat=len(word)):
        where = states[0], (states[:-1], states[1:]), (states, word)
        p = np.prod([np.prod(table[at]) for table, at in zip(params, where, strict=True)])
        total += p
        for table, at in zip(counts, where, strict=True):
            np.add.at(table, at, p)
    expected, value = g["HiddenMarkov"]().e_step(np.array(word), params)
    assert value == pytest.approx(np.log(total), abs=1e-12)
    for got, exact in zip(expected, counts, strict=True):
        np.testing.assert_allclose(got, exact / total, atol=1e-12)


@given(seed=SEEDS, length=st.integers(2, 400))
@FEW
def test_a_long_word_neither_underflows_nor_loses_a_letter(seed, length):
    rng = np.random.default_rng(seed)
    word = rng.integers(0, 3, length)
    first, move, emit = example("baum_welch")["HiddenMarkov"]().e_step(word, chain(rng, 2, 3))[0]
    assert first.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(emit.sum(axis=0), np.bincount(word, minlength=3), atol=1e-9)
    np.testing.assert_allclose(first + move.sum(axis=0), emit.sum(axis=1), rtol=1e-9)


@cut_short
@given(seed=SEEDS)
@FEW
def test_words_climb_together_and_their_order_is_nothing(seed):
    g = example("baum_welch")
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, 3, n) for n in rng.integers(1, 8, 12)]
    options = {"start": chain(rng, 2, 3), "acceleration": None, "tol": 0.0, "max_iter": 40}
    fit = fit_em(g["HiddenMarkov"](), Blocks(words), **options)
    assert np.all(np.diff(fit.history) >= -1e-12 * np.abs(fit.history[:-1]))
    again = fit_em(g["HiddenMarkov"](), Blocks(words[::-1]), **options)
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-8)


def test_baum_welch_reaches_what_a_general_maximiser_reaches():
    g = example("baum_welch")
    words = [np.array([0, 0, 1, 1, 0, 0, 1, 1, 0]), np.array([1, 0, 0, 1, 1, 1, 0, 1])]

    def params(x):
        first, move, emit = np.split(x, [1, 3])
        both = (
            np.stack([special.expit(p), special.expit(-p)], axis=-1) for p in (first, move, emit)
        )
        first, move, emit = both
        return g["Chain"](first[0], move, emit)

    def fall(x):
        return -sum(g["HiddenMarkov"]().e_step(word, params(x))[1] for word in words)

    rng = np.random.default_rng(0)
    starts = rng.normal(size=(8, 5))
    oracle = min(optimize.minimize(fall, x).fun for x in starts)
    fit = fit_em(g["HiddenMarkov"](), Blocks(words), start=[params(x) for x in starts], tol=1e-10)
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(-oracle, abs=1e-3)
    assert fit.log_likelihood > -oracle - 1e-6


def test_the_states_are_vowels_and_consonants():
    g = example("baum_welch")
    lines = [line.split(": ")[1].split() for line in g["printed"].splitlines() if "then" in line]
    vowels, consonants = sorted(map(set, lines), key=len)
    assert set("aeiou") <= vowels <= set("aeiouy")
    assert set("bcdfghlmnprstvw") <= consonants <= set("bcdfghjklmnpqrstvwxyz")


# The lower bound.


@given(at=st.floats(0.02, 0.98))
@FEW
def test_the_bound_touches_once_and_its_top_is_the_m_step(at):
    g = example("plot_lower_bound")
    model, counts = g["model"], g["counts"]
    grid = np.linspace(0.01, 0.99, 99)
    values = np.array([model.e_step(counts, g["Params"](t))[1] for t in grid])
    assert np.all(model.bound(grid, counts, at) <= values + 1e-11)
    stats_, value = model.e_step(counts, g["Params"](at))
    assert model.bound(at, counts, at) == pytest.approx(value, rel=1e-13)
    image = model.m_step(stats_, g["Params"](at)).t
    top = optimize.minimize_scalar(
        lambda t: -model.bound(t, counts, at), bounds=(0.001, 0.999), method="bounded"
    )
    assert image == pytest.approx(top.x, abs=1e-5)
    assert model.bound(image, counts, at) >= -top.fun - 1e-11
    # The two meet with one slope, which is why a fixed point is stationary.
    h = 1e-5
    slope = (model.bound(at + h, counts, at) - model.bound(at - h, counts, at)) / (2 * h)
    up, down = (model.e_step(counts, g["Params"](at + d))[1] for d in (h, -h))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-3, abs=1e-3)


@cut_short
def test_the_bound_is_of_the_linkage_model_and_drawn(monkeypatch):
    g, linkage = example("plot_lower_bound"), example("linkage")
    model, counts = linkage["variant"]
    path_there = path(model, counts, linkage["Params"](0.05), 5)
    np.testing.assert_allclose(
        [state.params.t for state in g["states"][:6]], [p.t for p in path_there], rtol=1e-12
    )
    assert [len(ax.lines) for ax in g["axes"]] == [3, 3, 3]
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        bare = runpy.run_path(str(FOLDER / "plot_lower_bound.py"))
    assert bare["plt"] is None and g["printed"].startswith(printed.getvalue())


# Bayesian network.


@given(seed=SEEDS)
@FEW
def test_the_e_step_of_a_network_enumerates(seed):
    """B is hidden, between A and two that it affects, one of them together with A."""
    rng, network = np.random.default_rng(seed), example("bayesian_network")["Network"]
    model, counts = network("A B|A C|AB D|B"), rng.integers(0, 9, (2, 1, 2, 2))
    params = model.initialize(counts, rng)
    a, b, c, d = params
    expected, total = np.zeros((2, 2, 2, 2)), 0.0
    for i, k, m in itertools.product(range(2), repeat=3):
        p = [a[i, 0, 0, 0] * b[i, j, 0, 0] * c[i, j, k, 0] * d[0, j, 0, m] for j in range(2)]
        expected[i, :, k, m] = counts[i, 0, k, m] * np.divide(p, sum(p))
        total += counts[i, 0, k, m] * np.log(sum(p))
    (got,), value = model.e_step(counts, params)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert value == pytest.approx(total, rel=1e-12)


@given(seed=SEEDS)
@FEW
def test_of_a_network_seen_whole_one_step_takes_proportions(seed):
    rng, network = np.random.default_rng(seed), example("bayesian_network")["Network"]
    model, counts = network("A B|A C|AB"), rng.integers(1, 9, (2, 2, 2))
    a, b, c = fit_em(model, counts, random_state=seed).params
    np.testing.assert_allclose(a.ravel(), counts.sum(axis=(1, 2)) / counts.sum(), rtol=1e-12)
    pairs = counts.sum(axis=2)
    np.testing.assert_allclose(b[:, :, 0], pairs / pairs.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(c, counts / counts.sum(axis=2, keepdims=True), rtol=1e-12)


def test_two_hidden_nodes_explain_the_answers_and_one_does_not(golden):
    case, printed = golden("classic.json")["schoolboys"], example("bayesian_network")["printed"]
    found = [line.split("chi-squared ")[1] for line in printed.splitlines() if "df" in line]
    assert found == ["{:.2f}, df {}".format(*case[name]) for name in ("one", "two")]


# Factor analysis.


def factors(n_columns, n_factors, seed):
    """Draws of a model of factors, centred, and parameters elsewhere."""
    rng = np.random.default_rng(seed)
    model = example("factor_analysis")["Factors"](n_factors)
    loadings = rng.normal(size=(n_columns, n_factors))
    noise = rng.normal(size=(300, n_columns)) * rng.uniform(0.8, 2.0, n_columns)
    X = rng.normal(size=(300, n_factors)) @ loadings.T + noise
    return model, X - X.mean(axis=0), model.initialize(X, rng)


@given(seed=SEEDS, n_columns=st.integers(2, 6), n_factors=st.integers(1, 3))
@FEW
def test_expected_factors_are_those_of_the_joint_normal_law(seed, n_columns, n_factors):
    model, X, (loadings, noise) = factors(n_columns, n_factors, seed)
    covariance = loadings @ loadings.T + np.diag(noise)
    slopes = np.linalg.solve(covariance, loadings)  # of the factors on the columns
    z, left = X @ slopes, np.eye(n_factors) - loadings.T @ slopes
    got, value = model.e_step(X, example("factor_analysis")["Params"](loadings, noise))
    np.testing.assert_allclose(got.xz, X.T @ z, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(got.zz, z.T @ z + len(X) * left, rtol=1e-8, atol=1e-8)
    exact = stats.multivariate_normal(cov=covariance).logpdf(X).sum()
    assert value == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("seed", [0, 1, 3])  # of 2 the noise of a column goes to 0, endlessly
def test_factor_analysis_is_that_of_scikit_learn(seed):
    model, X, start = factors(8, 2, seed)
    oracle = FactorAnalysis(2, tol=1e-11, max_iter=10000, svd_method="lapack").fit(X)
    fit = fit_em(model, X, start=start, tol=1e-11)
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(oracle.score(X) * len(X), abs=1e-8)
    loadings, noise = fit.params
    covariance = loadings @ loadings.T + np.diag(noise)
    np.testing.assert_allclose(covariance, oracle.get_covariance(), atol=1e-4)
    with pytest.warns(DataWarning, match="flat along a ridge"):  # turned loadings do as well
        errors = standard_errors(model, X, fit)
    assert np.isnan(errors.loadings).all() and np.isfinite(errors.noise).all()


def test_on_the_wines_too_and_acceleration_saves_most_steps():
    lines = example("factor_analysis")["printed"].splitlines()
    values = [float(line.split()[-1]) for line in lines if line.startswith("   ")]
    np.testing.assert_allclose(values[::2], values[1::2], rtol=0, atol=2e-8)  # as printed
    steps = [[int(n) for n in re.findall(r" (\d+) ", line)] for line in lines[::3]]
    assert all(plain > 5 * accelerated for plain, accelerated in steps)


# Zero-inflated Poisson.


def test_apple_shoots_have_the_published_likelihood(golden):
    g, case = example("zero_inflated_poisson"), golden("classic.json")["apple_shoots"]
    assert g["shoots"].reshape(8, 18).sum(axis=1).tolist() == [30, 30, 40, 40, 30, 30, 30, 40]
    assert g["fit"].log_likelihood == pytest.approx(case["log_likelihood"], abs=5e-5)
    errors = standard_errors(g["ZeroInflatedPoisson"](), g["data"], g["fit"])
    log_likelihood = _zero_inflated_poisson()[3]
    point, h = np.concatenate(g["fit"].params), 1e-4
    information = [  # differences of the exact gradient
        [
            (log_likelihood(point + s * h * d + 1e-30j * e)).imag / 1e-30 * -s / (2 * h)
            for e in np.eye(10)
            for s in (1, -1)
        ]
        for d in np.eye(10)
    ]
    information = np.reshape(information, (10, 10, 2)).sum(axis=2)
    exact = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(np.concatenate(errors), exact, rtol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_zero_inflated_regression_is_that_of_a_general_maximiser(seed):
    g, rng = example("zero_inflated_poisson"), np.random.default_rng(seed)
    X, Z = (np.column_stack([np.ones(200), rng.normal(size=(200, k))]) for k in (2, 1))
    can = rng.random(200) > special.expit(Z @ [-0.5, 0.8])
    counts = rng.poisson(np.exp(X @ [0.8, 0.4, -0.3])) * can
    weights = rng.integers(1, 4, 200)

    def fall(x):
        share = special.expit(Z @ x[3:])
        p = (1 - share) * stats.poisson.pmf(counts, np.exp(X @ x[:3])) + share * (counts == 0)
        return -weights @ np.log(p)

    oracle = optimize.minimize(fall, [1, 0, 0, 0, 0], tol=1e-10, method="Nelder-Mead")
    oracle = optimize.minimize(fall, oracle.x, method="BFGS", options={"gtol": 1e-3})
    data = weights, counts, X, Z
    fit = fit_em(g["ZeroInflatedPoisson"](), data, random_state=seed, tol=1e-11)
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(-oracle.fun, abs=1e-6)
    np.testing.assert_allclose(np.concatenate(fit.params), oracle.x, atol=2e-4)


# K-means as a limit.


@given(seed=SEEDS, variance=st.floats(0.001, 10.0))
@FEW
def test_spheres_bound_the_sum_of_squares_and_meet_it(seed, variance):
    """2 v log-likelihood is minus the sum of squares, or up to 2 v log K a row more."""
    g = example("plot_kmeans_limit")
    centers = g["Spheres"](1.0).initialize(g["X"], np.random.default_rng(seed))
    squares = ((g["X"][:, None] - centers.centers) ** 2).sum(axis=2).min(axis=1).sum()
    above = 2 * variance * g["Spheres"](variance).e_step(g["X"], centers)[1] + squares
    assert -1e-9 * squares <= above <= 2 * variance * np.log(3) * len(g["X"]) * (1 + 1e-12)


def test_steps_of_small_spheres_are_those_of_k_means():
    g = example("plot_kmeans_limit")
    small = path(g["Spheres"](1e-6), g["X"], g["Params"](g["start"]), 5)
    np.testing.assert_allclose([p.centers for p in small[1:]], g["lloyd"], atol=1e-12)
    rows = [line.split() for line in g["printed"].splitlines()[1:6]]
    last = [float(row[-1]) for row in rows]
    assert last == sorted(last, reverse=True) and last[-1] == 0.0
    spread = np.linalg.eigvalsh(np.cov(g["X"].T, bias=True))[-1]
    large = fit_em(g["Spheres"](1.2 * spread), g["X"], start=g["Params"](g["start"]), tol=1e-12)
    np.testing.assert_allclose(large.params.centers, [g["X"].mean(axis=0)] * 3, atol=1e-3)
    assert [len(ax.lines) for ax in g["axes"]] == [3] * 5
