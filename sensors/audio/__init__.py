"""Sound: microphones, sound files, features, and what can be wrong with them."""
