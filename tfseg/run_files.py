"""The names of the files in the folder of a run."""

from __future__ import annotations

CONFIG = "config.yaml"  # all values used
RECORD = "run.json"  # these, with versions, data and commands
HISTORY = "history.csv"  # the metrics of training and validation
NONFINITE = "nonfinite.csv"  # the samples of steps whose loss or gradient was not finite
THRESHOLDS = "thresholds.yaml"  # what `tune` chose
CURVES = "curves.png"
CHECKPOINTS = "checkpoints"  # a folder
LAST, BEST = "last.npz", "best.npz"  # in it
