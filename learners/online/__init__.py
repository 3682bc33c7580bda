"""Teacher, lesson, student, and the engine around them."""
