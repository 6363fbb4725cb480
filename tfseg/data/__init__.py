"""Data on disk: reading files, converting them into records, checking and streaming the records."""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, ["conversion", "dataset", "files", "pipeline"]
)
