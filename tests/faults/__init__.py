"""What goes wrong: bad input, malicious input, and inputs that nobody thought of."""
