"""Reference answers with delayed entry and strata, and how laws of ours stand for theirs."""

import json
from pathlib import Path

import numpy as np

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


def data_of(case):
    """X, [lower, upper], entry and weights of a case; entry of 0 is none."""
    data = DATA[case["data"]]
    low, high = (np.array(data[side], dtype=float) for side in ("lower", "upper"))
    X, n = np.array(data["X"], dtype=float), len(low)
    y = np.column_stack([np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)])
    entry = np.array(case.get("entry") or np.zeros(n), dtype=float)
    return X, y, entry, np.array(case.get("sample_weight") or np.ones(n), dtype=float)
