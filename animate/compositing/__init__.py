"""What is laid over and under the generated face: eyes, the photograph's own detail, transparency."""
