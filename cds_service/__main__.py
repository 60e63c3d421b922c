"""Let ``python -m cds_service`` be the command ``twitch-cds``."""

from __future__ import annotations

from cds_service.cli import main

if __name__ == "__main__":
    main()
