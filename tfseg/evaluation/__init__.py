"""Evaluation of a trained network: metrics on a data set, pictures, speed."""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    [
        "bench",
        "coco_results",
        "comparison",
        "dataset_sheet",
        "evaluate",
        "label_folders",
        "previews",
        "report",
        "tune",
    ],
)
