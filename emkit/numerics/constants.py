"""Numbers that many files need."""

import numpy as np

__all__ = ["EPS", "LOG_ROOT_2PI", "TINY"]

EPS = float(np.finfo(float).eps)
#: Smallest double that has all its digits.
TINY = float(np.finfo(float).tiny)
#: log sqrt(2 pi), minus the log-density of a standard normal at its mean.
LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))
