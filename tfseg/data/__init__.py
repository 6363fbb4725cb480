"""Data on disk: reading files, converting them into records, checking and streaming the records."""
