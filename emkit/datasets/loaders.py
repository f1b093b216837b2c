"""Loaders in scikit-learn's style; beside this file stand a table and a description of each."""

from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

__all__ = [
    "load_airquality",
    "load_death_notices",
    "load_galaxies",
    "load_lung",
    "load_motorettes",
]


def load_airquality(*, as_frame: bool = False) -> Bunch:
    """Air quality on 153 days in New York, with 44 cells missing.

    Parameters
    ----------
    as_frame : bool, default=False
        Whether data are a pandas DataFrame. Needs pandas.

    Returns
    -------
    airquality : Bunch
        ``data`` of shape (153, 4), with NaN where a cell is missing; ``feature_names``; ``DESCR``;
        ``frame``, the data again (None unless ``as_frame``). There is no target.

    References
    ----------
    Chambers, J. M., Cleveland, W. S., Kleiner, B. & Tukey, P. A. (1983). Graphical Methods for Data
    Analysis. Wadsworth. doi:10.1201/9781351072304

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.datasets import load_airquality
    >>> air = load_airquality()
    >>> dict(zip(air.feature_names, np.isnan(air.data).sum(axis=0).tolist()))
    {'Ozone': 37, 'Solar.R': 7, 'Wind': 0, 'Temp': 0}
    """
    names, table = _read("airquality")
    return _bunch("airquality", table, names, as_frame=as_frame)


def load_death_notices(
    *, return_X_y: bool = False, as_frame: bool = False
) -> Bunch | tuple[Any, Any]:
    """Days of 1910 to 1912 on which The Times had 0 to 9 death notices of old women.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects. Needs pandas.

    Returns
    -------
    death_notices : Bunch
        ``data`` of shape (10, 1), notices on one day; ``target`` of shape (10,), days with so many,
        the weights of the rows; ``feature_names``; ``target_names``; ``DESCR``; ``frame``, data and
        target side by side (None unless ``as_frame``). With ``return_X_y``, the first two.

    References
    ----------
    Hasselblad, V. (1969). Estimation of finite mixtures of distributions from the exponential
    family. Journal of the American Statistical Association 64, 1459-1471.
    doi:10.1080/01621459.1969.10501071

    Examples
    --------
    >>> from emkit.datasets import load_death_notices
    >>> notices, days = load_death_notices(return_X_y=True)
    >>> float(days.sum()), float(days @ notices[:, 0])
    (1096.0, 2364.0)
    """
    names, table = _read("death_notices")
    bunch = _bunch("death_notices", table[:, :1], names[:1], table[:, 1], names[1:], as_frame)
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_galaxies(*, as_frame: bool = False) -> Bunch:
    """Velocities of 82 galaxies, in clusters with voids between them.

    Parameters
    ----------
    as_frame : bool, default=False
        Whether data are a pandas DataFrame. Needs pandas.

    Returns
    -------
    galaxies : Bunch
        ``data`` of shape (82, 1), in 1000 km/s; ``feature_names``; ``DESCR``; ``frame``, the data
        again (None unless ``as_frame``). There is no target.

    References
    ----------
    Postman, M., Huchra, J. P. & Geller, M. J. (1986). Probes of large-scale structure in the Corona
    Borealis region. Astronomical Journal 92, 1238-1247.

    Roeder, K. (1990). Density estimation with confidence sets exemplified by superclusters and
    voids in the galaxies. Journal of the American Statistical Association 85, 617-624.
    doi:10.1080/01621459.1990.10474918

    Examples
    --------
    >>> from emkit.datasets import load_galaxies
    >>> velocities = load_galaxies().data
    >>> velocities.shape, float(velocities.min()), float(velocities.max())
    ((82, 1), 9.172, 34.279)
    """
    names, table = _read("galaxies")
    return _bunch("galaxies", table, names, as_frame=as_frame)


def load_lung(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Days that 228 patients with lung cancer survived, 63 of them right-censored.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects. Needs pandas.

    Returns
    -------
    lung : Bunch
        ``data`` of shape (228, 7), with NaN where a cell is missing; ``target`` of shape (228, 2),
        bounds of the days as `censored_target` makes them; ``feature_names``; ``target_names``;
        ``DESCR``; ``frame``, data and target side by side (None unless ``as_frame``). With
        ``return_X_y``, the first two.

    References
    ----------
    Loprinzi, C. L. et al. (1994). Prospective evaluation of prognostic variables from
    patient-completed questionnaires. Journal of Clinical Oncology 12, 601-607.
    doi:10.1200/JCO.1994.12.3.601

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.datasets import load_lung
    >>> lung = load_lung()
    >>> lung.data.shape, int(np.isnan(lung.data).sum()), int(np.isinf(lung.target).sum())
    ((228, 7), 66, 63)
    """
    names, table = _read("lung")
    # R's coding of the status: 1 censored, 2 dead
    bounds = _bounds(table[:, 0], table[:, 1] == 2)
    bunch = _bunch("lung", table[:, 2:], names[2:], bounds, ["lower", "upper"], as_frame)
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_motorettes(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Hours until 40 motorettes failed at four temperatures, 23 of them right-censored.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects. Needs pandas.

    Returns
    -------
    motorettes : Bunch
        ``data`` of shape (40, 1), degrees Celsius; ``target`` of shape (40, 2), bounds of the hours
        as `censored_target` makes them; ``feature_names``; ``target_names``; ``DESCR``; ``frame``,
        data and target side by side (None unless ``as_frame``). With ``return_X_y``, the first two.

    References
    ----------
    Schmee, J. & Hahn, G. J. (1979). A simple method for regression analysis with censored data.
    Technometrics 21, 417-432. doi:10.1080/00401706.1979.10489811

    Examples
    --------
    >>> from emkit.datasets import load_motorettes
    >>> X, y = load_motorettes(return_X_y=True)
    >>> X[16:18], y[16:18]
    (array([[170.], [170.]]), array([[5196., 5196.], [5448., inf]]))
    """
    names, table = _read("motorettes")
    bounds = _bounds(table[:, 1], table[:, 2] == 1)
    bunch = _bunch("motorettes", table[:, :1], names[:1], bounds, ["lower", "upper"], as_frame)
    return (bunch.data, bunch.target) if return_X_y else bunch


def _read(name: str) -> tuple[list[str], NDArray[np.float64]]:
    """Column names and values of a table of the package, NaN where a cell is empty."""
    with (files("emkit.datasets") / f"{name}.csv").open(encoding="utf-8") as lines:
        names = next(lines).strip().split(",")
        return names, np.genfromtxt(lines, delimiter=",").reshape(-1, len(names))


def _bounds(time: NDArray[np.float64], event: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Lower and upper bound of times, right-censored where there was no event."""
    return np.column_stack([time, np.where(event, time, np.inf)])


def _bunch(
    name: str,
    data: Any,
    feature_names: list[str],
    target: Any = None,
    target_names: list[str] | None = None,
    as_frame: bool = False,
) -> Bunch:
    """What the loaders return, in arrays or in pandas objects; without a target, no such keys."""
    frame = None
    if as_frame:
        import pandas as pd

        data = frame = pd.DataFrame(data, columns=feature_names)
        if target is not None:
            columns = pd.DataFrame(target, columns=target_names)
            frame = pd.concat([data, columns], axis=1)
            target = columns.iloc[:, 0] if target.ndim == 1 else columns
    described = (files("emkit.datasets") / f"{name}.rst").read_text(encoding="utf-8")
    bunch = Bunch(data=data, feature_names=feature_names, frame=frame, DESCR=described)
    if target is not None:
        bunch.update(target=target, target_names=target_names)
    return bunch
