"""New parameter sets with classes out of old ones: the genetic search's crossover and mutation."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import tree

__all__ = ["mutate", "recombine"]


def recombine(
    mother: Any,
    father: Any,
    rng: np.random.Generator,
    fields: tuple[str, ...] | None = None,
    places: tuple[str, ...] | None = None,
) -> Any:
    """The mother, with the father's classes in a part of the space.

    Classes are matched one to one by least total distance. The part is a ball about one class of
    the father's: there his classes replace those that they match, wherever the mother has them,
    so that a class too many in one place becomes one that is missing in another.
    """
    names = fields or _class_fields(mother)
    of_mother, of_father = tree.named_leaves(mother), tree.named_leaves(father)
    mothers, fathers = _standardised(places or names, of_mother, of_father)
    match = _assign(((mothers[:, None] - fathers) ** 2).sum(axis=2))
    n_classes = len(match)
    centre = fathers[rng.integers(n_classes)]
    nearest = ((fathers - centre) ** 2).sum(axis=1).argsort()
    taken = nearest[: rng.integers(1, n_classes)] if n_classes > 1 else nearest
    replaced = np.argsort(match)[taken]
    changes = {}
    for name in names:
        values = np.array(of_mother[name], dtype=float)
        values[replaced] = of_father[name][taken]
        changes[name] = _same_total(values, of_mother[name], of_father[name])
    return tree.replace(mother, changes)


#: Part of the way to a neighbour that a class is copied: far enough to be told from it.
LEAST_WAY, MOST_WAY = 0.1, 0.5
#: Neighbours of a class that its copy may go towards.
NEIGHBOURS = 4


def mutate(
    params: Any,
    rng: np.random.Generator,
    fields: tuple[str, ...] | None = None,
    places: tuple[str, ...] | None = None,
) -> Any:
    """The parameters with one class moved: away from where it is double, to beside another.

    One of two classes that are close leaves, the other takes over what is shared out; a class
    drawn at random gets a copy of itself, part of the way to a neighbour. What lies between two
    rows of a parameter is as feasible as they are.
    """
    names = fields or _class_fields(params)
    named = tree.named_leaves(params)
    (classes,) = _standardised(places or names, named)
    n_classes = len(classes)
    if n_classes < 2:
        return params
    distances = ((classes[:, None] - classes) ** 2).sum(axis=2)
    distances[np.diag_indices(n_classes)] = np.inf
    closeness = 1.0 / (distances.min(axis=1) + np.finfo(float).eps)
    leaving = rng.choice(n_classes, p=closeness / closeness.sum())
    heir = distances[leaving].argmin()
    double = rng.choice(np.delete(np.arange(n_classes), leaving))
    neighbour = rng.choice(distances[double].argsort()[: min(NEIGHBOURS, n_classes - 1)])
    way = rng.uniform(LEAST_WAY, MOST_WAY)
    changes = {}
    for name in names:
        values = np.array(named[name], dtype=float)
        if _is_share(values):
            values[heir] += values[leaving]
            values[double] = values[leaving] = 0.5 * values[double]
        else:
            values[leaving] = (1.0 - way) * values[double] + way * values[neighbour]
        changes[name] = values
    return tree.replace(params, changes)


def _class_fields(params: Any) -> tuple[str, ...]:
    """Names of the arrays as long as the first."""
    arrays = {name: np.shape(leaf) for name, leaf in tree.named_leaves(params).items()}
    lengths = [shape[0] for shape in arrays.values() if shape]
    if not lengths:
        raise TypeError(
            f"{type(params).__name__} has no array with a row for each class, so classes cannot be "
            "recombined: give the model a method recombine(mother, father, rng)."
        )
    return tuple(name for name, shape in arrays.items() if shape and shape[0] == lengths[0])


def _standardised(names: tuple[str, ...], *parents: dict[str, Any]) -> list[Array]:
    """Each parent's classes as rows, every parameter with unit spread over all of them."""
    columns = []
    for name in names:
        rows = [np.asarray(parent[name], dtype=float) for parent in parents]
        flat = np.concatenate([r.reshape(len(r), -1) for r in rows])
        spread = tree.spread(flat)
        # A parameter counts as one, however many numbers it has.
        columns.append(flat / np.where(spread > 0.0, spread, 1.0) / np.sqrt(flat.shape[1]))
    return np.split(np.concatenate(columns, axis=1), len(parents))


def _assign(distances: Array) -> Array:
    """For each row the column matched with it, so that the total is least."""
    # It takes a third of a second to import, which every worker of a fit would wait for.
    from scipy.optimize import linear_sum_assignment

    columns: Array = linear_sum_assignment(distances)[1]
    return columns


def _is_share(values: Array) -> bool:
    """Whether they are shares of one, such as mixing proportions."""
    return values.ndim == 1 and bool((values >= 0.0).all()) and bool(abs(values.sum() - 1.0) < 1e-9)


def _same_total(child: Array, mother: Array, father: Array) -> Array:
    """The child's values, shares of one again where both parents have such."""
    shares = _is_share(np.asarray(mother)) and _is_share(np.asarray(father)) and child.sum() > 0.0
    return child / child.sum() if shares else child
