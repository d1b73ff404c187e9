"""The Elasticsearch sink of dms-events: bulk writes with a verdict for each document."""

from .sink import ElasticsearchSink

__all__ = ["ElasticsearchSink"]
