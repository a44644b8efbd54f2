"""How clips come from the disk: compressed, through a bounded cache, in processes of their own."""
