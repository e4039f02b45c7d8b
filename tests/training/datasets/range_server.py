"""A web server on this machine that can do what servers do, and all that goes wrong with them."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server holds and how it behaves; `requests` are the (path, Range or None) it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: str | None = '"one"'
    break_after: list[int] = field(default_factory=list)  # bytes of each answer, in turn, before it hangs up
    status: list[int] = field(default_factory=list)  # of the next answers, instead of what is asked for
    headers: dict[str, str] = field(default_factory=dict)
    length: bool = True
    wrong_range: bool = False
    hold: int | None = None  # bytes of an answer after which the server says nothing more until `release`
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def release(self):
        self.released.set()


def serve(site: Site):
    """The server, serving in a thread; `site.url` is its address. Call its `stop`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            asked = self.headers.get("Range")
            site.requests.append((self.path, asked))
            content = site.files.get(self.path)
            if site.status or content is None:
                self.send_response(site.status.pop(0) if site.status else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            total, first = len(content), 0
            same = self.headers.get("If-Range") in (None, site.etag)
            if asked and site.ranges and same:
                first = int(asked.removeprefix("bytes=").removesuffix("-"))
                if first >= total:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{total}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                shown = first + 1 if site.wrong_range else first
                self.send_header("Content-Range", f"bytes {shown}-{total - 1}/{total}")
            else:
                self.send_response(200)
            if site.etag:
                self.send_header("ETag", site.etag)
            for name, value in site.headers.items():
                self.send_header(name, value)
            if site.length:
                self.send_header("Content-Length", str(total - first))
            self.end_headers()
            body = content[first:]
            if site.break_after:
                body = body[: site.break_after.pop(0)]
                self.close_connection = True
            if site.hold is not None:
                self.wfile.write(body[: site.hold])
                self.wfile.flush()
                site.released.wait(60)
                self.close_connection = True
                return
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"

    def stop():
        server.shutdown()
        server.server_close()
        thread.join()

    server.stop = stop
    return server
