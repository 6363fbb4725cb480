"""Training: devices, one step, checkpoints, and the training loop."""
