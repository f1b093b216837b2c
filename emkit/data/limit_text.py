"""Numbers and limits as laboratories write them: "0.25", "<0.05", ">= 10", "0.1..0.3"."""

import re
from typing import Any

__all__ = ["bounds_of", "is_limit", "is_marked", "is_number_with_unit"]

_FINITE = r"(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_NUMBER = rf"[-+]?(?:{_FINITE}|inf(?:inity)?)"
_ONE = re.compile(rf"\s*(<=|>=|[<>≤≥])?\s*({_NUMBER})\s*", re.IGNORECASE)
_TWO = re.compile(rf"\s*({_NUMBER})\s*(?:\.\.|…)\s*({_NUMBER})\s*", re.IGNORECASE)
_MARK = re.compile(
    r"^\s*[<>≤≥]|(?:\d|inf(?:inity)?)\s*(?:\.\.|…)\s*(?:[-+.\d]|inf)", re.IGNORECASE
)
#: A number and a unit, or what is behind a decimal comma.
_WITH_UNIT = re.compile(rf"\s*[-+]?{_FINITE}\s*(?:[^\W\d_]|[%,/]).*", re.IGNORECASE)


def bounds_of(text: str) -> tuple[float, float] | None:
    """Lower and upper bound of a number, equal, or of a limit; None for all other text."""
    found = _ONE.fullmatch(text)
    if found:
        mark, number = found[1], float(found[2])
        if mark is None:
            return number, number
        return (-float("inf"), number) if mark[0] in "<≤" else (number, float("inf"))
    found = _TWO.fullmatch(text)
    return None if found is None else (float(found[1]), float(found[2]))


def is_limit(cell: Any) -> bool:
    """Whether a cell is text that is a limit, or an interval of pandas."""
    if isinstance(cell, str):
        found = bounds_of(cell)
        return found is not None and found[0] != found[1]
    return type(cell).__name__ == "Interval"


def is_marked(text: str) -> bool:
    """Whether text looks like a limit: it begins with a sign of order, or has ".." in it."""
    return bool(_MARK.search(text))


def is_number_with_unit(text: str) -> bool:
    """Whether text is a number without a sign of order, followed by a unit or a decimal comma."""
    return bool(_WITH_UNIT.fullmatch(text))
