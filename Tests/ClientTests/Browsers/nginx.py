"""An nginx that does harm to what passes through it, whatever the server asks for: the proxy of an office that nobody
can change."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

CONFIGURATION = """
daemon off;
worker_processes 1;
pid %(folder)s/pid;
error_log %(folder)s/error.log;
events {}
http {
  access_log off;
  client_body_temp_path %(folder)s/body;
  proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  server {
    listen 127.0.0.1:%(port)d;
    location / {
      proxy_pass http://127.0.0.1:%(upstream)d;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      %(harm)s
    }
  }
}
"""

HARMS = {
    "buffers": "proxy_buffering on; proxy_buffers 8 64k; proxy_ignore_headers X-Accel-Buffering;",
    "compresses": "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any;",
    "cuts": "proxy_read_timeout 1s;",
}


class Nginx:
    def __init__(self, upstream, harm="buffers"):
        self.folder = tempfile.mkdtemp(prefix="tidings-nginx-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION % {
                "folder": self.folder, "port": self.port, "upstream": upstream, "harm": HARMS[harm]})
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", path, "-p", self.folder, "-e", self.folder + "/error.log"])

    def __enter__(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError(open(self.folder + "/error.log").read())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
