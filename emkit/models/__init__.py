"""The models that the estimators climb, without scikit-learn; k-means among them as hard EM."""

from emkit.models.kmeans import KMeans, KMeansParams, Points

__all__ = ["KMeans", "KMeansParams", "Points"]


def __dir__() -> list[str]:
    return __all__
