"""Network building blocks that two learners share."""
