"""Loaders in scikit-learn's style; the tables stand beside this file."""

from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

__all__ = ["load_lung", "load_motorettes"]

MOTORETTES = """\
Life of motor insulation at four temperatures
=============================================

40 motorettes (small models of an electric motor's insulation), ten at each of 150, 170, 190 and
220 degrees Celsius, were run until they failed or the test ended. 17 failed; of the other 23 it is
only known that they lasted longer (right-censored).

data
    celsius, the temperature
target
    hours of life, as lower and upper bound

The usual model is linear in 1000 / (celsius + 273.2), for the decimal logarithm of the hours.

Source: Schmee, J. & Hahn, G. J. (1979). A simple method for regression analysis with censored data.
Technometrics 21, 417-432. doi:10.1080/00401706.1979.10489811
"""

LUNG = """\
Survival with advanced lung cancer
==================================

228 patients of the North Central Cancer Treatment Group; 165 died, 63 were alive when last seen
(right-censored). 66 cells are missing (NaN), 47 of them calories.

data
    age, in years
    sex, 1 male, 2 female
    ph.ecog, ECOG performance by the physician, 0 without symptoms to 4 bedbound
    ph.karno, Karnofsky performance by the physician, 0 bad to 100 good
    pat.karno, the same by the patient
    meal.cal, calories consumed at meals
    wt.loss, weight lost in the last six months, in pounds
target
    days of survival, as lower and upper bound

The table is ``lung`` of R's package survival (version 3.5-3), without the institution.

Source: Loprinzi, C. L. et al. (1994). Prospective evaluation of prognostic variables from
patient-completed questionnaires. Journal of Clinical Oncology 12, 601-607.
doi:10.1200/JCO.1994.12.3.601
"""


def load_motorettes(*, return_X_y=False, as_frame=False):
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
    names, table = _read("motorettes.csv")
    celsius, hours, failed = table.T
    return _bunch(celsius[:, None], names[:1], hours, failed == 1, MOTORETTES, return_X_y, as_frame)


def load_lung(*, return_X_y=False, as_frame=False):
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
    names, table = _read("lung.csv")
    # R's coding of the status: 1 censored, 2 dead
    time, died = table[:, 0], table[:, 1] == 2
    return _bunch(table[:, 2:], names[2:], time, died, LUNG, return_X_y, as_frame)


def _read(name):
    """Column names and values of a table of the package, NaN where a cell is empty."""
    with (files("emkit.datasets") / name).open(encoding="utf-8") as lines:
        names = next(lines).strip().split(",")
        return names, np.genfromtxt(lines, delimiter=",")


def _bunch(data, feature_names, time, event, description, return_X_y, as_frame):
    target = np.column_stack([time, np.where(event, time, np.inf)])
    target_names, frame = ["lower", "upper"], None
    if as_frame:
        import pandas as pd

        data = pd.DataFrame(data, columns=feature_names)
        target = pd.DataFrame(target, columns=target_names)
        frame = pd.concat([data, target], axis=1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=feature_names,
        target_names=target_names,
        frame=frame,
        DESCR=description,
    )
