"""What a container says of its pictures beside their pixels: colours, cut edges, the way up."""
