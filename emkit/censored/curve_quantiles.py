"""Quantiles of a fitted survival curve."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.censored.curve_confidence import Limits
from emkit.censored.curve_given import for_each_row
from emkit.censored.prediction import check_level
from emkit.data.numbers import argument_of
from emkit.exceptions import DataWarning, warn
from emkit.models.survival.curve import Curve

__all__ = ["CurveQuantiles"]


class CurveQuantiles:
    """Quantiles of `EMSurvivalCurve`."""

    intervals_: Array
    times_: Array
    _curve: Curve

    def predict(self, X: Any, given: Any = None) -> Array:
        """Median of the times.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of which only the number counts.
        given : float or array-like of shape (n_samples,), default=None
            Time that each is known to be larger than, as in `predict_survival_function`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            As of `predict_quantile`.

        Notes
        -----
        It is not the mean, as the curve has none where its last interval is infinite, because the
        largest time is censored. Where it is not, the largest mean that the curve can have is
        ``masses_ @ intervals_[:, 1]``; given survival to a time t, with
        ``late = intervals_[:, 1] > t``, it is
        ``numpy.average(intervals_[late, 1], weights=masses_[late])``.
        """
        return self.predict_quantile(X, given=given)

    def predict_quantile(
        self,
        X: Any,
        q: Any = 0.5,
        *,
        given: Any = None,
        return_ci: bool = False,
        level: float = 0.95,
        method: str = "bootstrap",
        n_resamples: int = 500,
    ) -> Any:
        """Quantiles of the times: the first time by which a share q has failed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of which only the number counts.
        q : float or array-like of shape (n_quantiles,), default=0.5
            Probabilities strictly between 0 and 1.
        given : float or array-like of shape (n_samples,), default=None
            Time that each is known to be larger than, such as that survived so far: the quantiles
            are then those of all such times, from the same origin as y. What is left beyond it has
            the quantiles ``predict_quantile(X, q, given=given) - given``.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level, method, n_resamples : float, str, int
            As of `predict_survival_function`. Limits of 'profile' are the first times by which such
            a share may have failed, and must have: -inf and inf where there is none.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            The same in every row given the same. Where it lies within an interval, the upper end:
            infinite, with a DataWarning, where the curve does not fall so far by the last finite
            time.
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_quantiles, 2)
            Lower and upper limit of each, where they are asked for.

        Raises
        ------
        ValueError
            For a bad ``q`` or option, and a bad ``given``, as of `predict_survival_function`.

        Warns
        -----
        DataWarning
            Where a quantile is infinite.

        Examples
        --------
        Half of the patients with lung cancer who have lived for 400 days live for 241 more.

        >>> from emkit import EMSurvivalCurve
        >>> from emkit.datasets import load_lung
        >>> _, y = load_lung(return_X_y=True)
        >>> curve = EMSurvivalCurve().fit(None, y)
        >>> curve.predict_quantile([[0.0]], given=400.0) - 400.0
        array([241.])
        """
        q = self._probabilities(q)
        quantiles = for_each_row(X, given, self._curve, partial(self._curve.quantile, q), q.ndim)
        self._warn_of_infinity(q, quantiles, given)
        if not return_ci:
            return quantiles.copy()
        how = Limits(level, method, n_resamples, given is not None)
        limits = how.of(self, Curve.quantile, q)
        return quantiles.copy(), for_each_row(X, given, self._curve, limits, q.ndim)

    def predict_interval(self, X: Any, level: float = 0.95, given: Any = None) -> Array:
        """Interval that holds a new time with the given probability at least.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of which only the number counts.
        level : float, default=0.95
            Probability, divided evenly between both tails. The curve counts as known.
        given : float or array-like of shape (n_samples,), default=None
            Time that each is known to be larger than, as in `predict_survival_function`.

        Returns
        -------
        bounds : ndarray of shape (n_samples, 2)
            Quantiles, both bounds included. Where one lies within an interval of ``intervals_``,
            it is the lower end for the lower bound, or ``given`` where that is later, and the upper
            end for the upper bound: so the probability is as asked, wherever in it the mass lies.

        Raises
        ------
        ValueError
            For a ``level`` that is not between 0 and 1, and a bad ``given``, as of
            `predict_survival_function`.

        Warns
        -----
        DataWarning
            Where the upper bound is infinite, as the curve does not fall so far.
        """
        level = check_level(level)
        q = self._probabilities([0.5 - 0.5 * level, 0.5 + 0.5 * level])

        def bounds(given: Array | None) -> Array:
            cells = self._curve.cell_of_quantile(q, given)
            known = -np.inf if given is None else np.squeeze(given, -1) if given.ndim else given
            lower = np.maximum(self.intervals_[cells[..., 0], 0], known)
            return np.stack([lower, self.intervals_[cells[..., 1], 1]], axis=-1)

        found = for_each_row(X, given, self._curve, bounds, 1)
        self._warn_of_infinity(q, found, given)
        return found.copy()

    def _probabilities(self, q: Any) -> Array:
        check_is_fitted(self)
        q = np.asarray(argument_of(q, "q"), dtype=float)
        if not ((q > 0.0) & (q < 1.0)).all():
            raise ValueError(f"q must lie strictly between 0 and 1. Got {q}.")
        return q

    def _warn_of_infinity(self, q: Array, quantiles: Array, given: Any) -> None:
        """Warn of quantiles (n, ...) that are infinite, of the largest probability."""
        infinite = quantiles == np.inf
        if not infinite.any():
            return
        largest = np.where(infinite, q, 0.0).reshape(len(quantiles), -1).max(axis=1)
        row = int(np.argmax(largest))
        known = None
        if given is not None:
            known = np.broadcast_to(np.asarray(given, dtype=float), len(quantiles))[row]
        last = np.max(self.times_, initial=-np.inf, keepdims=True)
        lowest = float(self._curve.survival(last, known)[0])
        told = "" if known is None else f"given survival to {known:g} "
        warn(
            f"The curve {told}falls to no less than {lowest:.3g}, as the largest times are "
            f"censored on the right: the quantile at {largest[row]:g} is infinite. Ask "
            "predict_quantile for smaller ones.",
            DataWarning,
        )
