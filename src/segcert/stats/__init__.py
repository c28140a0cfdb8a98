"""Statistics on histograms of counts: pure functions, no model, no device."""
