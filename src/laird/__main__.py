"""`python -m laird`: the same as the command `laird`."""

from laird.cli.app import main

if __name__ == "__main__":
    main()
