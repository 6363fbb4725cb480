"""A data set: its records, its description and what it counts."""
