"""python -m gfla.demos.app is gfla-demo."""

from gfla.demos.app.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
