"""Verdicts: whether a fit is refused on purpose, and which of given laws it violates.

A fit is well, or it is refused by a ValueError or TypeError that a package raises on purpose, with
a message. There are no other exceptions and no RuntimeWarnings.
"""

import linecache
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from random_fits import Case

from emkit.exceptions import DataWarning, ModelError


class Violation(NamedTuple):
    """A law, and how it is violated."""

    law: str
    what: str


class Verdict(NamedTuple):
    """Why a fit was refused, if it was, and the laws that were violated."""

    refused: str | None
    violations: list[Violation]


class Fit(NamedTuple):
    """An estimator that is fitted to a case, and the kinds of warnings that were given."""

    estimator: Any
    case: Case
    warned: set[type]

    @property
    def told(self) -> bool:
        """Whether a warning says that the data spoil the fit."""
        return DataWarning in self.warned

    @property
    def itemsize(self) -> int:
        """Bytes of a number of the table: 4 in single precision."""
        return self.case.X.dtype.itemsize

    @property
    def weights(self) -> Any:
        """Weights of the rows, 0 where a row has no value and so counts for nothing."""
        weights = self.case.sample_weight
        weights = np.ones(len(self.case.X)) if weights is None else weights
        return np.where(np.isnan(self.case.X).all(axis=1), 0.0, weights)


Law = Callable[[Fit], Iterator[str]]

# What is raised and warned of


#: Packages that refuse what they cannot fit.
PACKAGES = ("emkit", "sklearn", "lifelines")


def is_refusal(error: Exception) -> bool:
    """Whether an error is a refusal: raised by a ``raise`` of one of the packages.

    What NumPy or SciPy raise, such as LinAlgError (a ValueError), or a bare arithmetic error, says
    nothing to who gave the data.
    """
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = any(f"/{package}/" in last.filename for package in PACKAGES)
    raised = linecache.getline(last.filename, last.lineno or 0).strip().startswith("raise")
    kind = isinstance(error, ValueError | TypeError) and not isinstance(
        error, np.linalg.LinAlgError
    )
    return ours and raised and kind and bool(str(error))


def described(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.filename.rpartition('emkit/')[2]}:{last.lineno}"
    return f"{type(error).__name__} at {where}: {' '.join(str(error).split())[:300]}"


def raised_by(error: Exception, during: str) -> Violation:
    law = "no ModelError" if isinstance(error, ModelError) else "no raw exception"
    return Violation(law, f"{during}: {described(error)}")


def leaks(seen: list[Any], during: str) -> list[Violation]:
    """RuntimeWarnings that no one gave on purpose, each once."""
    found = {}
    for warning in seen:
        on_purpose = warning.category.__module__.partition(".")[0] in PACKAGES
        if issubclass(warning.category, RuntimeWarning) and not on_purpose:
            where = f"{warning.filename.rpartition('emkit/')[2]}:{warning.lineno}"
            what = f"{during}: {warning.category.__name__} at {where}: {warning.message}"
            found[what] = Violation("no RuntimeWarning", what)
    return list(found.values())


def judge_by(laws: list[Law], fit: Callable[[], Any], case: Case) -> Verdict:
    """Call what fits the estimator of a case, and see which of some laws are violated."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            fit()
        except Exception as error:
            if is_refusal(error):
                return Verdict(described(error), leaks(seen, "fit"))
            return Verdict(None, [raised_by(error, "fit"), *leaks(seen, "fit")])
    fitted = Fit(case.estimator, case, {warning.category for warning in seen})
    found = leaks(seen, "fit")
    for law in laws:
        found += broken(law, fitted)
    return Verdict(None, found)


def law_name(law: Law) -> str:
    return law.__name__.replace("_", " ")


def broken(law: Law, fitted: Fit) -> list[Violation]:
    """Violations of a law, and what goes wrong while it is looked at."""
    name = law_name(law)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            found = [Violation(name, what) for what in law(fitted)]
        except Exception as error:  # nothing is to be refused after a fit
            found = [raised_by(error, name)]
    return [*found, *leaks(seen, name)]
