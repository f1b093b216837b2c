"""
The picture in the README
=========================

Cells that are missing and responses that are censored count for what they say: at the margins the
irises of which one length alone is known, as arrows the motors that still ran.

    python examples/plot_readme.py examples/readme.png
"""

import sys

import numpy as np
from sklearn.datasets import load_iris

from emkit import EMCensoredRegressor, EMGaussianMixture
from emkit.datasets import load_motorettes

iris = load_iris(as_frame=True).data[["petal length (cm)", "sepal width (cm)"]]
pierced = iris.mask(np.random.default_rng(0).random(iris.shape) < 0.08)
mixture = EMGaussianMixture(3, random_state=0).fit(pierced)
celsius, hours = load_motorettes(return_X_y=True)
regressor = EMCensoredRegressor(distribution="lognormal").fit(celsius, hours)
print(f"Irises with a length missing: {pierced.isna().any(axis=1).sum()} of {len(pierced)}")
print(f"Motors that still ran: {np.isinf(hours).any(axis=1).sum()} of {len(hours)}")

# %%

try:
    import matplotlib.pyplot as plt

    from emkit import plotting
except ImportError:
    raise SystemExit(0) from None

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
plotting.MixtureDisplay.from_estimator(mixture, pierced, ax=left)
plotting.CensoredRegressionDisplay.from_estimator(
    regressor, celsius, hours, ax=right, target_name="life (hours)"
)
right.set_xlabel("temperature (C)")
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=100)
