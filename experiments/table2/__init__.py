"""Table 2 of Fischer et al. (2021): on CamVid with our models, and the paper's own protocol."""
