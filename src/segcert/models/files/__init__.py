"""Files of models, ours and those of other programs: each is read, checked and hashed here."""
