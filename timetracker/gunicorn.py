"""gunicorn's settings for `make run`: one process, so that the embedded database has one writer."""

workers = 1
threads = 8
keepalive = 30  # seconds; a browser's next request should not meet a connection that just closed
limit_request_line = 8190  # bytes; a report may name a hundred of each kind in its address
control_socket_disable = True  # it would lie in the home directory
# Which headers of a proxy are believed is decided by Django, with TRUSTED_PROXY_COUNT alone.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
