"""The models that the estimators climb, without scikit-learn; k-means among them as hard EM.

`LatentClasses` is a mixture put together from emissions, which say what a class says of its
columns:

=====================  =============================================================
`Gaussian`             jointly normal columns, any covariance structure, NaN allowed
`Poisson`              counts
`Categorical`          categories, with a Dirichlet prior if wanted
`Uniform`              a class of noise
`Product`              an emission for each group of columns
`Classes`              classes of different kinds
=====================  =============================================================
"""

from emkit.base.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Categorical": "emissions.categorical",
        "CategoricalParams": "emissions.categorical",
        "Classes": "emissions.combined",
        "Columns": "columns",
        "Emission": "emissions.emission",
        "Gaussian": "emissions.gaussian",
        "GaussianParams": "emissions.gaussian",
        "KMeans": "kmeans",
        "KMeansParams": "kmeans",
        "LatentClassParams": "latent_classes",
        "LatentClasses": "latent_classes",
        "Points": "kmeans",
        "Poisson": "emissions.counts",
        "PoissonParams": "emissions.counts",
        "Product": "emissions.combined",
        "Uniform": "emissions.uniform",
    },
)
