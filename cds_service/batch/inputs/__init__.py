"""Inputs of a batch: found, unpacked and cut into JSON texts, each with the place it stands at."""
