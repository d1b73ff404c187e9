"""Make the accounts of compose.secure.yaml, each with the password of its file and few privileges."""

from __future__ import annotations

import base64
import json
import os
import ssl
import urllib.request
from pathlib import Path

URL = os.environ["ELASTICSEARCH_URL"]
FILES = Path(os.environ.get("SECRETS", "/secrets"))

WRITING = ["create_doc", "create_index", "view_index_metadata"]
ROLES = {
    "dms-sink": {
        "cluster": ["monitor"],
        "indices": [{"names": ["dms-*"], "privileges": WRITING}],
    },
    "dms-setup": {
        "cluster": ["monitor", "manage_index_templates", "manage_ilm"],
        "indices": [{"names": ["dms-*"], "privileges": ["manage", *WRITING]}],
    },
    "dms-dashboards": {
        "applications": [
            {
                "application": "kibana-.kibana",
                "privileges": ["space_all"],
                "resources": ["space:default"],
            }
        ]
    },
}
"""By name; the account of a role has its name. `viewer` is a role of Elasticsearch's own."""


def password(account: str) -> str:
    """Return the password that the service `secrets` made."""
    return (FILES / account).read_text().strip()


def main() -> None:
    """Set the roles and the accounts; those that are there get the same again."""
    tls = ssl.create_default_context(cafile=FILES / "ca.pem")
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    opened = urllib.request.build_opener(*handlers).open
    login = base64.b64encode(f"elastic:{password('elastic')}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    def put(path: str, body: object) -> None:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{URL}/_security/{path}", data, headers, method="PUT")
        with opened(request, timeout=30):
            print(path)

    put("user/kibana_system/_password", {"password": password("kibana_system")})
    for name, role in ROLES.items():
        put(f"role/{name}", role)
    for name in (*ROLES, "viewer"):
        put(f"user/{name}", {"password": password(name), "roles": [name]})


main()
