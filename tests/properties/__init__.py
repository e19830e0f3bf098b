"""What holds for all inputs of a kind, tried with many that Hypothesis makes up."""
