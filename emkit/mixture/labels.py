"""Labels of rows as users give them: classes by number or name, some of them unknown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from emkit.base.estimator import is_pandas_na, is_scalar_nan, n_samples_of
from emkit.base.names import listed
from emkit.data.opened import place_of
from emkit.exceptions import DataWarning, warn
from emkit.models.labels import UNKNOWN, Labels

__all__ = [
    "classes_of",
    "labels_of_components",
    "labels_of_fit",
    "labels_that_count",
    "refuse_beside_labels",
    "warn_of_unobserved",
]

#: What NumPy makes of an unknown label among texts.
TEXTS_OF_UNKNOWN = ("-1", "nan")


def classes_of(y: Any, X: Any) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The classes in y, sorted, and the number of that of each row, `UNKNOWN` where it is.

    ValueError for what is no label, for a length that is not that of X, and where no row is known.
    """
    require_in_memory("y", X)
    values, known = read_labels(y, "y")
    require_length("y", len(values), X)
    if not known.any():
        raise ValueError(
            "y knows the class of no row: all are -1, NaN or None. Give the class of some rows; "
            "without any, EMGaussianMixture finds clusters."
        )
    if values.dtype.kind in "fc" and not np.isfinite(values[known]).all():
        raise ValueError("y holds infinity, which is no class. Unknown classes are -1 or NaN.")
    check_classification_targets(values[known])
    classes, of_known = np.unique(values[known], return_inverse=True)
    codes = np.full(len(values), UNKNOWN)
    codes[known] = of_known.ravel()
    return classes, codes


def labels_of_fit(mixture: Any, labels: Any, X: Any) -> Labels | None:
    """The labels that a mixture was fitted with, as they are given again."""
    if getattr(mixture, "_labelled", False) != (labels is not None):
        had, remedy = ("none", "Leave labels out") if labels is not None else ("some", "Give them")
        raise ValueError(
            f"Standard errors are of the likelihood of the fit, which had {had} of the labels. "
            f"{remedy}."
        )
    return labels_of_components(labels, X, len(mixture.weights_))


def labels_of_components(labels: Any, X: Any, n_components: int) -> Labels | None:
    """The argument ``labels`` of a mixture's ``fit``, whose numbers are those of components."""
    if labels is None:
        return None
    require_in_memory("labels", X)
    values, known = read_labels(labels, "labels")
    require_length("labels", len(values), X)
    numbers = values[known]
    if not len(numbers):
        raise ValueError(
            "labels know the component of no row: all are -1, NaN or None. Leave labels out, or "
            "give that of some rows."
        )
    right = numbers.dtype.kind in "iuf" and np.isin(numbers, np.arange(n_components))
    if not np.all(right):
        wrong = numbers[~np.broadcast_to(right, numbers.shape)][0]
        raise ValueError(
            f"labels should hold integers from 0 to {n_components - 1} (n_components="
            f"{n_components}), and -1 where nothing is known. Got {wrong}. Count components "
            "from 0; classes with names of their own are for EMMixtureClassifier."
        )
    codes = np.full(len(values), UNKNOWN)
    codes[known] = numbers
    return Labels(codes, np.arange(n_components))


def labels_that_count(labels: Labels | None, kept: Any) -> Labels | None:
    """Labels of the rows that count, by a mask or numbers; None for all.

    ValueError where no row of a class counts, or none can be of a component.
    """
    if labels is None:
        return None
    counted = labels if kept is None else labels[kept]
    gone = np.setdiff1d(labels.of_rows, counted.of_rows)
    gone = gone[gone != UNKNOWN]
    if len(gone):
        names = gone if labels.names is None else labels.names[gone]
        raise ValueError(
            f"No row of class(es) {listed(names)} counts: all have a weight of 0, or no value in "
            "any column. Drop the class, or give rows of it that count."
        )
    idle = np.flatnonzero(~counted.allow().any(axis=1))
    if len(idle):
        raise ValueError(
            f"No row (of positive weight, with a value) can be of component(s) {listed(idle)}: "
            "every row has a label, and none of them theirs. Lower n_components, or leave the "
            "label of some rows unknown (-1)."
        )
    return counted


def warn_of_unobserved(labels: Labels, seen: NDArray[np.bool_], names: Any) -> None:
    """DataWarning for columns that no row which may be of a component has a value in.

    ``seen`` (n, d) are the cells with a value, and ``names`` those of the columns.
    """
    nowhere = labels.allow().astype(float) @ seen == 0.0
    components, columns = (np.flatnonzero(nowhere.any(axis=axis)) for axis in (1, 0))
    if not len(columns):
        return
    classes = np.unique(labels.of_components[components])
    classes = classes if labels.names is None else labels.names[classes]
    warn(
        f"Column(s) {listed(names[columns])} of X have no value in any row of class(es) "
        f"{listed(classes)}: how they are distributed there is what the start or a prior says, "
        "and so is what is predicted from them. Drop the column(s), or give rows of the class(es) "
        "with values.",
        DataWarning,
    )


def refuse_beside_labels(mixture: Any) -> None:
    """ValueError for arguments of a mixture that do not go with labels."""
    if mixture.distribution == "student_t":
        raise ValueError(
            "distribution='student_t' is not offered with labels. Take distribution='normal', or "
            "leave labels out."
        )
    if mixture.init_params != "kmeans":
        raise ValueError(
            f"init_params={mixture.init_params!r} does not go by labels. Leave it at 'kmeans': "
            "where there are labels, starts are k-means that keeps to them."
        )


def require_in_memory(name: str, X: Any) -> None:
    """ValueError for rows that are read block by block or lie on a cluster."""
    if not place_of(X).in_memory:
        raise ValueError(
            f"{name} has a label for each row of X, and X is read block by block or lies on a "
            "cluster, where labels are not offered. Fit the rows with labels and a sample of the "
            "others in memory; predict takes all rows wherever they lie."
        )


def require_length(name: str, n: int, X: Any) -> None:
    """ValueError where there is not one label for each row."""
    if n != n_samples_of(X):
        raise ValueError(
            f"{name} must have one label for each row of X, -1 where it is unknown. Got {n} "
            f"label(s) for {n_samples_of(X)} row(s)."
        )


def read_labels(given: Any, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Labels (n,) of one type, and which of them are known; those that are not are anything.

    Unknown is -1 as a number, NaN, None, NA, NaT or masked.
    """
    if given is None:
        raise ValueError(
            "A classifier requires y to be passed, but the target y is None. Give the class of "
            "each row, -1 where it is unknown."
        )
    masked = np.ma.getmaskarray(given) if isinstance(given, np.ma.MaskedArray) else None
    if hasattr(given, "to_list"):  # a series of pandas or polars, whose own NA is kept
        given = _objects(given.to_list())
    elif isinstance(given, list | tuple) and _has_text(given):
        given = _objects(given)  # an array of texts would have a text for None
    array = column_or_1d(np.asarray(given), warn=True)
    known = ~_unknown(array)
    if masked is not None:
        known &= ~masked.ravel()
    if array.dtype.kind == "O":
        return _of_one_type(array, known, name), known
    if array.dtype.kind in "US":
        _refuse_texts_of_unknown(array, name)
    return array, known


def _objects(values: Any) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _has_text(values: Any) -> bool:
    return any(isinstance(value, str) for value in values)


def _unknown(array: NDArray[Any]) -> NDArray[np.bool_]:
    kind = array.dtype.kind
    if kind == "f":
        return np.isnan(array) | (array == UNKNOWN)
    if kind == "i":
        return np.asarray(array == UNKNOWN)
    if kind in "mM":
        return np.isnat(array)
    if kind == "O":
        return np.array([_is_unknown(value) for value in array], dtype=bool)
    return np.zeros(len(array), dtype=bool)


def _is_unknown(value: Any) -> bool:
    if value is None or value is np.ma.masked or is_scalar_nan(value) or is_pandas_na(value):
        return True
    return isinstance(value, int | float | np.number) and value == UNKNOWN


def _of_one_type(array: NDArray[Any], known: NDArray[np.bool_], name: str) -> NDArray[Any]:
    """Objects as numbers, if all that are known are; else all must be texts."""
    texts = np.array([isinstance(value, str) for value in array[known]], dtype=bool)
    if texts.all():
        return np.where(known, array, "")
    if texts.any():
        raise ValueError(
            f"{name} mixes texts and numbers, such as {array[known][texts][0]!r} and "
            f"{array[known][~texts][0]!r}. Give all labels one type; unknown ones are -1 or None."
        )
    filled = array.copy()
    filled[~known] = array[known][0]
    numbers = np.array(filled.tolist())
    return numbers if numbers.ndim == 1 else array


def _refuse_texts_of_unknown(array: NDArray[Any], name: str) -> None:
    """ValueError for what likely was an unknown label before NumPy made a text of it."""
    found = np.intersect1d(array.astype(str), TEXTS_OF_UNKNOWN)
    if len(found):
        raise ValueError(
            f"{name} is an array of texts that holds {str(found[0])!r}, which likely was an "
            "unknown label: NumPy makes a text of it. Give a list, or an array of dtype object."
        )
