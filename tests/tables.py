"""Tables that are read in blocks, which several tests share."""


class Slices:
    """An array that can only be sliced, as a data set in a file can."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype
        self.largest = self.reads = 0  #: most rows asked for at once, and how often

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.reads += 1
        self.largest = max(self.largest, len(range(*rows.indices(len(self.X)))))
        return self.X[rows]


class Parts:
    """Blocks that can be read again and again, as a folder of files can."""

    def __init__(self, *parts):
        self.parts, self.passes = parts, 0

    def __iter__(self):
        self.passes += 1
        return iter(self.parts)


def cut(X, size=700):
    """A table in parts of so many rows."""
    return Parts(*(X[start : start + size] for start in range(0, len(X), size)))
