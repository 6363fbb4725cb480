"""Files of users: images, tables and their paths."""
