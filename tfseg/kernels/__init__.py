"""Pure tensor functions that XLA compiles: TensorFlow only, without seeds, files and configuration.

Pixel centres lie on whole numbers and axis order is (y, x). A field is pull-back: it holds, for
each output pixel, the source coordinates to read.
"""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    [
        "class_ids",
        "color",
        "components",
        "drop_in",
        "field",
        "filters",
        "intensity",
        "matrices",
        "normalize",
        "pixel_weights",
        "regions",
        "runs",
        "sampling",
        "votes",
        "warps",
    ],
)
