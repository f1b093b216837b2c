"""Which field of a response is which: by its type, by a word of its name, and last by its place."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit.censored.values import as_numbers, is_boolean
from emkit.exceptions import DataWarning, warn

__all__ = ["WORDS", "Field", "recognise", "role_of"]

#: Words in the name of a field by what it is. The first that has one of the name's words decides:
#: an "event_time" is a time. Letters count only where they are the whole name.
WORDS = {
    "entry": "entry entered enter start begin tstart truncation",
    "lower": "lower low lo left lb minimum L",
    "upper": "upper high hi right ub maximum U R",
    "time": "time times duration durations days weeks months years hours minutes seconds day week "
    "month year hour stop tstop exit age tenure followup T",
    "opposite": "censored alive living survived suspended suspension lost",
    "unclear": "censoring censor cens C",
    "event": "event events status dead death deaths died deceased observed uncensored failed "
    "failure failures fail relapse relapsed recurrence progression churn churned delta E D",
    "survival": "survival",
}
_WORDS = {role: frozenset(words.lower().split()) for role, words in WORDS.items()}
#: What two fields are whose names say so of both, or of one beside a name that says nothing.
_NAMED = {
    ("event", "time"): ("event", "time"),
    ("event", None): ("event", "time"),
    (None, "time"): ("event", "time"),
    ("lower", "upper"): ("lower", "upper"),
}
#: Names of two fields that leave their meaning to their places.
_PLACED = {(None, None), ("lower", None), (None, "upper")}
_REMEDY = (
    "Name them (event, time), where event is True if it was seen, or (lower, upper), with an entry "
    "beside if there is one; or build y by censored_target(time, event=event)."
)


class Field(NamedTuple):
    """A field or column of a response."""

    name: str | None  #: None in an array
    label: str  #: in messages
    values: NDArray[Any]


def role_of(name: str | None) -> str | None:
    """What a field of that name is: a key of `WORDS`, or None."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name or "")]
    known = set(words if len(words) == 1 else [word for word in words if len(word) > 1])
    known |= {end for word in words for end in ("time", "entry") if word.endswith(end)}
    role = next((role for role, of_role in _WORDS.items() if known & of_role), None)
    return "time" if role == "survival" else role


def recognise(fields: Sequence[Field], *, whole: bool) -> dict[str, Field]:
    """The fields by what they are: event and time, or lower and upper, and perhaps entry.

    ``whole`` says that all rows are there: of a block nothing is warned of, but refused.
    """
    at = _place_of_entry(fields)
    if at is None:
        return _recognise_two(fields, whole)
    others = [field for j, field in enumerate(fields) if j != at]
    return {"entry": fields[at], **_recognise_two(others, whole)}


def _recognise_two(fields: Sequence[Field], whole: bool) -> dict[str, Field]:
    """Event and time, or lower and upper."""
    roles = [role_of(field.name) for field in fields]
    _refuse_opposite(fields, roles)
    booleans = [is_boolean(field.values) for field in fields]
    if any(booleans):
        return _by_type(fields, roles, booleans, whole)
    _refuse_unclear(fields, roles)
    for first, second in ((0, 1), (1, 0)):
        pair = _NAMED.get((roles[first], roles[second]))
        if pair:
            one, other = fields[first], fields[second]
            if roles[first] is None:
                one = one._replace(label=f"{one.label}, the event beside the time {other.name!r},")
            return {pair[0]: one, pair[1]: other}
    if tuple(roles) in _PLACED:
        if roles == [None, None] and fields[0].name is not None:
            _refuse_events(fields)
        return {"lower": fields[0], "upper": fields[1]}
    raise _no_response(fields, roles)


def _place_of_entry(fields: Sequence[Field]) -> int | None:
    """Which of three fields is the entry, None where there are two others; ValueError otherwise."""
    if len(fields) == 3 and fields[0].name is None:
        if any(is_boolean(field.values) for field in fields):
            raise ValueError(
                "y has three columns without names, and one is boolean: an event. Which of the "
                "others is the entry does not show. Name them (event, entry, time), or build y by "
                "censored_target(time, event=event, entry=entry)."
            )
        return 2
    places = [j for j, field in enumerate(fields) if role_of(field.name) == "entry"]
    if len(fields) == 2 + len(places) and len(places) < 2:
        return places[0] if places else None
    if len(places) == 1 and len(fields) == 2:
        raise ValueError(
            f"{fields[places[0]].label} says by its name when a row came under observation "
            "(delayed entry), and one field beside it does not tell the response. Name three, "
            "(event, entry, time) or (lower, upper, entry), or build y by censored_target(time, "
            "event=event, entry=entry). Bounds of an interval go by (lower, upper)."
        )
    raise ValueError(
        "y should have two fields or columns, (event, time) or (lower, upper), and perhaps one "
        f"beside them, (entry). Got {tuple(field.name for field in fields)}."
    )


def _by_type(
    fields: Sequence[Field], roles: Sequence[str | None], booleans: Sequence[bool], whole: bool
) -> dict[str, Field]:
    """Event and time, where one of the two is boolean."""
    at = booleans.index(True)
    event, time = fields[at], fields[1 - at]
    if all(booleans) or roles[at] not in ("event", "unclear", None):
        what = "Both are" if all(booleans) else f"{event.label} is"
        raise ValueError(
            f"{what} boolean, and a boolean is an event, no time and no bound. Got fields "
            f"{_names(fields)}. {_REMEDY}"
        )
    if roles[1 - at] in ("lower", "upper", "unclear") or (
        roles[1 - at] == "event" and _holds(time, -1.0, 0.0, 1.0, 2.0)
    ):
        raise _no_response(fields, roles)
    if roles[at] == "unclear":
        _tell_unclear(event, whole)
    return {"event": event, "time": time}


# What is not guessed


def _refuse_opposite(fields: Sequence[Field], roles: Sequence[str | None]) -> None:
    for field, role in zip(fields, roles, strict=True):
        if role == "opposite":
            raise ValueError(
                f"{field.label} says by its name where the event was not seen, and an event is "
                "True (or 1) where it was. Pass the opposite, as a field 'event' or by "
                f"censored_target(time, event=y[{field.name!r}] == 0)."
            )


def _refuse_unclear(fields: Sequence[Field], roles: Sequence[str | None]) -> None:
    for field, role in zip(fields, roles, strict=True):
        if role == "unclear":
            raise ValueError(
                f"{field.label} does not say by its name whether 1 is an event that was seen or a "
                "response that is censored: both are in use. Rename it 'event' if 1 is an event, "
                "or pass the opposite under that name."
            )


def _tell_unclear(event: Field, whole: bool) -> None:
    if not whole:
        _refuse_unclear([event], ["unclear"])
    warn(
        f"{event.label} is read as the event, True where it was seen, as scikit-survival has it. "
        "If it marks censored rows, pass its opposite; rename it 'event' and this is not said.",
        DataWarning,
    )


def _refuse_events(fields: Sequence[Field]) -> None:
    """ValueError where bounds of names that say nothing could as well be events and times.

    One value is enough, so that no block of events passes for bounds.
    """
    for codes, times in (fields, fields[::-1]):
        if _holds(codes, 0.0, 1.0) and _finite(times):
            raise ValueError(
                f"{codes.label} holds only 0 and 1 and has a name that says nothing: "
                f"{_names(fields)} could be events or bounds. {_REMEDY}"
            )


def _no_response(fields: Sequence[Field], roles: Sequence[str | None]) -> ValueError:
    read = ", ".join("unknown" if role is None else role for role in roles)
    return ValueError(f"The fields {_names(fields)} of y, by name ({read}), do not pair. {_REMEDY}")


def _holds(field: Field, *codes: float) -> bool:
    return bool(np.isin(as_numbers(field.values, field.label), codes).all())


def _finite(field: Field) -> bool:
    return bool(np.isfinite(as_numbers(field.values, field.label)).all())


def _names(fields: Sequence[Field]) -> str:
    return "(" + ", ".join("no name" if f.name is None else repr(f.name) for f in fields) + ")"
