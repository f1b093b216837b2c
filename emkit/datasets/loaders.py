"""Loaders in scikit-learn's style; beside this file stand a table and a description of each."""

import csv
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

__all__ = [
    "load_airquality",
    "load_channing",
    "load_cosmesis",
    "load_death_notices",
    "load_faithful",
    "load_galaxies",
    "load_kola",
    "load_lung",
    "load_motorettes",
    "load_penguins",
    "load_votes",
    "load_wages",
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


def load_channing(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Ages at death of 458 residents of a retirement home, who entered it at ages of their own.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects. Needs pandas.

    Returns
    -------
    channing : Bunch
        ``data`` of shape (458, 1); ``target`` of shape (458, 3), bounds of the age in months and
        the age at entry, as `censored_target` makes them; ``feature_names``; ``target_names``;
        ``DESCR``; ``frame``, data and target side by side (None unless ``as_frame``). With
        ``return_X_y``, the first two.

    References
    ----------
    Hyde, J. (1980). Survival analysis with incomplete observations. In Biostatistics Casebook (eds.
    R. G. Miller et al.), 31-46. Wiley.

    Davison, A. C. & Hinkley, D. V. (1997). Bootstrap Methods and their Application. Cambridge
    University Press. doi:10.1017/CBO9780511802843

    Examples
    --------
    >>> from emkit import EMCensoredRegressor
    >>> from emkit.datasets import load_channing
    >>> X, y = load_channing(return_X_y=True)
    >>> model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    >>> (model.predict_quantile([[0.0], [1.0]]) / 12.0).round(1)
    array([80.9, 84.2])
    """
    names, table = _read("channing")
    bounds = np.column_stack([_bounds(table[:, 2], table[:, 3] == 1), table[:, 1]])
    bunch = _bunch(
        "channing", table[:, :1], names[:1], bounds, ["lower", "upper", "entry"], as_frame
    )
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_cosmesis(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Months to the cosmetic deterioration of 95 treated breasts, known between two visits.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects. Needs pandas.

    Returns
    -------
    cosmesis : Bunch
        ``data`` of shape (95, 1); ``target`` of shape (95, 2), the last visit before and the first
        one after, infinite where there is none; ``feature_names``; ``target_names``; ``DESCR``;
        ``frame``, data and target side by side (None unless ``as_frame``). With ``return_X_y``, the
        first two.

    References
    ----------
    Finkelstein, D. M. & Wolfe, R. A. (1985). A semiparametric model for regression analysis of
    interval-censored failure time data. Biometrics 41, 933-945. doi:10.2307/2530965

    Examples
    --------
    >>> from emkit import EMSurvivalCurve
    >>> from emkit.datasets import load_cosmesis
    >>> X, y = load_cosmesis(return_X_y=True)
    >>> curve = EMSurvivalCurve().fit(None, y[X[:, 0] == 1])
    >>> curve.predict([[1.0]])
    array([20.])
    """
    names, table = _read("cosmesis")
    bounds = np.where(np.isnan(table[:, 1:]), np.inf, table[:, 1:])
    bunch = _bunch("cosmesis", table[:, :1], names[:1], bounds, names[1:], as_frame)
    return (bunch.data, bunch.target) if return_X_y else bunch


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


def load_faithful(*, as_frame: bool = False) -> Bunch:
    """Durations of 272 eruptions of the Old Faithful geyser, and waiting times: two clusters.

    Parameters
    ----------
    as_frame : bool, default=False
        Whether data are a pandas DataFrame. Needs pandas.

    Returns
    -------
    faithful : Bunch
        ``data`` of shape (272, 2), in minutes; ``feature_names``; ``DESCR``; ``frame``, the data
        again (None unless ``as_frame``). There is no target.

    References
    ----------
    Azzalini, A. & Bowman, A. W. (1990). A look at some data on the Old Faithful geyser. Journal of
    the Royal Statistical Society C (Applied Statistics) 39, 357-365. doi:10.2307/2347385

    Examples
    --------
    >>> from emkit.datasets import load_faithful
    >>> faithful = load_faithful()
    >>> dict(zip(faithful.feature_names, faithful.data.mean(axis=0).round(1).tolist()))
    {'eruptions': 3.5, 'waiting': 70.9}
    """
    names, table = _read("faithful")
    return _bunch("faithful", table, names, as_frame=as_frame)


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


def load_kola(*, as_frame: bool = False) -> Bunch:
    """Ten elements in 606 soils of the Kola Peninsula, six below detection in some or in most.

    Parameters
    ----------
    as_frame : bool, default=False
        Whether data are a pandas DataFrame. Needs pandas.

    Returns
    -------
    kola : Bunch
        ``data`` of shape (606, 10) and type object, in mg/kg: numbers, and text such as "<0.02"
        below a limit of detection, as laboratories write it; ``feature_names``; ``DESCR``;
        ``frame``, the data again (None unless ``as_frame``). There is no target.

    References
    ----------
    Reimann, C. et al. (1998). Environmental Geochemical Atlas of the Central Barents Region.
    Geological Survey of Norway. ISBN 82-7385-176-1

    Examples
    --------
    >>> from emkit.datasets import load_kola
    >>> kola = load_kola()
    >>> kola.data[5].tolist()
    [0.2, 0.011, 16.0, '<0.02', 31.0, 0.7, '<0.01', 0.03, '<0.003', 12.5]
    """
    with (files("emkit.datasets") / "kola.csv").open(encoding="utf-8") as lines:
        names, *rows = csv.reader(lines)
    cells = [[cell if cell.startswith("<") else float(cell) for cell in row] for row in rows]
    return _bunch("kola", np.array(cells, dtype=object), names, as_frame=as_frame)


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


def load_penguins(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Sizes, islands and sexes of 344 penguins of three species, with 19 cells missing.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects, words as categories. Needs pandas.

    Returns
    -------
    penguins : Bunch
        ``data`` of shape (344, 7), numbers and words (of type object), with NaN where a cell is
        missing; ``target`` of shape (344,), the species; ``feature_names``; ``target_names``;
        ``DESCR``; ``frame``, data and target side by side (None unless ``as_frame``). With
        ``return_X_y``, the first two.

    Notes
    -----
    Licence of the data: CC0 1.0.

    References
    ----------
    Gorman, K. B., Williams, T. D. & Fraser, W. R. (2014). Ecological sexual dimorphism and
    environmental variability within a community of Antarctic penguins (genus Pygoscelis). PLoS ONE
    9, e90081. doi:10.1371/journal.pone.0090081

    Examples
    --------
    >>> from emkit.datasets import load_penguins
    >>> X, species = load_penguins(return_X_y=True, as_frame=True)
    >>> X["sex"].isna().groupby(species, observed=True).sum().to_dict()
    {'Adelie': 6, 'Chinstrap': 0, 'Gentoo': 5}
    """
    return _mixed_bunch("penguins", return_X_y, as_frame)


def load_votes(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Key votes of the 435 members of the U.S. House of Representatives in 1984, 392 missing.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects, words as categories. Needs pandas.

    Returns
    -------
    votes : Bunch
        ``data`` of shape (435, 16), 'y' or 'n' (of type object), with NaN where no position was
        made known; ``target`` of shape (435,), the party; ``feature_names``; ``target_names``;
        ``DESCR``; ``frame``, data and target side by side (None unless ``as_frame``). With
        ``return_X_y``, the first two.

    Notes
    -----
    Licence of the data: CC BY 4.0.

    References
    ----------
    Congressional Voting Records (1987). UCI Machine Learning Repository. doi:10.24432/C5C01P

    Examples
    --------
    >>> from emkit.datasets import load_votes
    >>> votes = load_votes(as_frame=True).frame
    >>> votes[votes["physician_fee_freeze"] == "y"]["party"].value_counts().to_dict()
    {'republican': 163, 'democrat': 14}
    """
    return _mixed_bunch("votes", return_X_y, as_frame)


def load_wages(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Wages of 534 people in the Current Population Survey of 1985, and what may explain them.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether data and target are pandas objects, words as categories. Needs pandas.

    Returns
    -------
    wages : Bunch
        ``data`` of shape (534, 10), numbers and words (of type object), nothing missing;
        ``target`` of shape (534,), dollars an hour; ``feature_names``; ``target_names``;
        ``DESCR``; ``frame``, data and target side by side (None unless ``as_frame``). With
        ``return_X_y``, the first two.

    Notes
    -----
    Licence of the data: public domain, as a work of the United States government.

    References
    ----------
    Berndt, E. R. (1991). The Practice of Econometrics. Addison-Wesley.

    Kleiber, C. & Zeileis, A. (2008). Applied Econometrics with R. Springer.
    doi:10.1007/978-0-387-77318-6

    Examples
    --------
    >>> from emkit.datasets import load_wages
    >>> survey = load_wages(as_frame=True).frame
    >>> survey.groupby("union", observed=True)["wage"].median().to_dict()
    {'no': 7.07, 'yes': 10.0}
    """
    return _mixed_bunch("wages", return_X_y, as_frame)


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


def _mixed_bunch(name: str, return_X_y: bool, as_frame: bool) -> Bunch | tuple[Any, Any]:
    """What loaders of numbers and words return; the last column of the table is the target."""
    with (files("emkit.datasets") / f"{name}.csv").open(encoding="utf-8") as lines:
        names, *rows = csv.reader(lines)
    *columns, target = (_column(cells) for cells in zip(*rows, strict=True))
    data = np.empty((len(rows), len(columns)), dtype=object)
    for j, column in enumerate(columns):
        data[:, j] = column.tolist()
    bunch = _bunch(name, data, names[:-1], target, names[-1:])
    if as_frame:
        import pandas as pd

        frame = pd.DataFrame(dict(zip(names, [*columns, target], strict=True)))
        words = [name for name in names if frame[name].dtype.kind not in "if"]
        bunch.frame = frame = frame.astype(dict.fromkeys(words, "category"))
        bunch.data, bunch.target = frame[names[:-1]], frame[names[-1]]
    return (bunch.data, bunch.target) if return_X_y else bunch


def _column(cells: tuple[str, ...]) -> NDArray[Any]:
    """Cells of a column as integers, as floats, or as words; NaN where one is empty."""
    for kind in (int, float):
        try:
            return np.array([kind(cell) if cell or kind is int else np.nan for cell in cells])
        except ValueError:
            continue
    if "" not in cells:
        return np.array(cells)
    return np.array([cell or np.nan for cell in cells], dtype=object)
