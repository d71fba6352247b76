"""``python -m pricelm``: the command line."""

from pricelm.cli.main import main

if __name__ == "__main__":
    main()
