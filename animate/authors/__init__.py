"""Structure maps as the paper's authors drew them, for the networks they released."""
