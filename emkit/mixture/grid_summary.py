"""What a grid of mixtures has chosen, in figures and words: what mclust's summary says."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.mixture.candidates import Candidate, model_of
from emkit.mixture.noise_fitted import has_noise
from emkit.mixture.reader import MixtureReader
from emkit.mixture.table import open_table
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES, Structure

__all__ = ["GridSummary", "RunnerUp", "SummarisedGrid", "cluster_sizes"]

#: Words for mclust's letters, of which I says another thing of a shape than of an orientation.
VOLUMES = {"E": "equal", "V": "variable"}
SHAPES = {"E": "equal", "V": "variable", "I": "spherical"}
ORIENTATIONS = {"E": "equal", "V": "variable", "I": "coordinate axes"}
#: Columns of the table of the grid that are figures of the summary.
FIGURES = ("log_likelihood", "bic", "icl", "aic", "converged")
#: Models that are told of beside the one chosen.
RUNNERS_UP = 3


class RunnerUp(NamedTuple):
    """A model that came close: its size and letters, its criterion, and how much that is above."""

    n_components: int
    covariance_type: str
    criterion: float
    difference: float


@dataclass(frozen=True, repr=False, eq=False)
class GridSummary:
    """The model that a grid has chosen, and those that came next; it prints as a table.

    Attributes
    ----------
    n_components : int
        Number of components of the model chosen, without noise.
    covariance_type : str
        Its covariance type in mclust's letters.
    covariance_name : str
        The readable name of that.
    volume, shape, orientation : str
        What its components have in common: 'equal' or 'variable'; a shape may be 'spherical', an
        orientation that of the 'coordinate axes'; 'none' where there is nothing of the kind, such
        as the orientation of spheres, or a shape in one column; 'unknown' of a structure that
        mclust has no letters for.
    same_as : tuple of str
        Letters of other candidates that are the same model, of as many components: with one
        component, or in one column, covariance types differ less.
    distribution : {'normal', 'student_t'}
        That of the components.
    log_likelihood : float
        Its log-likelihood, in nats, of all rows.
    n_parameters : int
        Its free parameters, mclust's df; also as ``df``.
    n : int or float
        Rows that count: of positive weight, with a value. With weights their sum.
    bic, icl, aic : float
        Its criteria, of which lower is better: ``-2 log L + p log n`` and the like. mclust's BIC
        and ICL are these with the other sign.
    criterion : {'bic', 'aic', 'icl'}
        That by which the grid has chosen.
    n_models : int
        Models that competed with it, itself among them.
    n_failed : int
        Candidates that could not be fitted, and did not.
    converged : bool
        Whether its fit converged.
    weights : ndarray of shape (n_components,)
        Mixing proportions.
    sizes : ndarray of shape (n_components,)
        Rows of each cluster, each counted in its most probable component, by their weights.
    noise_weight, noise_size : float or None
        The same of noise, where there is noise.
    runners_up : tuple of RunnerUp
        At most three other models, by the criterion.
    """

    n_components: int
    covariance_type: str
    covariance_name: str
    volume: str
    shape: str
    orientation: str
    same_as: tuple[str, ...]
    distribution: str
    log_likelihood: float
    n_parameters: int
    n: float
    bic: float
    icl: float
    aic: float
    criterion: str
    n_models: int
    n_failed: int
    converged: bool
    weights: Array
    sizes: Array
    noise_weight: float | None
    noise_size: float | None
    runners_up: tuple[RunnerUp, ...]

    @property
    def df(self) -> int:
        """Free parameters, by mclust's name."""
        return self.n_parameters

    def __repr__(self) -> str:
        blocks = [self._model(), self._figures(), self._clusters(), self._others()]
        return "\n\n".join("\n".join(lines) for lines in blocks if lines)

    def _model(self) -> list[str]:
        kind = "Student's t" if self.distribution == "student_t" else "normal"
        noise = "" if self.noise_weight is None else " and noise"
        failed = f"; {_counted(self.n_failed, 'candidate')} left out" if self.n_failed else ""
        lines = [
            f"Mixture of {_counted(self.n_components, 'component')} ({kind}){noise}: "
            f"{self.covariance_type} ({self.covariance_name})",
            f"volume {self.volume}, shape {self.shape}, orientation {self.orientation}",
            f"chosen by {self.criterion.upper()} among {_counted(self.n_models, 'model')}{failed}",
        ]
        if self.same_as:
            lines.insert(2, f"here the same model as {', '.join(self.same_as)}")
        if not self.converged:
            lines.append("its fit has not converged: increase max_iter")
        return lines

    def _figures(self) -> list[str]:
        criteria = [f"{value:.3f}" for value in (self.bic, self.icl, self.aic)]
        figures = [f"{self.log_likelihood:.3f}", _number(self.n), str(self.n_parameters)]
        names = ["log-likelihood", "n", "df", "BIC", "ICL", "AIC"]
        told = "df: free parameters. Lower criteria are better; mclust's have the other sign."
        return [*_aligned([names, figures + criteria]), told]

    def _clusters(self) -> list[str]:
        names = [*map(str, range(self.n_components)), "noise"]
        noise = [] if self.noise_weight is None else [(self.noise_weight, self.noise_size)]
        clusters = [*zip(self.weights, self.sizes, strict=True), *noise]
        lines = [
            [name, f"{weight:.4f}", _number(size)]
            for name, (weight, size) in zip(names, clusters, strict=False)
        ]
        return _aligned([["component", "weight", "rows"], *lines])

    def _others(self) -> list[str]:
        if not self.runners_up:
            return []
        return [f"Next by {self.criterion.upper()}:"] + [
            f"  {other.covariance_type}, {other.n_components}: {other.criterion:.3f} "
            f"({other.difference:+.3f})"
            for other in self.runners_up
        ]


class SummarisedGrid:
    """The method of a fitted grid that tells what it has chosen."""

    results_: dict[str, Any]
    criterion_: Array
    best_index_: int
    best_estimator_: Any
    _sizes: Array
    _criterion_of_fit: str

    def summary(self) -> GridSummary:
        """The model that was chosen: its figures, its clusters, and the models that came next.

        It is of the rows of fit. Of the components there is more in
        ``best_estimator_.summary(X)``: their means, with standard errors.

        Returns
        -------
        summary : GridSummary
            It prints as a table, and has attributes ``n_components``, ``covariance_type`` (mclust's
            letters), ``covariance_name``, ``volume``, ``shape``, ``orientation``,
            ``log_likelihood``, ``n_parameters`` (``df``), ``n``, ``bic``, ``icl``, ``aic``,
            ``weights``, ``sizes``, ``noise_weight``, ``noise_size``, ``runners_up`` and others.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Without a fit.

        See Also
        --------
        emkit.plotting.SelectionDisplay : The criterion of all models.

        Notes
        -----
        Lower criteria are better: the BIC is ``-2 log L + p log n``. That of R's mclust has the
        other sign.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from emkit import EMGaussianMixtureIC
        >>> grid = EMGaussianMixtureIC(2, 3, covariance_type=["VEV", "VVV"], random_state=0)
        >>> summary = grid.fit(load_iris().data).summary()
        >>> summary
        Mixture of 2 components (normal): VEV (proportional_rotated)
        volume variable, shape equal, orientation variable
        chosen by BIC among 4 models
        <BLANKLINE>
        log-likelihood    n  df      BIC      ICL      AIC
              -215.726  150  26  561.728  561.729  483.452
        df: free parameters. Lower criteria are better; mclust's have the other sign.
        <BLANKLINE>
        component  weight  rows
                0  0.3333    50
                1  0.6667   100
        <BLANKLINE>
        Next by BIC:
          VEV, 3: 562.551 (+0.822)
          VVV, 2: 574.018 (+12.289)
          VVV, 3: 580.839 (+19.110)
        >>> summary.sizes
        array([ 50, 100])
        """
        check_is_fitted(self, "best_estimator_")
        best, i = self.best_estimator_, self.best_index_
        structure, (k, d) = STRUCTURES[best.covariance_type], _shape(best)
        failed = np.isnan(self.criterion_)
        models = self._distinct_models(d)
        sizes, noise = np.split(self._sizes, [k])
        return GridSummary(
            n_components=k,
            covariance_type=structure.letters,
            covariance_name=_readable(structure),
            **_in_common(structure, k, d),
            same_as=tuple(models.pop(i)),
            distribution=best.distribution,
            **{name: self.results_[name][i].item() for name in FIGURES},
            n_parameters=int(self.results_["n_parameters"][i]),  # a float beside NaN
            n=self._sizes.sum().item(),
            criterion=self._criterion_of_fit,
            n_models=1 + len(models),
            n_failed=int(failed.sum()),
            weights=best.weights_,
            sizes=sizes,
            noise_weight=float(best.noise_weight_) if len(noise) else None,
            noise_size=noise.item() if len(noise) else None,
            runners_up=tuple(map(self._runner_up, [*models][:RUNNERS_UP])),
        )

    def _distinct_models(self, n_features: int) -> dict[int, list[str]]:
        """First candidate of each model that was fitted, best first, and letters of the others.

        The one that was chosen stands for its model.
        """
        found: dict[Any, tuple[int, list[str]]] = {}
        order = np.argsort(self.criterion_, kind="stable")
        for i in [self.best_index_, *order.tolist()]:
            candidate = self._candidate(i)
            first, others = found.setdefault(model_of(candidate, n_features), (i, []))
            if i != first and not np.isnan(self.criterion_[i]):
                others.append(STRUCTURES[candidate.covariance_type].letters)
        return {i: others for i, others in found.values() if not np.isnan(self.criterion_[i])}

    def _candidate(self, i: int) -> Candidate:
        return Candidate(*(self.results_[name][i].item() for name in Candidate._fields))

    def _runner_up(self, i: int) -> RunnerUp:
        (n_components, name), value = self._candidate(i), float(self.criterion_[i])
        best = float(self.criterion_[self.best_index_])
        return RunnerUp(n_components, STRUCTURES[name].letters, value, value - best)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _number(n: Any) -> str:
    """Rows: a whole number as such, a sum of weights to two decimals."""
    return f"{n:.0f}" if n == round(n) else f"{n:.2f}"


def _aligned(table: list[list[str]]) -> list[str]:
    """Lines of a table of text, each column as wide as it must be."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(str.rjust, line, widths)) for line in table]


def cluster_sizes(mixture: Any, X: Any, sample_weight: Any) -> Array:
    """Rows in each component, each in its most probable one, by weight; a last entry is noise."""
    opened = open_table(mixture, X, sample_weight)
    sizes: Array = np.sum(opened.survey(partial(_sizes_of_block, mixture)), axis=0)
    return sizes


def _sizes_of_block(mixture: Any, rows: Rows) -> Any:
    n_classes = len(mixture.means_) + has_noise(mixture)
    rows = MixtureReader().counted(rows)
    labels = mixture._labels(rows) if len(rows.X) else np.empty(0, np.int64)
    return np.bincount(labels % n_classes, rows.sample_weight, n_classes)  # -1 is the last


def _shape(mixture: Any) -> tuple[int, int]:
    """Components, and columns of numbers that the fit has kept."""
    (k, d), flat = mixture.means_.shape, getattr(mixture, "_flat", None)
    return k, d if flat is None else len(flat.kept)


def _readable(structure: Structure) -> str:
    names = structure.name, *structure.aliases
    return next((name for name in names if not name.isupper()), structure.name)


def _in_common(structure: Structure, n_components: int, n_features: int) -> dict[str, Any]:
    """What volume, shape and orientation are, in words."""
    letters = structure.letters
    if not set(letters) <= set("EVI") or len(letters) != 3:  # of a structure of your own
        return dict.fromkeys(("volume", "shape", "orientation"), "unknown")
    if n_components == 1:  # which has them in common with itself
        letters = letters.replace("V", "E")
    volume, shape, orientation = tuple(letters)
    if n_features == 1:  # of types that differ in shape alone, too
        volume = "E" if structure.n_parameters(n_components, 1) == 1 else "V"
    return {
        "volume": VOLUMES[volume] if n_features else "none",
        "shape": SHAPES[shape] if n_features > 1 else "none",
        "orientation": ORIENTATIONS[orientation] if n_features > 1 and shape != "I" else "none",
    }
