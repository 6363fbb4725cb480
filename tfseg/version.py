"""The version of this tfseg; also written into every data set."""

__version__ = "0.1.0"
