"""Training: devices, one step, checkpoints, and the training loop."""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    [
        "callbacks",
        "class_weights",
        "history",
        "keras_callbacks",
        "optimizers",
        "overfit",
        "schedules",
        "strategy",
        "tensorboard",
        "trainer",
    ],
)
