"""The main job from start to end: a service generated, trained on real data, served, asked, stopped."""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parent
START_S = 60.0
"""How long the service may take until it is ready, in seconds."""


def say(text: str) -> None:
    """Print a heading of the demo."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def run(*command: str, cwd: Path = ROOT) -> None:
    """Show a command and run it; the demo ends with its exit code when it fails."""
    print(f"$ {' '.join(command)}", flush=True)
    done = subprocess.run(command, cwd=cwd, check=False)
    if done.returncode:
        sys.exit(f"demo: `{' '.join(command)}` in {cwd} ended with {done.returncode}")


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, body: object = None) -> str:
    """GET `url`, or POST `body` to it as JSON; the answer's text."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> float:
    """Seconds until the service says that it is ready."""
    started = time.monotonic()
    while time.monotonic() - started < START_S:
        if server.poll() is not None:
            sys.exit(f"demo: the service ended with {server.returncode} before it was ready")
        try:
            ask(f"{url}/v2/health/ready")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return time.monotonic() - started
    sys.exit(f"demo: the service was not ready after {START_S:.0f} s")


def serve_and_ask(service: Path) -> None:
    """Start the service, ask it for a prediction, show its metrics, stop it."""
    signature = json.loads((service / "model" / "signature.json").read_text())
    row = {column["name"]: column["example"] for column in signature["inputs"]}
    url = f"http://127.0.0.1:{free_port()}"
    environment = {**os.environ, "SERVICE_PORT": url.rsplit(":", 1)[1]}
    command = [str(service / ".venv" / "bin" / "python"), "-m", f"{service.name.replace('-', '_')}.serve"]
    print(f"$ SERVICE_PORT={environment['SERVICE_PORT']} {' '.join(command)}", flush=True)
    server = subprocess.Popen(command, cwd=service, env=environment, stdout=subprocess.DEVNULL)
    try:
        print(f"ready after {wait_until_ready(url, server):.1f} s")
        say(f"A prediction: POST {url}/predict")
        print(json.dumps(row, indent=2))
        print(json.dumps(json.loads(ask(f"{url}/predict", row)), indent=2))
        say(f"Its metrics: GET {url}/metrics")
        lines = ask(f"{url}/metrics").splitlines()
        shown = ("predictions_total", "model_info", "feature_age_seconds", "prediction_duration_seconds_sum")
        print("\n".join(line for line in lines if line.startswith(shown)))
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=30)
    print(f"stopped, exit code {code}")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", type=Path, help="folder of the service; an earlier one is replaced")
    service: Path = parser.parse_args().service.absolute()
    generated = (service / ".copier-answers.yml").exists() and not (service / ".git").exists()
    if service.exists() and not generated:
        sys.exit(f"demo: {service} is no service of an earlier demo; name another folder")
    shutil.rmtree(service, ignore_errors=True)

    say("1. Generate the default service")
    run(sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", str(ROOT), str(service))
    print(f"{sum(path.is_file() for path in service.rglob('*'))} files in {service}")
    say("2. Install it")
    run("make", "--silent", "setup", cwd=service)
    say("3. Train it on the flights of 2013")
    run("make", "--silent", "train", cwd=service)
    say("4. Serve it and ask")
    serve_and_ask(service)
    say("Where to look next")
    print(
        f"""\
  {service}/README.md                the service's own door; `make` there lists its commands
  {service}/model/MODEL_CARD.md      what was trained, how good it is, with plots
  {service}/docs/decisions/README.md which decisions shaped it, and why
  {service}/src/{service.name.replace("-", "_")}/domain/  the folder a team replaces"""
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("demo: interrupted")
