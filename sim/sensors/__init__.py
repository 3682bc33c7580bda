"""What a simulated body senses, as the messages that real sensors send."""
