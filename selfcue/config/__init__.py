"""Launch files and settings: YAML into frozen dataclasses, with errors that name file, line, key, value and remedy."""
