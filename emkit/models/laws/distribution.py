"""The distribution of a response about its line: a law of the errors, and a link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.laws.law import Law
from emkit.models.laws.link import Link

__all__ = ["Distribution"]

#: Errors so many scales out are squared without overflow.
LARGEST = 1e150
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Distribution:
    """Response = link^-1(location + scale e), with e of the law.

    Parameters
    ----------
    name : str
        What the argument ``distribution`` calls it.
    law : Law
        Of the errors, its shape parameters included.
    link : Link
        From the response to the line.
    description : str
        What it is, in a line of the documentation.
    scale : float, default=None
        The scale, where it is part of the law; None where it is estimated.
    scipy : str, default=""
        The distribution of `scipy.stats` that a response has, in Python, of line, scale and shape
        parameters.

    Raises
    ------
    TypeError
        Where the law is none, or does not offer what the link needs.
    """

    name: str
    law: Law
    link: Link
    description: str
    scale: float | None = None
    scipy: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.law, Law):
            raise TypeError(
                f"The law of distribution {self.name!r} must be an instance of a subclass of Law, "
                f"which brings its model. Got {self.law!r}."
            )
        if not isinstance(self.law, self.link.requires):
            raise TypeError(
                f"distribution {self.name!r} needs the moments of {self.link.requires.__name__}, "
                f"which {type(self.law).__name__} does not offer: under this link, the mean of a "
                "response does not follow from that of the error."
            )

    def with_shapes(self, fitted: Mapping[str, Any]) -> "Distribution":
        """With the shape parameters among the attributes ``name_`` of a fitted estimator."""
        shapes = {name: fitted[f"{name}_"] for name in self.law.shapes if f"{name}_" in fitted}
        return replace(self, law=replace(self.law, **shapes)) if shapes else self

    def to_line(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Bounds of responses (n,) on the scale of the line; ValueError where no response fits."""
        if self.link.positive:
            wrong = np.flatnonzero(((low == high) & (low <= 0.0)) | (high <= 0.0))
            if len(wrong):
                i = wrong[0]
                raise ValueError(
                    f"distribution={self.name!r} is for positive y. Row {i} of y lies in "
                    f"[{low[i]}, {high[i]}] ({len(wrong)} such row(s)). Use distribution='normal', "
                    "or bound from above what is too small to be measured."
                )
        return self.link.to_line(low), self.link.to_line(high)

    def bounds_to_line(
        self, low: Array, high: Array, entry: Array | None
    ) -> tuple[Array, Array, Array | None]:
        """Bounds and entries (n,) on the scale of the line, as `to_line`."""
        on_line = self.to_line(low, high)
        if entry is None:
            return *on_line, None
        late = np.flatnonzero((low == -np.inf) & (entry > -np.inf))
        if len(late) and not self.link.positive:
            i = late[0]
            raise ValueError(
                f"Row {i} of y lies below {high[i]}, and came under observation at {entry[i]} "
                f"({len(late)} such row(s)): it cannot lie below its entry. distribution="
                f"{self.name!r} is for responses of either sign, of which an entry of 0 says that "
                "they are positive. Set lower to the entry, or the entry to -inf if there is none."
            )
        return *on_line, self.link.to_line(entry)

    def quantile(self, location: Array, scale: float, q: Array) -> Array:
        """Quantiles of responses, of shape ``location.shape + q.shape``."""
        with np.errstate(over="ignore"):
            return self.link.to_response(np.add.outer(location, scale * self.law.quantile(q)))

    def errors(self, location: Array, scale: float, response: Array) -> Array:
        """Errors that responses are, of shape ``location.shape + response.shape``."""
        with np.errstate(over="ignore"):
            z = -np.subtract.outer(location, self.link.to_line(response)) / scale
        if np.isfinite(self.law.tail):
            return z
        return np.where(np.isinf(z), z, np.clip(z, -LARGEST, LARGEST))

    def survival(self, location: Array, scale: float, response: Array) -> Array:
        """P(response larger), of shape ``location.shape + response.shape``."""
        return self.law.sf(self.errors(location, scale, response))

    def hazard(self, location: Array, scale: float, response: Array) -> Array:
        """Density over P(response larger), of shape ``location.shape + response.shape``.

        At 0, under a log link, its limit from above; of what no response can be it is 0.
        """
        none, at_0 = (self.link.positive & part for part in (response < 0.0, response == 0.0))
        response = np.where(none | at_0, TINY, response)
        z = np.clip(self.errors(location, scale, response), -LARGEST, LARGEST)
        per_unit = self.link.log_jacobian(self.link.to_line(response)) - np.log(scale)
        with np.errstate(over="ignore"):
            hazard = np.exp(self.law.log_hazard(z) + per_unit)
        if at_0.any():  # near 0 the hazard goes as y to this power
            power = float(self.law.score(np.array([-np.inf]))[0]) / scale - 1.0
            limit = hazard if power == 0.0 else np.inf if power < 0.0 else 0.0
            hazard = np.where(at_0, limit, hazard)
        return np.where(none, 0.0, hazard)

    def mean(self, location: Array, scale: float) -> Array:
        """Mean of responses."""
        return self.link.mean(self.law, location, scale)

    def truncated_mean(self, location: Array, scale: float, low: Array, high: Array) -> Array:
        """Mean of responses given bounds (n,) on the scale of the line."""
        a, b, width = self._standardised(location, scale, low, high)
        mean = self.link.truncated_mean(self.law, location, scale, a, b, width)
        # Of bounds too far out for the law, it is the one that is nearer.
        return np.clip(mean, self.link.to_response(low), self.link.to_response(high))

    def draw(
        self, location: Array, scale: float, low: Array, high: Array, rng: np.random.Generator
    ) -> Array:
        """Draws of responses given bounds (n,) on the scale of the line."""
        a, b, _ = self._standardised(location, scale, low, high)
        return self.link.to_response(location + scale * self.law.draw(a, b, rng))

    def log_likelihood(
        self, location: Array, scale: float, low: Array, high: Array, entry: Array | None = None
    ) -> Array:
        """Log-density of exact responses, log-probability of the bounds of others, (n,).

        With entries, -inf where there is none, of responses given that they are larger.
        """
        a, b, width = self._standardised(location, scale, low, high)
        exact = low == high
        out = np.empty(len(location))
        density = self.law.log_pdf(np.clip(a[exact], -LARGEST, LARGEST)) - np.log(scale)
        out[exact] = density + self.link.log_jacobian(low[exact])
        out[~exact] = self.law.log_mass(a[~exact], b[~exact], width[~exact])
        if entry is not None:
            entered = np.flatnonzero(entry > -np.inf)
            z = (entry[entered] - location[entered]) / scale
            out[entered] -= self.law.log_sf(np.clip(z, -LARGEST, LARGEST))
        return out

    def _standardised(
        self, location: Array, scale: float, low: Array, high: Array
    ) -> tuple[Array, Array, Array]:
        """Bounds of the errors, and their distance from unrounded ones.

        Of a tail that falls faster than any power, all that is so far out lies at its near end.
        """
        with np.errstate(over="ignore"):
            a, b = (low - location) / scale, (high - location) / scale
            width = (high - low) / scale
        if np.isfinite(self.law.tail):
            return a, b, width
        right, left = (a > LARGEST) & (a < b), (b < -LARGEST) & (a < b)
        a, b = np.where(left, -np.inf, a), np.where(right, np.inf, b)
        a, b = np.where(a < -LARGEST, -np.inf, a), np.where(b > LARGEST, np.inf, b)
        a, b = np.where(right, LARGEST, a), np.where(left, -LARGEST, b)
        return a, b, np.where(np.isinf(a) | np.isinf(b), np.inf, width)
