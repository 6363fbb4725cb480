"""tfseg: instance segmentation from a folder of images to an exported network.

    import tfseg

    dataset = tfseg.convert("nuclei-files", "nuclei")
    tfseg.Trainer(tfseg.RunConfig(seed=1), "run").fit(dataset)
    instances = tfseg.load("run").predict(image)

The public names are in __init__.pyi. Each is imported when it is first used, so that `import tfseg`
alone loads no TensorFlow.
"""

import lazy_loader

from tfseg.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
