"""``python -m ruletune``."""

from ruletune.cli import main

if __name__ == "__main__":
    main()
