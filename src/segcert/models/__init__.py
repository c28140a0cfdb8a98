"""Base models: the adapter that makes a segmenter of anything, our small network, weight files."""
