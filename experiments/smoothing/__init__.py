"""What smoothing the scores inside the base model certifies, by kind and width."""
