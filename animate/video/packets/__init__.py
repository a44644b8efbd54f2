"""What comes before decoding: the packets' clock, their key frames, and what of them is lost."""
