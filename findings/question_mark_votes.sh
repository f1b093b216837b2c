#!/usr/bin/env bash
# A missing vote is a third way to vote.
#
# Versions: SciPy 1.17.1, liac-arff 2.5.0, pandas 2.3.3.
#
# Guess: "?" stands for a missing value in ARFF, in every kind of column. `scipy.io.arff.loadarff`
#   is documented to represent it as NaN: so it does in a numeric column, and in a nominal one it
#   gives something else that is missing, such as None or an empty string.
# Seen: in a nominal column it comes as the value b"?", beside b"y" and b"n", while the header that
#   is returned with the rows goes on saying that the values are y and n. pandas counts no missing
#   cell there and makes a category of three levels. liac-arff gives None for the same text.
# Why it matters: this is the format of the congressional votes and many other tables that
#   categories with holes are tried on. A latent class analysis of what SciPy reads finds the
#   class of the absent, no imputer finds a cell to fill, and nothing raises.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q scipy==1.17.1 liac-arff==2.5.0 numpy==2.4.6 pandas==2.3.3

"$work/venv/bin/python" -W error - <<'EOF'
import io
import sys
from importlib.metadata import version

import arff
import pandas as pd
import scipy
from scipy.io.arff import loadarff

print("SciPy", scipy.__version__, "liac-arff", version("liac-arff"))
text = """\
@relation votes
@attribute budget {y, n}
@attribute seniority numeric
@data
y, 4
?, 11
n, ?
?, 2
y, 7
"""
rows, header = loadarff(io.StringIO(text))
by_scipy = pd.DataFrame(rows)
parsed = arff.loads(text)
by_liac = pd.DataFrame(parsed["data"], columns=[name for name, _ in parsed["attributes"]])
declared = header["budget"][1]
levels = sorted(by_scipy["budget"].astype("category").cat.categories)
print("values by the header:", declared, "- levels that came:", levels)
missing = {"SciPy": by_scipy.isna().sum(), "liac-arff": by_liac.isna().sum()}
for name, counts in missing.items():
    print(f"missing by {name}:", counts.to_dict())
seen = declared == ("y", "n") and levels == [b"?", b"n", b"y"]
seen &= missing["SciPy"].to_list() == [0, 1] and missing["liac-arff"].to_list() == [2, 1]
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
