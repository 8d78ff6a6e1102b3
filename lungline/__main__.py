"""`python -m lungline`, the same as `lungline`."""

from lungline.cli import main

if __name__ == "__main__":
    main()
