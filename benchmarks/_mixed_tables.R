# Tables of R's packages as CSV, with a line of kinds: Rscript _mixed_tables.R FOLDER
# Categories are numbered from 0; tables have at most 700 rows; a missing package is named.
folder <- commandArgs(TRUE)[1]
set.seed(1)

save_table <- function(name, d, ordered = character(), counts = character()) {
  if (nrow(d) > 700) d <- d[sort(sample(nrow(d), 700)), ]
  kind <- sapply(names(d), function(v) {
    x <- d[[v]]
    if (v %in% ordered || is.ordered(x)) "ord" else if (v %in% counts) "count"
    else if (is.numeric(x)) "num" else "cat"
  })
  for (v in names(d)) if (kind[v] %in% c("ord", "cat")) d[[v]] <- as.integer(factor(d[[v]])) - 1L
  con <- file(file.path(folder, paste0(name, ".csv")), "w")
  writeLines(paste(kind, collapse = ","), con)
  write.csv(d, con, row.names = FALSE, quote = FALSE, na = "")
  close(con)
}
of <- function(name, package) {
  e <- new.env()
  data(list = name, package = package, envir = e)
  get(if (name %in% ls(e)) name else ls(e)[1], e)
}
factors <- function(d, v) { for (n in v) d[[n]] <- factor(d[[n]]); d }
ordered_as <- function(x, levels) factor(x, levels, ordered = TRUE)

makers <- list(
  penguins = function() save_table("penguins", factors(as.data.frame(of("penguins", "palmerpenguins")), "year")),
  birthwt = function() {
    d <- MASS::birthwt
    d$low <- NULL
    save_table("birthwt", factors(d, c("race", "smoke", "ht", "ui")), counts = c("ptl", "ftv"))
  },
  survey = function() {
    d <- MASS::survey
    d$Exer <- ordered_as(d$Exer, c("None", "Some", "Freq"))
    d$Smoke <- ordered_as(d$Smoke, c("Never", "Occas", "Regul", "Heavy"))
    save_table("survey", d)
  },
  pbc = function() {
    d <- survival::pbc
    d$id <- NULL
    d <- factors(d, c("status", "trt", "sex", "ascites", "hepato", "spiders"))
    save_table("pbc", d, ordered = c("edema", "stage"))
  },
  colon = function() {
    d <- subset(survival::colon, etype == 1)
    d <- d[, setdiff(names(d), c("id", "study", "etype", "node4"))]
    d <- factors(d, c("rx", "sex", "obstruct", "perfor", "adhere", "status", "surg"))
    save_table("colon", d, ordered = c("differ", "extent"), counts = "nodes")
  },
  affairs = function() save_table("affairs", of("Affairs", "AER"), c("religiousness", "rating"), "affairs"),
  cps1985 = function() { d <- of("CPS1985", "AER"); d$age <- NULL; save_table("cps1985", d) },
  boys = function() { d <- mice::boys; d$bmi <- NULL; save_table("boys", d) },
  nmes1988 = function() {
    d <- of("NMES1988", "AER")
    d <- d[, c("visits", "ovisits", "hospital", "health", "chronic", "adl", "region", "age", "afam",
               "gender", "married", "school", "income", "employed", "insurance", "medicaid")]
    d$health <- ordered_as(d$health, c("poor", "average", "excellent"))
    save_table("nmes1988", d, counts = c("visits", "hospital", "chronic", "ovisits"))
  },
  chile = function() {
    d <- of("Chile", "carData")
    d$education <- ordered_as(d$education, c("P", "S", "PS"))
    save_table("chile", d, ordered = "income")
  },
  votes = function() save_table("votes", of("HouseVotes84", "mlbench"))
)
for (name in names(makers)) {
  made <- try(makers[[name]](), silent = TRUE)
  if (inherits(made, "try-error")) cat(name, "\n")
}
