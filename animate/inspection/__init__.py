"""What files and machines offer, what a render would cost, and what happens inside the network."""
