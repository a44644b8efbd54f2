"""The commands, one file each; argument parsing lives only here."""
