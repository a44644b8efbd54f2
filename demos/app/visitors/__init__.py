"""What is one visitor's: session, uploads, limits, access."""
