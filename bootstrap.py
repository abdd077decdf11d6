#!/usr/bin/env python3
"""Make .venv with the locked requirements, from whatever Python started this file.

    python3 bootstrap.py [requirements.txt | requirements-dev.txt]

Any Python from 3.6 can run it; it looks for one that Tenantry supports: $PYTHON, itself, PATH, and the folders of
pyenv, asdf, mise, uv and Homebrew. A second run with nothing to do ends at once. Standard library only.
"""

import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys

OLDEST = (3, 12)
NEWEST = (3, 14)
# Names in the order in which we like them.
VERSIONS = ("3.13", "3.14", "3.12")
RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"
EXAMPLES = (os.path.join("examples", "reading-time"),)
SOURCES = ("cms_project", "core", "tenants", "plugin_host", "plugins")
# Printed by an interpreter about itself. A virtual environment names the Python that it was made from: that one stays.
PROBE = (
    "import json, sys\n"
    "try:\n    import ensurepip, venv; can = True\n"
    "except ImportError:\n    can = False\n"
    "print(json.dumps([list(sys.version_info[:2]), getattr(sys, '_base_executable', '') or sys.executable, can]))\n"
)
PROBE_SECONDS = 30


class BootstrapError(Exception):
    """Ends the program; the text tells in one line what to do."""


def say(text):
    print("bootstrap: " + text, flush=True)


def main(arguments=None, root=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    root = root or os.path.dirname(os.path.abspath(__file__))
    try:
        if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
            raise BootstrapError("usage: python3 bootstrap.py [requirements.txt | requirements-dev.txt]")
        prepare(root, arguments[0] if arguments else RUNTIME)
    except BootstrapError as error:
        print("bootstrap: " + str(error), file=sys.stderr)
        return 1
    return 0


def prepare(root, wanted):
    if os.name == "nt":
        raise BootstrapError("Windows is not supported: use WSL, which is.")
    venv = os.path.join(root, ".venv")
    stamp_path = os.path.join(venv, "tenantry-stamp.json")
    if not os.path.isfile(os.path.join(root, wanted)):
        raise BootstrapError("there is no file %s in %s." % (wanted, root))
    stamp = read_stamp(stamp_path) if works(venv) else {}
    if stamp.get(wanted) == digest(root, wanted) and stamp.get("examples") == examples_digest(root):
        return
    if wanted == RUNTIME and DEVELOPMENT in stamp and os.path.isfile(os.path.join(root, DEVELOPMENT)):
        # An environment for development stays one.
        wanted = DEVELOPMENT
    uv = find_uv()
    if not works(venv):
        make_venv(venv, uv)
    forget(stamp_path)
    if stamp.get(wanted) != digest(root, wanted):
        install(root, venv, wanted, uv)
    install_examples(root, venv, uv)
    compile_sources(root, venv)
    done = {wanted: digest(root, wanted), "examples": examples_digest(root)}
    if wanted == DEVELOPMENT and os.path.isfile(os.path.join(root, RUNTIME)):
        # The locked development requirements hold all of the runtime ones.
        done[RUNTIME] = digest(root, RUNTIME)
    with open(stamp_path, "w") as file:
        json.dump(done, file)
    say("ready (%s)." % wanted)


# --- what was done already


def read_stamp(path):
    try:
        with open(path) as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def forget(path):
    # An installation that breaks off in the middle must not look finished.
    if os.path.exists(path):
        os.remove(path)


def digest(root, name):
    with open(os.path.join(root, name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def examples_digest(root):
    names = [os.path.join(example, "pyproject.toml") for example in EXAMPLES]
    return [digest(root, name) for name in names if os.path.isfile(os.path.join(root, name))]


def works(venv):
    # Also false when the Python that it links to has been removed, or when somebody interrupted its making.
    return os.path.exists(venv_python(venv)) and os.path.isfile(os.path.join(venv, "pyvenv.cfg"))


def venv_python(venv):
    return os.path.join(venv, "bin", "python")


# --- finding an interpreter


def find_python(uv=None):
    """Return (path, version, whether it can make a complete venv) of the first interpreter that fits."""
    seen = set()
    unfit = []
    for candidate in candidates():
        real = os.path.realpath(candidate)
        # A shim of pyenv is one file under many names and answers by its name.
        key = candidate if "shims" in candidate else real
        if key in seen or not os.access(candidate, os.X_OK) or os.path.isdir(candidate):
            continue
        seen.add(key)
        found = probe(candidate)
        if found is None:
            continue
        version, executable, complete = found
        if not OLDEST <= version <= NEWEST:
            unfit.append("%d.%d" % version)
        elif not complete and not uv:
            unfit.append(
                "%d.%d without venv (on Debian and Ubuntu: apt install python%d.%d-venv)" % (version * 2)
            )
        else:
            return executable, version, complete
    raise BootstrapError(
        "no Python 3.12, 3.13 or 3.14 found (looked at: %s). Install one, for example with "
        "`apt install python3-venv`, `brew install python@3.13`, `pyenv install 3.13` or `uv python install 3.13`, "
        "or name it: PYTHON=/path/to/python3.13 make run" % (", ".join(sorted(set(unfit))) or "none at all")
    )


def candidates():
    given = os.environ.get("PYTHON")
    if given:
        path = shutil.which(given)
        if path:
            yield path
        else:
            say("PYTHON=%s is no program, looking for others." % given)
    if sys.executable:
        yield sys.executable
    names = ["python" + version for version in VERSIONS] + ["python3", "python"]
    for name in names:
        # Every folder: the first hit may be a shim that answers "not installed".
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            if folder and os.path.exists(os.path.join(folder, name)):
                yield os.path.join(folder, name)
    for folder in installation_folders():
        for version in VERSIONS:
            # 3.13.0, cpython-3.13.1-linux-x86_64-gnu, ...; the newest patch first.
            hits = glob.glob(os.path.join(folder, "*%s*" % version, "bin", "python" + version))
            for path in sorted(hits, key=numbers, reverse=True):
                yield path
    for folder in ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"):
        for name in names:
            yield os.path.join(folder, name)


def installation_folders():
    home = os.path.expanduser("~")
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    variables = (
        ("PYENV_ROOT", os.path.join(home, ".pyenv"), ("versions",)),
        ("ASDF_DATA_DIR", os.path.join(home, ".asdf"), ("installs", "python")),
        ("MISE_DATA_DIR", os.path.join(data, "mise"), ("installs", "python")),
        ("UV_PYTHON_INSTALL_DIR", os.path.join(data, "uv", "python"), ()),
    )
    return [os.path.join(os.environ.get(name) or default, *below) for name, default, below in variables]


def numbers(path):
    name = path.split(os.sep)[-3]
    return [int(part) for part in "".join(c if c.isdigit() else " " for c in name).split()]


def probe(path):
    """Ask an interpreter what it is; None when it does not answer (a broken one, a shim without a version)."""
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")
    }
    try:
        child = subprocess.Popen(
            [path, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        return None
    try:
        output, _ = child.communicate(timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return None
    try:
        version, executable, complete = json.loads(output.decode())
        return (int(version[0]), int(version[1])), str(executable), bool(complete)
    except (ValueError, TypeError, IndexError):
        return None


# --- making and filling the environment


def find_uv():
    for path in (
        shutil.which("uv"),
        os.path.expanduser("~/.local/bin/uv"),
        os.path.expanduser("~/.cargo/bin/uv"),
    ):
        if path and os.access(path, os.X_OK):
            return path
    return None


def make_venv(venv, uv):
    python, version, complete = find_python(uv)
    say("making .venv with Python %d.%d (%s)." % (version + (python,)))
    if complete:
        # With pip inside, also when uv is here: pip is what remains when uv cannot reach its index.
        run([python, "-m", "venv", "--clear", venv])
    else:
        run([uv, "venv", "--quiet", "--clear", "--no-project", "--python", python, venv])


def install(root, venv, name, uv):
    python = venv_python(venv)
    path = os.path.join(root, name)
    say("installing %s with %s." % (name, "uv" if uv else "pip"))
    if uv:
        command = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--require-hashes",
            "--python",
            python,
        ]
        if run([*command, "-r", path], check=not has_pip(venv)):
            return
        say("uv failed, trying pip.")
    run([python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--compile",
         "--require-hashes", "-r", path])  # fmt: skip


def install_examples(root, venv, uv):
    """Install the example plugins as a third party's would be: found by their entry points."""
    python = venv_python(venv)
    for example in EXAMPLES:
        path = os.path.join(root, example)
        if not os.path.isfile(os.path.join(path, "pyproject.toml")):
            continue
        # All that is needed to build it is locked with the rest, so nothing is downloaded.
        options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--editable", path]
        if has_pip(venv):
            run([python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"] + options)
        else:
            run([uv, "pip", "install", "--python", python] + options)


def has_pip(venv):
    return os.path.exists(os.path.join(venv, "bin", "pip"))


def compile_sources(root, venv):
    folders = [os.path.join(root, name) for name in SOURCES if os.path.isdir(os.path.join(root, name))]
    # A file that does not compile (a broken plugin) is reported by whoever loads it.
    if folders:
        run([venv_python(venv), "-m", "compileall", "-q", "-q"] + folders, check=False)


def run(command, check=True):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    # Set on some machines; without compiled files each start takes seconds longer.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    code = subprocess.call(command, stdin=subprocess.DEVNULL, env=environment)
    if check and code != 0:
        raise BootstrapError("this command failed, see above: " + " ".join(command))
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
