"""From the records of a data set to batches for training and validation."""
