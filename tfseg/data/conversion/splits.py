"""Assigning images to splits: by a table, or a fraction chosen by a hash; groups stay together."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from tfseg import checks
from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import SPLIT_NAMES, SPLITS, Splits
from tfseg.data.dataset.dataset import file_sha256
from tfseg.data.files.tables import check_complete, read_groups, read_table

Groups = str | Path | Callable[[str], str]


def assign_splits(
    splits: Splits,
    *,
    val_fraction: float = 0.0,
    test_fraction: float = 0.0,
    seed: int = 0,
    groups: Groups | None = None,
    table: str | Path | None = None,
) -> Splits:
    """Returns the items, with their groups, in their final splits and in the same order.

    Args:
        splits: the splits of the source.
        val_fraction: fraction of `train` that is moved to `val`, in [0, 1). Whether an image is
            moved depends only on its id, or its group, and `seed`: images added later change
            nothing for the others.
        test_fraction: the same for `test`; together the two are below 1.
        seed: seed of this choice.
        groups: images that must stay in one split, such as those of one patient: a function from
            the id to the group, a regular expression that finds the group in the id (its first
            group, or else the whole match), or a .csv file with the columns id and group.
        table: a .csv file with the columns id and split, with every image of a source that has no
            splits.

    Raises:
        InputError: an argument does not fit the source, or a group is in two splits.
    """
    shares = {"val": val_fraction, "test": test_fraction}
    for split, share in shares.items():
        checks.in_range(f"{split}_fraction", share, low=0, high=1)
    checks.integer("seed", seed, low=0)
    if table is not None:
        splits = _by_table(splits, Path(table))
    group_of = _groups(groups, [item.id for items in splits.values() for item in items])
    shares = {split: share for split, share in shares.items() if share}
    if shares:
        splits = _set_aside(splits, shares, seed, group_of)
    if group_of is None:
        return splits
    _refuse_parted(splits, group_of)
    return {
        split: [dataclasses.replace(item, group=group_of[item.id]) for item in items]
        for split, items in splits.items()
    }


def description(choice: Groups | None) -> str | None:
    """Returns groups or a table as a text that does not depend on paths, for dataset.json."""
    if choice is None:
        return None
    if callable(choice):
        return "a function"
    table = str(choice).endswith(".csv")
    return f"sha256:{file_sha256(Path(choice))}" if table else str(choice)


def _set_aside(
    splits: Splits, shares: dict[str, float], seed: int, group_of: dict[str, str] | None
) -> Splits:
    """Moves a share of the split train to val, to test, or to both."""
    names = " and ".join(f"{split}_fraction" for split in shares)
    if set(shares) & set(splits) or "train" not in splits:
        raise InputError(
            f"{names} needs a source with images to train on and no split {' or '.join(shares)}; "
            f"got the splits {', '.join(splits)}. Leave {names} out."
        )
    parts: Splits = {split: [] for split in (*shares, "train")}
    for item in splits["train"]:
        number = _share(item.id if group_of is None else group_of[item.id], seed)
        limit, chosen = 0.0, "train"
        for split, share in shares.items():
            if limit <= number < limit + share:
                chosen = split
            limit += share
        parts[chosen].append(item)
    if not all(parts.values()):
        given = " and ".join(f"{share:g}" for share in shares.values())
        counts = ", ".join(f"{len(items)} in {split}" for split, items in parts.items())
        raise InputError(
            f"{names} must leave images in every split; {given} of {len(splits['train'])} images "
            f"gave {counts} with seed {seed}. Change {names} or seed."
        )
    return _in_order(splits | parts)


def _share(key: str, seed: int) -> float:
    """Returns a hash of an image or group in [0, 1)."""
    digest = hashlib.sha256(f"{key}/{seed}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _by_table(splits: Splits, table: Path) -> Splits:
    if list(splits) != ["train"]:
        raise InputError(
            f"A table of splits needs a source without splits; got the splits {', '.join(splits)}. "
            "Leave the table out."
        )
    _, given = read_table(table, "split")
    for name in set(given.values()) - set(SPLIT_NAMES):
        checks.one_of(f"A split in {table}", name, SPLITS)
    ids = {item.id for item in splits["train"]}
    check_complete(table, given, ids)
    if unknown := [id for id in given if id not in ids]:
        raise InputError(f"{table} has ids without an image: {listed(unknown)}. Correct the table.")
    parted: Splits = {}
    for item in splits["train"]:
        parted.setdefault(SPLIT_NAMES[given[item.id]], []).append(item)
    return _in_order(parted)


def _groups(groups: Groups | None, ids: list[str]) -> dict[str, str] | None:
    """Returns the group of each id."""
    if groups is None:
        return None
    if callable(groups):
        return {id: str(groups(id)) for id in ids}
    if not isinstance(groups, str | Path):
        raise InputError(
            "groups must be a function, a regular expression or a .csv file; got "
            f"{checks.shown(groups)}. Give a function from the id to the group."
        )
    if str(groups).endswith(".csv"):
        return read_groups(str(groups), ids)
    try:
        pattern = re.compile(str(groups))
    except re.error as error:
        raise InputError(
            f"groups must be a .csv file or a regular expression; got {str(groups)!r} ({error})."
        ) from error
    part = min(pattern.groups, 1)  # 0 is the whole match
    matches = ((id, pattern.search(id)) for id in ids)
    group_of = {id: match[part] for id, match in matches if match and match[part] is not None}
    if alone := [id for id in ids if id not in group_of]:
        raise InputError(
            f"groups must match every id; {str(groups)!r} matches none of {listed(alone)}. "
            "Correct the expression."
        )
    return group_of


def _refuse_parted(splits: Splits, group_of: dict[str, str]) -> None:
    split_of: dict[str, str] = {}
    for split, items in splits.items():
        for item in items:
            group = group_of[item.id]
            if split_of.setdefault(group, split) != split:
                raise InputError(
                    f"Group {group!r} must be in one split; it is in {split_of[group]} and in "
                    f"{split}. Move its images together."
                )


def _in_order(splits: Splits) -> Splits:
    return {name: splits[name] for name in SPLITS if name in splits}
