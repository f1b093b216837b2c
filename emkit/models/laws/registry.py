"""The distributions of a response that an estimator takes by name: the only list of them."""

from collections.abc import Mapping
from types import MappingProxyType

from emkit.models.laws.distribution import Distribution
from emkit.models.laws.link import IDENTITY, LOG
from emkit.models.laws.normal import Normal
from emkit.models.laws.student_t import StudentT

__all__ = ["LAWS"]

#: Distributions by name.
LAWS: Mapping[str, Distribution] = MappingProxyType(
    {
        distribution.name: distribution
        for distribution in [
            Distribution("normal", Normal(), IDENTITY, "normal errors"),
            Distribution("lognormal", Normal(), LOG, "normal errors of log y"),
            Distribution(
                "student_t", StudentT(), IDENTITY, "Student t errors with ``df`` degrees of freedom"
            ),
        ]
    }
)
