"""The dashboards as NDJSON of saved objects, which Kibana imports."""

from .objects import DATA_VIEW, OLDEST_KIBANA, dumps, objects

__all__ = ["DATA_VIEW", "OLDEST_KIBANA", "dumps", "objects"]
