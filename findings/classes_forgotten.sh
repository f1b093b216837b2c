#!/usr/bin/env bash
# The log-likelihood of a classifier is that of its rows without their classes.
#
# Versions: mclust 6.0.0 in R 4.2 (Debian: r-base-core, r-cran-mclust; Rscript must be on the
#   path). The script installs nothing and stops where another version is found.
#
# Guess: `MclustDA(x, class)` estimates by the classes that it is given, so `$loglik` and `$bic` are
#   those of rows and classes, the sum of log(share of the class x density in it): what the fit
#   maximises; without the classes it is higher.
# Seen: on banknotes, VVI, one component a class, the fit has -914.89 by that sum, and reports
#   -905.10: the log-density of the rows under the mixture of both classes, to 1e-9. That is not
#   what the fit maximises: one step of EM without the classes, from the parameters of the fit,
#   raises it.
# Why it matters: BIC is twice a maximised log-likelihood less the price of the parameters. Here it
#   is 20 points off, by more the more the classes overlap, and at no maximum; beside another
#   classifier's likelihood of the same model, or the sum of the fits of each class, it does not
#   compare. Who checks a classifier against it has to leave the classes out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v Rscript > /dev/null || { echo "needs Rscript: apt-get install r-cran-mclust"; exit 2; }

cat > "$work/classes_forgotten.R" <<'EOF'
suppressMessages(library(mclust))
version <- as.character(packageVersion("mclust"))
cat("mclust", version, "\n")
if (version != "6.0.0") quit(status = 2)
data(banknote)
x <- as.matrix(banknote[, -1])
class <- as.character(banknote$Status)
fit <- MclustDA(x, class, G = 1, modelNames = "VVI", verbose = FALSE)

# Logarithms of share x density, a column a class: of independent normal columns.
joint <- sapply(unique(class), function(k) {
  of_class <- x[class == k, ]
  means <- colMeans(of_class)
  variances <- colMeans(sweep(of_class, 2, means)^2)
  each <- dnorm(t(x), means, sqrt(variances), log = TRUE)
  log(mean(class == k)) + colSums(each)
})
top <- apply(joint, 1, max)
without <- sum(top + log(rowSums(exp(joint - top))))
with_classes <- sum(joint[cbind(seq_along(class), match(class, colnames(joint)))])

# One step of EM that does not know the classes, and the same number after it.
shares <- exp(joint - top) / rowSums(exp(joint - top))
step <- me(x, "VVI", shares, control = emControl(itmax = c(1, 1), tol = c(0, 0)), warn = FALSE)
stepped <- sum(dens(x, modelName = "VVI", parameters = step$parameters, logarithm = TRUE))

cat(sprintf("reported by MclustDA            %.6f\n", fit$loglik))
cat(sprintf("rows and their classes          %.6f\n", with_classes))
cat(sprintf("rows without their classes      %.6f\n", without))
cat(sprintf("the same one step of EM later   %.6f\n", stepped))
stopifnot(
  abs(fit$loglik - without) < 1e-6,
  abs(fit$loglik - with_classes) > 9,
  abs(fit$bic - (2 * without - fit$df * log(nrow(x)))) < 1e-6,
  stepped > fit$loglik + 1e-3
)
EOF
Rscript "$work/classes_forgotten.R"
echo "as stated: the log-likelihood and BIC of the classifier are those of rows without classes"
