"""The project's own settings, with a fixed environment in place of the developer's `.env`."""

import os
import re
import tempfile
from pathlib import Path

VARIABLES = {
    "ENV_FILE": "",
    "SECRET_KEY": "the-key-of-the-tests-is-no-secret-and-long-enough-for-the-checks",
    "ENVIRONMENT": "test",
    "HTTPS": "false",
    "AUTH_METHOD": "both",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "OIDC_ISSUER": "http://127.0.0.1:1/nobody-listens",
    "OIDC_CLIENT_ID": "timetracker",
    "OIDC_CLIENT_SECRET": "oidc-secret-of-the-tests",
    "TIME_ZONE": "UTC",
    "DEPLOYMENT_METHOD": "native",
}
# Nothing of the developer's own environment decides, but for the database (tests/postgresql.py).
example = (Path(__file__).parent.parent / ".env.example").read_text()
for name in re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE):
    if name != "DATABASE_URL":
        os.environ.pop(name, None)
os.environ.update(VARIABLES)

from timetracker.settings import *  # noqa: E402, F403
from timetracker.settings import ANALYTICS, DATABASES, STORAGES  # noqa: E402

folder = Path(tempfile.gettempdir()) / f"timetracker-tests-{os.getuid()}"
STATIC_ROOT = folder / "static"  # empty: WhiteNoise reads it anew for every test client
STATIC_ROOT.mkdir(parents=True, exist_ok=True)

if "sqlite3" in DATABASES["default"]["ENGINE"]:
    # A file: threads that share a database in memory find its tables locked at once.
    DATABASES["default"]["TEST"] = {"NAME": str(folder / f"{os.getppid()}.sqlite3")}

# Quick hashing: what is tested here is not Django's password hasher.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

# A test delivers when it says so.
ANALYTICS["DELIVERY_THREAD"] = False
