"""The version of tfseg, also written into every data set, and the versions of other packages."""

__version__ = "0.1.0"


def versions(*packages: str) -> dict[str, str]:
    """Returns the versions of tfseg, Python and the `packages`, without importing them."""
    import importlib.metadata
    import platform

    installed = {name: importlib.metadata.version(name) for name in packages}
    return {"tfseg": __version__, "python": platform.python_version(), **installed}
