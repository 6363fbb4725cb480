"""Evaluation of a trained network: metrics on a data set, pictures, speed."""
