"""The figures that the paper prints, and ours beside them."""
