"""No operation costs more than in proportion to what it is done to."""
