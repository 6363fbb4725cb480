"""Converting annotated images into a data set, and checking a data set."""
