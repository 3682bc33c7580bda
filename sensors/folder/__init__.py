"""Plain files as a log: pictures, sound and tables, described by a small mapping file."""
