"""Files of users: images, tables and their paths."""

ORIENTATIONS = ("apply", "ignore")  # what is done with the orientation tags of pictures
PROJECTIONS = ("max", "mean", "channels")  # how the pages of a file become one image
