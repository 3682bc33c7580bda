"""What a run leaves behind for people: a table, pictures and ``report.json``, made from its messages alone."""
