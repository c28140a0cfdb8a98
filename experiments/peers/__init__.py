"""The ways of others to certify the same image, measured beside segcert in one run."""
