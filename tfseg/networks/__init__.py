"""Networks of segmentation-models with the outputs of an instance head."""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, ["backbones", "build", "compact", "layers", "pretrained"]
)
