"""Monte-Carlo sampling: streams of noise, batches through the model, counts."""
