"""What belongs to one visitor: session, uploads, limits, access, and errors in words."""
