"""Raw footage to a dataset for training: found, judged, cut into clips by many workers, and reported."""
