"""The observed information along a frame: by the complete-data score, or by the EM map."""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.inference.frame import Frame
from emkit.engine.inference.surface import Surface

__all__ = ["disagrees", "oakes", "sem"]

#: Fall of the objective (nats) over which its second differences are taken, as a power of its
#: rounding: rounding and the error of the formula are then both small.
CURVATURE_FALL = 0.45
#: The fall in a curved family, whose retraction may be rougher than the objective.
CURVED_FALL = 1e-3
#: Eigenvalues of the EM map closer than that leave their eigenvectors to rounding, in part (the
#: first) or altogether.
NEAR, EQUAL = 1e-2, 1e-5
#: Difference of two measurements of one curvature, relative, that rounding cannot explain.
DISAGREEMENT = 5e-3


def oakes(surface: Surface, frame: Frame) -> Array:
    """The information along the frame, by differences of the score."""
    information = np.empty((len(frame.chords), len(frame.chords)))
    for i, chord in enumerate(frame.chords):
        minus, plus = (frame.slopes(surface, end) for end in (chord.minus, chord.plus))
        information[i] = (minus - plus) / (2.0 * chord.step)
    return 0.5 * (information + information.T)


def sem(surface: Surface, frame: Frame) -> Array:
    """The information along the frame, from the EM map and curvatures of the objective."""
    q = len(frame.chords)
    # With directions left out the map does not stay among the others.
    if not (surface.is_ecme or frame.edge.any() or frame.flat.any()):
        jacobian = np.empty((q, q))
        for i, chord in enumerate(frame.chords):
            plus, minus = (surface.image(e.stats, e.params) for e in (chord.plus, chord.minus))
            jacobian[:, i] = (plus - minus)[frame.pivots] / frame.lengths / (2.0 * chord.step)
        if np.isfinite(jacobian).all():
            vectors, near = _eigenvectors(jacobian)
            information = _from_curvatures(surface, frame, vectors, near)
            if not disagrees(information, frame):
                return information
    # The map of an M-step that only raises its objective (GEM, ECM) has other eigenvectors.
    return _from_curvatures(surface, frame, np.eye(q), np.ones((q, q), dtype=bool))


def _eigenvectors(jacobian: Array) -> tuple[Array, NDArray[np.bool_]]:
    """A real basis of eigenvectors, and which pairs have eigenvalues too close to tell apart."""
    values, complex_vectors = np.linalg.eig(jacobian)
    order = np.argsort(values.real, kind="stable")
    values, complex_vectors = values[order], complex_vectors[:, order]
    # Conjugate pairs are equal eigenvalues, rounded: real and imaginary part span the same plane.
    vectors = np.where(values.imag < 0.0, complex_vectors.imag, complex_vectors.real)
    breaks = np.flatnonzero(np.diff(values.real) > EQUAL) + 1
    for group in np.split(np.arange(len(values)), breaks):
        vectors[:, group] = np.linalg.qr(vectors[:, group])[0]
    return vectors, np.abs(values.real[:, None] - values.real) < NEAR


def _from_curvatures(
    surface: Surface, frame: Frame, vectors: Array, near: NDArray[np.bool_]
) -> Array:
    """The information along the frame, of which only near pairs of vectors have cross terms."""
    fall = CURVED_FALL if frame.curved else surface.noise**CURVATURE_FALL
    directions = frame.basis @ vectors
    curvatures = np.array([_curvature(surface, direction, fall) for direction in directions.T])
    curved = curvatures > 0.0
    lengths = 1.0 / np.sqrt(np.where(curved, curvatures, 1.0))
    directions, vectors = directions * lengths, vectors * lengths
    diagonal = np.diag(curvatures * lengths**2)
    for i, j in np.argwhere(np.triu(near, 1)):
        if curved[i] and curved[j]:
            both = _curvature(surface, directions[:, i] + directions[:, j], fall)
            diagonal[i, j] = diagonal[j, i] = 0.5 * both - 1.0
    inverse = np.linalg.inv(vectors)
    information: Array = inverse.T @ diagonal @ inverse
    return information


def _curvature(surface: Surface, direction: Array, target: float) -> float:
    """Minus the second derivative of the objective along a direction; 0 where it is flat."""
    chord = surface.chord(direction, float(np.sqrt(2.0 * target)), target, slack=3.0).chord
    if chord is None:
        return 0.0
    half = 0.5 * chord.step
    ends = [surface.at(surface.centre + step * direction) for step in (-half, half)]
    if ends[0] is None or ends[1] is None:
        return chord.curvature
    fall = surface.here.objective - 0.5 * (ends[0].objective + ends[1].objective)
    return (16.0 * fall - chord.fall) / (6.0 * half**2)


def disagrees(information: Array, frame: Frame) -> bool:
    """Whether its diagonal is not the curvature of the objective, to which a frame is scaled."""
    curvatures = np.array([chord.curvature for chord in frame.chords])
    return not bool((np.abs(np.diag(information) - curvatures) <= DISAGREEMENT).all())
