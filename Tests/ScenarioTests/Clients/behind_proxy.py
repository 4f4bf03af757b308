"""Runs a command behind an nginx that does harm.

    behind_proxy.py HARM GATEWAY_PORT COMMAND…     URL in the command stands for nginx's address
                                                   HARM: buffers, compresses, cuts
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "ClientTests" / "Browsers"))
from nginx import Nginx

with Nginx(int(sys.argv[2]), sys.argv[1]) as nginx:
    command = [word.replace("URL", "http://127.0.0.1:%d" % nginx.port) for word in sys.argv[3:]]
    sys.exit(subprocess.run(command).returncode)
