"""The tests on the newest Django and Python that are supported: `python -m tests.matrix`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "matrix.txt"
VENV = ROOT / ".venv-matrix"
VERSION = "3.13"


def interpreter() -> str | None:
    """A Python of that version, in the PATH or among pyenv's; None where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [*sorted(pyenv.glob(f"{VERSION}*/bin/python{VERSION}"))]
    if found := shutil.which(f"python{VERSION}"):
        places.append(Path(found))  # pyenv's shim, too, which may refuse to start
    for place in places:
        if subprocess.run([place, "--version"], capture_output=True, check=False).returncode == 0:
            return str(place)
    return None


def install(python: str) -> Path:
    """A virtual environment with what the lock pins, made anew when the lock is newer."""
    done = VENV / ".installed"
    if not done.exists() or done.stat().st_mtime < LOCK.stat().st_mtime:
        subprocess.run([python, "-m", "venv", "--clear", VENV], check=True)
        pip = [str(VENV / "bin" / "pip"), "install", "--quiet"]
        pip += ["--require-hashes", "-r", str(LOCK)]
        subprocess.run(pip, check=True)
        done.touch()
    return VENV / "bin"


def main() -> int:
    """Run the tests there; returns their exit code. A machine without the interpreter says so."""
    python = interpreter()
    if python is None:
        print(f"Skipped: Python {VERSION} is not on this machine.")
        return 0
    command = [str(install(python) / "pytest"), "-m", "not slow and not browser", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
