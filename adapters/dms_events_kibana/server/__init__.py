"""A Kibana over HTTP: dashboards imported into it, and compared with what it has."""

from .answers import KibanaError
from .compare import Difference
from .install import InstallReport, check, install
from .kibana import Kibana

__all__ = ["Difference", "InstallReport", "Kibana", "KibanaError", "check", "install"]
