"""How good weights are: reenactment of self and of others, detail, pairs, fine-tuning."""
