"""Files that people bring: images, tables and where they lie."""
