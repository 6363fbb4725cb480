"""Options that have no effect with a data set."""

from __future__ import annotations

from tfseg import checks
from tfseg.config import RunConfig, flat
from tfseg.data.dataset.dataset import Dataset

# Options that have an effect only if the data set has a split val.
_OPTIONS = ("log.validate_every", "log.validation_images", "log.best", "train.patience")


def check_options(config: RunConfig, dataset: Dataset) -> None:
    """Checks that the data set has the split val, if options need it, with something to score.

    Raises:
        InputError: it does not.
    """
    split = dataset.info.splits.get("val")
    if split and not split.num_instances and config.log.best != "loss":
        raise checks.InputError(
            f"log.best must be loss, because the split val of {dataset.path} has no instances, for "
            f"which every metric but the loss is undefined; got {config.log.best}."
        )
    if split:
        return
    values, defaults = flat(config), flat(RunConfig())
    unused = [f"{name} {values[name]}" for name in _OPTIONS if values[name] != defaults[name]]
    if config.optimizer.schedule == "plateau":
        unused.append("optimizer.schedule plateau")
    if unused:
        raise checks.InputError(
            f"{unused[0]} needs validations, and {dataset.path} has no split val. Convert with "
            "--val_fraction, or leave the option out."
        )
