"""Table 2 of Fischer et al. (2021): parts of point clouds, with networks trained here."""
