"""What certificates call a model by: name, hashes of weights, files and settings, arithmetic."""
