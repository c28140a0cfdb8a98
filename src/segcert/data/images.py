"""`read_image` under the name that it had before images moved to `segcert.inputs.images`."""

from segcert.inputs.images import read_image as read_image
