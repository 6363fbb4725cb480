"""The layouts of files that `convert` reads: one module for each of `NAMES`.

Only names are declared in this file, so that `tfseg convert --help` imports nothing else.
"""

NAMES = (
    "label_maps",
    "cellpose",
    "instance_masks",
    "coco",
    "coco_panoptic",
    "cityscapes",
    "pascal_voc",
    "labelme",
    "cvat",
    "yolo",
    "semantic",
    "label_studio",
    "via",
    "geojson",
    "imagej_rois",
    "segment_anything",
    "cell_tracking",
    "nnunet",
    "coco_results",
    "predictions",
)
OVERLAPS = ("smaller_wins", "first", "error")
CROWDS = ("ignore", "instance")
