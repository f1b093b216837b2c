"""What a fit of a censored regression ends with: standard errors, or why there are none."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np

from emkit.censored.collapse import Collapse
from emkit.censored.fitting import Fit, polished
from emkit.censored.messages import (
    warn_of_boundaries,
    warn_of_collapse,
    warn_of_endless_scale,
    warn_of_lost_memory,
    warn_of_rounding,
    warn_of_shape,
    warn_of_uncertainty,
    warn_unconverged,
)
from emkit.censored.residuals import Boundaries, line_within
from emkit.censored.uncertainty import Uncertainty
from emkit.engine import EMResult
from emkit.models.censored.data import Prepared
from emkit.models.censored.first_line import ROUNDINGS
from emkit.models.censored.location_scale import LocationScale
from emkit.models.censored.peak import peak_information
from emkit.models.censored.recession import without_recession
from emkit.models.censored.shape_information import with_shape
from emkit.models.laws.law import Law
from emkit.numerics.constants import EPS

__all__ = ["Conclusion"]

#: Distance of a shape parameter from an end of its range, below which it is there.
AT_END = 1e-4


def ends_range(law: Law, name: str) -> bool:
    """Whether a shape parameter is where it may go no further."""
    value, shape = getattr(law, name), law.shapes[name]
    return bool(min(value - shape.low, shape.high - value) < AT_END)


class Conclusion(NamedTuple):
    """A fit, and how sure its parameters are."""

    fit: Fit
    prepared: Prepared
    result: EMResult  #: of the fit, polished
    uncertainty: Uncertainty
    boundaries: Boundaries | None  #: scales of strata without a finite estimate
    collapse: Collapse | None  #: of the scale to 0, where the likelihood has no finite maximum

    @classmethod
    def of(
        cls,
        fit: Fit,
        prepared: Prepared,
        data: Any,
        collapse: Collapse,
        penalised: bool,
        shape: str | None = None,
    ) -> "Conclusion":
        """Of a fit of which the shape parameter of that name, if any, has a standard error."""
        model, result = fit.model, fit.result
        boundaries, information, collapsed = None, None, fit.collapsed
        left_out = model.left_out(result.params)
        if not penalised and prepared.strata is None and not fit.fixed:
            collapsed |= line_within(data, prepared, result.params)
        if not (collapsed or fit.endless or fit.memoryless):
            stats, _ = data.sum(partial(model.information_step, params=result.params))
            if result.converged and not left_out.any():
                information = peak_information(model, data, stats, result.params)
            else:
                information = model.information(stats, result.params)
            if fit.law.tail < np.inf and not penalised and not prepared.delayed:
                information = without_recession(data, prepared, information)
            if prepared.strata is not None:
                boundaries = Boundaries.of(data, result.params)
                flat = len(result.params.coef) + np.flatnonzero(boundaries.any)
                information[flat], information[:, flat] = 0.0, 0.0
            result = polished(model, stats, result, data)
        n_scales = 0 if fit.fixed else len(prepared.shares)
        if shape and information is not None:
            model = cast(LocationScale, model)
            information = with_shape(information, model, data, result.params, shape)
            if ends_range(fit.law, shape):  # no maximum, and so no curvature, but as if given
                information[-1], information[:, -1] = 0.0, 0.0
        uncertainty = Uncertainty.of(
            information, prepared, penalised, n_scales + bool(shape), left_out
        )
        return cls(fit, prepared, result, uncertainty, boundaries, collapse if collapsed else None)

    def warn(self, names: Sequence[str], scale: Any, max_iter: int, of_logarithms: bool) -> None:
        """Say what is wrong with the fit: names of its parameters, and the published scale.

        ``of_logarithms`` says that responses on the line are such, known to roundings of 1.
        """
        fit, prepared, strata = self.fit, self.prepared, self.prepared.strata
        bounded = self.collapse is None and not (fit.endless or fit.memoryless)
        if bounded:
            warn_unconverged(fit.result, max_iter)
        if self.collapse is not None:
            told = "" if strata is None else strata.told[self.collapse.stratum]
            scale = np.atleast_1d(scale)[self.collapse.stratum]
            warn_of_collapse(scale, fit.law.tail, prepared.exact.weight > 0.0, told)
        resolution = prepared.resolution * prepared.units.spread
        if of_logarithms:
            resolution = max(resolution, ROUNDINGS * EPS)
        if bounded and np.min(scale) < resolution:
            warn_of_rounding(float(np.min(scale)))
        if fit.endless:
            warn_of_endless_scale(scale)
        if fit.memoryless:
            warn_of_lost_memory(fit.law.tail)
        open_ = np.zeros(len(names), dtype=bool)
        if strata is not None and self.boundaries is not None:
            warn_of_boundaries(strata.told, *self.boundaries)
            open_[len(names) - len(strata.told) :] = self.boundaries.any
        if names and names[-1] in fit.law.shapes and ends_range(fit.law, names[-1]):
            warn_of_shape(names[-1], getattr(fit.law, names[-1]))
            open_[-1] = True
        told_of = self.uncertainty._replace(determined=self.uncertainty.determined | open_)
        n = int(prepared.units.intercept) + len(prepared.units.scale)
        warn_of_uncertainty(names, told_of, (prepared.rank, n), bounded, fit.result.converged)
