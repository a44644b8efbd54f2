"""The page's tabs, each with its events."""
