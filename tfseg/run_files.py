"""The names of the files in the folder of a run."""

from __future__ import annotations

CONFIG = "config.yaml"  # all values used
NETWORK = "config.network.json"  # the layers of a Keras network; beside config.yaml
RECORD = "run.json"  # all values, with versions, data and commands
HISTORY = "history.csv"  # the metrics of training and validation
NONFINITE = "nonfinite.csv"  # the samples of steps with non-finite loss or gradients
THRESHOLDS = "thresholds.yaml"  # thresholds that `tune` chose
CURVES = "curves.png"
CHECKPOINTS = "checkpoints"  # a folder
LAST, BEST = "last.npz", "best.npz"  # in this folder
