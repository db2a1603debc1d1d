"""A dispatcher that has a gallery and nothing else, on 127.0.0.1: what is published there is found there."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dashboard.settings import Settings

OTHERS = (
    {"title": "Crab JEM-X image", "nid": "7", "instrumentused": "jemx1", "e1_kev": "3", "e2_kev": "20", "rev1": "665", "rev2": "666"},
    {"title": "Crab <b>spectrum</b>", "nid": "8", "data_product_type": "spectrum"},
)
"""What somebody else has published of the Crab."""


@dataclass
class GalleryServer:
    """Its script.

    Attributes
    ----------
    refused
        Product types that it does not take, with its words.
    away
        It answers nothing but HTTP 503.
    open
        While it is not set, nothing that is sent is answered.
    forms
        What was sent: name of each part to its text, files to their names.
    asked
        Sources that were looked up.
    """

    url: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    away: bool = False
    open: threading.Event = field(default_factory=threading.Event)
    forms: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=dict)

    def take(self, form: dict[str, str]) -> tuple[int, Any]:
        """Status and answer to a product that is sent."""
        self.open.wait(30)
        if self.away:
            return 503, {"error_message": "away"}
        if (kind := form["product_type"]) in self.refused:
            return 400, {"error_message": self.refused[kind]}
        self.forms.append(form)
        changed = "2" if form["product_id"] in self.nodes else "1"
        node = self.nodes.setdefault(form["product_id"], 100 + len(self.nodes))
        link = {"self": {"href": f"{self.url}/node/{node}?_format=hal_json"}}
        return 200, {"nid": [{"value": node}], "created": [{"value": "1"}], "changed": [{"value": changed}], "_links": link}

    def find(self, source: str) -> tuple[int, Any]:
        """Status and answer to a question for a source."""
        self.asked.append(source)
        if self.away:
            return 503, {"error_message": "away"}
        mine = [
            {"title": form["product_title"], "nid": str(self.nodes[form["product_id"]]), "instrumentused": form["instrument"]}
            for form in self.forms
            if source in form["src_name"].split(",")
        ]
        return 200, [*(OTHERS if source == "Crab" else ()), *mine]


@contextmanager
def gallery_server() -> Iterator[GalleryServer]:
    """It ends with the block."""
    gallery = GalleryServer()
    gallery.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
            message = email.message_from_bytes(head + content, policy=email.policy.HTTP)
            form = {}
            for part in message.iter_parts():
                payload = part.get_payload(decode=True)
                text = payload.decode() if isinstance(payload, bytes) and not part.get_filename() else ""
                form[str(part.get_param("name", header="content-disposition"))] = part.get_filename() or text
            self._answer(*gallery.take(form))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path.endswith("/get_data_product_list_by_source_name"):
                self._answer(*gallery.find(parse_qs(parts.query)["src_name"][0]))
            else:
                self._answer(404, {"error_message": "only a gallery"})

        def _answer(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gallery.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield gallery
    finally:
        gallery.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


def hosts_of(gallery: GalleryServer) -> str:
    """An administrator's file with one host of the real sky, whose gallery this is."""
    none = "".join(f"{name}.offered = false\n" for name in ("production", "staging", "esa"))
    return f'{none}[institute]\ndispatcher_url = "{gallery.url}"\nother_archives = false\nnote = "a gallery alone"\n'


def settings_with(folder: Path, gallery: GalleryServer) -> Settings:
    """A deployment whose one real host is this gallery's."""
    hosts = folder / "hosts.toml"
    hosts.write_text(hosts_of(gallery))
    return Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(folder / "data"), "INTEGRAL_DASHBOARD_HOSTS": str(hosts)})
