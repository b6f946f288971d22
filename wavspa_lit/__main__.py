"""`python -m wavspa_lit` is `wavspa`."""

from wavspa_lit.cli import main

if __name__ == "__main__":
    main()
