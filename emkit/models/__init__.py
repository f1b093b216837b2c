"""One file per model: all its mathematics, as pure functions of arrays."""
