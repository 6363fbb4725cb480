"""From a trained run to instances: the segmenter, prediction of files, export."""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, ["cleanup", "coco", "export", "geojson", "instances", "predict", "segmenter"]
)
