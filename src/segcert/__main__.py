"""``python -m segcert``: the command line."""

from segcert.cli.main import main

if __name__ == "__main__":
    main()
