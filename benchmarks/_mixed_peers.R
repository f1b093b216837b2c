# R's imputers on tables with holes: Rscript _mixed_peers.R METHOD FOLDER JOB...
# FOLDER/JOB.csv has a line of kinds; out come JOB.METHOD.i.csv, and one line for each job: the CPU
# seconds of its 5 tables, or what went wrong.
options(warn = -1)
a <- commandArgs(TRUE)
method <- a[1]
folder <- a[2]
suppressMessages(library(method, character.only = TRUE))
for (job in a[-(1:2)]) {
  path <- file.path(folder, paste0(job, ".csv"))
  kind <- strsplit(readLines(path, 1), ",")[[1]]
  raw <- read.csv(path, skip = 1)
  names(raw) <- paste0("c", seq_along(raw))
  d <- raw
  for (j in seq_along(d)) {
    if (kind[j] == "cat") d[[j]] <- factor(d[[j]])
    if (kind[j] == "ord") d[[j]] <- factor(d[[j]], ordered = TRUE)
  }
  set.seed(0)
  began <- sum(proc.time()[1:2])
  tables <- try({
    if (method == "mice") {
      fitted <- mice(d, m = 5, maxit = 5, printFlag = FALSE)
      lapply(1:5, function(i) complete(fitted, i))
    } else {
      noms <- names(d)[kind == "cat"]
      ords <- names(d)[kind == "ord"]
      fitted <- amelia(raw, m = 5, p2s = 0, noms = if (length(noms)) noms,
                       ords = if (length(ords)) ords, empri = 0.01 * nrow(raw))
      Filter(is.data.frame, fitted$imputations)
    }
  }, silent = TRUE)
  took <- sum(proc.time()[1:2]) - began
  if (inherits(tables, "try-error") || !length(tables)) {
    cat("failed:", substr(gsub("\n", " ", as.character(tables)[1]), 1, 100), "\n")
    next
  }
  for (i in seq_along(tables)) {
    x <- as.data.frame(lapply(tables[[i]], function(v) as.numeric(as.character(v))))
    write.csv(x, file.path(folder, paste0(job, ".", method, ".", i, ".csv")), row.names = FALSE, na = "")
  }
  cat(took, "\n")
}
