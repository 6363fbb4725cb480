"""Files of users: images, tables and their paths."""

ORIENTATIONS = ("apply", "ignore")  # what is done with the orientation tags of pictures
