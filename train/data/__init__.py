"""What training sees: clips, pairs, augmentation, and how footage becomes a dataset."""
