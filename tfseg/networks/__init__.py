"""Networks of segmentation-models with the outputs of an instance head."""
