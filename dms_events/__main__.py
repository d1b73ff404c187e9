"""``python -m dms_events`` is ``dms-events``."""

from .cli import main

main()
