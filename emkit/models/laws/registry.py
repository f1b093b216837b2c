"""The distributions of a response that an estimator takes by name: the only list of them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from emkit.models.laws.distribution import Distribution
from emkit.models.laws.generalized_gamma import GeneralizedGamma
from emkit.models.laws.gumbel import GumbelMin
from emkit.models.laws.link import IDENTITY, LOG
from emkit.models.laws.logistic import Logistic
from emkit.models.laws.normal import Normal
from emkit.models.laws.student_t import StudentT

__all__ = ["LAWS", "document_laws"]

T = TypeVar("T", bound=type)

_DISTRIBUTIONS = [
    Distribution("normal", Normal(), IDENTITY, "normal", scipy="norm(line, scale)"),
    Distribution(
        "lognormal", Normal(), LOG, "normal, of log y", scipy="lognorm(scale, scale=exp(line))"
    ),
    Distribution("logistic", Logistic(), IDENTITY, "logistic", scipy="logistic(line, scale)"),
    Distribution(
        "weibull",
        GumbelMin(),
        LOG,
        "smallest extreme, of log y; y is Weibull of shape 1 / scale",
        scipy="weibull_min(1 / scale, scale=exp(line))",
    ),
    Distribution(
        "exponential",
        GumbelMin(),
        LOG,
        "Weibull of scale 1: a constant hazard",
        1.0,
        scipy="expon(scale=exp(line))",
    ),
    Distribution(
        "rayleigh",
        GumbelMin(),
        LOG,
        "Weibull of scale 1/2: a hazard in proportion to y",
        0.5,
        scipy="rayleigh(scale=exp(line) / sqrt(2))",
    ),
    Distribution(
        "loglogistic",
        Logistic(),
        LOG,
        "logistic, of log y; log-logistic of shape 1 / scale",
        scipy="fisk(1 / scale, scale=exp(line))",
    ),
    Distribution(
        "extreme",
        GumbelMin(),
        IDENTITY,
        "smallest extreme (Gumbel)",
        scipy="gumbel_l(line, scale)",
    ),
    Distribution(
        "generalized_gamma",
        GeneralizedGamma(),
        LOG,
        "log generalised gamma with ``shape``, of log y: shape 1 is 'weibull', 0 'lognormal', one "
        "equal to the scale a gamma law of y",
        scipy="gengamma(shape**-2, shape / scale, "
        "scale=exp(line) * abs(shape) ** (2 * scale / shape))",
    ),
    Distribution(
        "student_t",
        StudentT(),
        IDENTITY,
        "Student t with ``df`` degrees of freedom",
        scipy="t(df, line, scale)",
    ),
]
#: Distributions by name.
LAWS: Mapping[str, Distribution] = MappingProxyType({d.name: d for d in _DISTRIBUTIONS})


def document_laws(cls: T) -> T:
    """Write the names of all laws, and a list of what they are, into the docstring of a class."""
    names = ", ".join(repr(name) for name in LAWS)
    lines = [f"- {name!r}: {law.description}; ``{law.scipy}``" for name, law in LAWS.items()]
    if cls.__doc__:  # there is none under -OO
        text = cls.__doc__.replace("{laws}", f"{{{names}}}")
        # Python 3.13 takes away the indentation that all lines share: as it is in this line.
        place = re.compile(r"^( *)\{list of laws\}", re.MULTILINE)
        cls.__doc__ = place.sub(lambda line: line[1] + f"\n{line[1]}".join(lines), text)
    return cls
