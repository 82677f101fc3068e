"""gunicorn's settings for `make run`: one process, so that the embedded database has one writer."""

workers = 1
threads = 8
control_socket_disable = True  # it would lie in the home directory
