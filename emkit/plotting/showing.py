"""Pictures of a script: on the screen, or beside the script where there is none."""

from pathlib import Path

from emkit.plotting.common import pyplot

__all__ = ["show"]


def show(script: str | Path) -> list[Path]:
    """Show all open figures; where matplotlib has no window, save them beside a script.

    Parameters
    ----------
    script : str or Path
        The script, mostly ``__file__``.

    Returns
    -------
    paths : list of Path
        What was saved: ``script.png``, and ``script_2.png`` and so on for further figures.

    Raises
    ------
    ImportError
        Where matplotlib is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import matplotlib.pyplot as plt
    >>> from emkit.plotting import show
    >>> plt.close("all")
    >>> plt.switch_backend("Agg")
    >>> figure = plt.figure()
    >>> with TemporaryDirectory() as folder:
    ...     [path.name for path in show(Path(folder) / "irises.py")]
    Saved irises.png
    ['irises.png']
    >>> plt.close(figure)
    """
    plt = pyplot()
    if plt.get_backend().lower() != "agg":
        plt.show()
        return []
    script, paths = Path(script), []
    for n, number in enumerate(plt.get_fignums(), 1):
        path = script.with_name(f"{script.stem}{f'_{n}' if n > 1 else ''}.png")
        plt.figure(number).savefig(path, dpi=100)
        print(f"Saved {path.name}")
        paths.append(path)
    return paths
