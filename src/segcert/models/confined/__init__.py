"""Programs of others run in a process of their own that has no files, no network, no programs."""
