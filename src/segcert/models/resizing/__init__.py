"""From the noisy image to the network and back: normalised, resized, in windows, labelled."""
