"""Reference answers with delayed entry and strata, and how laws of ours stand for theirs."""

import json
from pathlib import Path

import numpy as np

from emkit import EMCensoredRegressor
from emkit.models.laws.registry import LAWS

GOLDEN = Path(__file__).parent / "golden"
REFERENCE = json.loads((GOLDEN / "failure_times.json").read_text())
LATE = json.loads((GOLDEN / "failure_times_entry.json").read_text())
TOLERANCES = REFERENCE["tolerances"]
DATA = REFERENCE["data"] | LATE["data"]
#: Distribution of ours, what makes its y of the case's, and back, and log |d ours / d theirs|.
OURS = {
    "extreme": ("weibull", np.exp, np.log, lambda y: y),
    "loglogistic": ("logistic", np.log, np.exp, lambda y: -np.log(y)),
    **{name: (name, np.asarray, np.asarray, np.zeros_like) for name in LAWS},
}
CASES = {case["id"]: case for case in LATE["cases"] if case["distribution"] in OURS}
DEFAULTS = EMCensoredRegressor().get_params()
#: Laws of which the line and a scale are estimated, and nothing else unless it is asked for.
PLAIN = [
    name
    for name, of in LAWS.items()
    if getattr(of, "scale", None) is None
    and not any(DEFAULTS[shape] == "estimate" for shape in of.law.shapes)
]
POSITIVE = [name for name in LAWS if LAWS[name].link.positive]
INF = np.inf


def data_of(case):
    """X, [lower, upper], entry and weights of a case; entry of 0 is none."""
    data = DATA[case["data"]]
    low, high = (np.array(data[side], dtype=float) for side in ("lower", "upper"))
    X, n = np.array(data["X"], dtype=float), len(low)
    y = np.column_stack([np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)])
    entry = np.array(case.get("entry") or np.zeros(n), dtype=float)
    return X, y, entry, np.array(case.get("sample_weight") or np.ones(n), dtype=float)


def late_data(law, n=300, seed=0, weighted=False):
    """X, [lower, upper, entry] of every kind, and weights; two thirds of the rows entered late."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3 * n, 2))
    y = 1.0 + X @ [0.5, -0.3] + 0.4 * rng.logistic(size=3 * n)
    entry = np.where(rng.random(3 * n) < 0.66, rng.normal(0.3, 0.5, 3 * n), -INF)
    seen = np.flatnonzero(y > entry)[:n]
    X, y, entry = X[seen], y[seen], entry[seen]
    kind, gap = rng.integers(5, size=n), rng.uniform(0.2, 1.0, size=(2, n))
    low = np.select([kind == 2, kind > 2], [-INF, np.maximum(y - gap[0], entry)], y)
    high = np.select([kind == 3, kind == 2, kind == 4], [INF, y + gap[1], y + gap[1]], y)
    entry[(kind == 2) | ((kind == 3) & (low == entry))] = -INF
    Y = np.column_stack([low, high, entry])
    weight = rng.uniform(0.1, 3.0, n) if weighted else None
    return X, np.exp(Y) if LAWS[law].link.positive else Y, weight
