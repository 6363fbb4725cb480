"""Training: devices, one step, checkpoints, and the loop that joins them."""
