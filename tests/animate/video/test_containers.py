"""Over generated containers: frame count, every time and the sound's samples are those of FFmpeg's binary."""
