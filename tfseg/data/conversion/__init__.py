"""From annotated images to a data set, and the check of one."""
