"""Types that annotations share."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array"]

#: Array of floating-point numbers.
Array: TypeAlias = NDArray[np.floating[Any]]
