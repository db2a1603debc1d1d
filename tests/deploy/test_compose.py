"""deploy/ as it is written: images pinned, no secrets inside, volumes, health checks; what ships into the image."""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.__main__ import parser
from dashboard.settings import Settings
from dashboard.variables import VARIABLES, given

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OURS = ("page-1", "page-2", "worker-1", "worker-2")


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_what_is_composed(compose: Any) -> None:
    assert set(compose["services"]) == {*OURS, "proxy", "database", "storage", "bucket"}
    assert [compose["services"][name]["command"][1] for name in OURS] == ["serve", "serve", "worker", "worker"]


def test_images_are_pinned(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-z/-]+:\D*\d.*", service["image"]), f"{name}: {service['image']}"
    assert {service["image"] for name, service in compose["services"].items() if name in OURS} == {"integral-dashboard:0.1.0"}


def test_no_secret_is_written_down(compose: Any) -> None:
    names = re.compile("(?i)password|secret|token|_key$|credential|database$")
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not names.search(name.removesuffix("_FILE")) or value.startswith("/run/secrets/"), name
        used = set(re.findall(r"/run/secrets/(\w+)", str(service)))
        assert used <= set(service.get("secrets", [])) <= set(compose["secrets"]), "what is read is handed over"
    assert all(about == {"file": f"./secrets/{name}"} for name, about in compose["secrets"].items())
    ignored = subprocess.run(["git", "check-ignore", "deploy/secrets/key"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.returncode in (0, 128), "128: this is no checkout"


def test_what_keeps_something_has_a_volume_of_its_own_and_a_health_check(compose: Any) -> None:
    volumes: list[str] = []
    for name, service in compose["services"].items():
        if name != "bucket":
            volumes += [volume.partition(":")[0] for volume in service["volumes"] if not volume.startswith("./")]
            assert "healthcheck" in service or name.startswith("page"), f"{name}: that of the pages stands in the Dockerfile"
            assert service["restart"] == "unless-stopped"
    assert sorted(volumes) == sorted(compose["volumes"]), "each by one alone"


def test_our_containers_may_do_little_and_are_given_time_to_end(compose: Any) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert (service["read_only"], service["init"], service["cap_drop"], service["tmpfs"]) == (True, True, ["ALL"], ["/tmp"])
        assert service["stop_grace_period"] == "20s"


def test_our_settings_and_commands_are_such(compose: Any, tmp_path: Path) -> None:
    known = {name for variable in VARIABLES for name in variable.names}
    subprocess.run([DEPLOY / "make-secrets", tmp_path / "secrets"], check=True)
    for name in OURS:
        service = compose["services"][name]
        environment = {key: str(value).replace("/run/secrets", str(tmp_path / "secrets")) for key, value in service["environment"].items()}
        assert {key for key in environment if not key.startswith("AWS_")} <= known
        settings = Settings.from_environment({"HOME": "/tmp", **environment})
        assert (settings.shared, settings.workers, settings.storage_url) == (True, 0, "s3://products/dashboard")
        assert settings.key
        assert settings.metrics_token
        options = parser().parse_args(service["command"][1:])
        assert name.startswith("worker") or options.everyone
        assert options.command == ("serve" if name.startswith("page") else "worker")


def test_no_port_is_published_to_other_machines(compose: Any) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8080:80"]


def test_secrets_are_made_once_and_are_different(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([DEPLOY / "make-secrets", folder], check=True)
        made = {path.name: path.read_text() for path in folder.iterdir()}
        (folder / "key").chmod(0o444)
    assert made == {path.name: path.read_text() for path in folder.iterdir()}
    assert len({made[name] for name in ("key", "metrics_token", "database_password", "storage_password")}) == 4
    assert made["database_password"] in made["database_url"]
    assert made["storage_password"] in made["storage_credentials"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert given({"INTEGRAL_DASHBOARD_KEY_FILE": str(folder / "key")}) == {"INTEGRAL_DASHBOARD_KEY": made["key"]}


def test_the_proxy_passes_websockets_and_keeps_visitors_where_they_are(compose: Any) -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    assert re.findall(r"server (\S+):5006", text) == ["page-1", "page-2"]
    for words in ("ip_hash;", "proxy_http_version 1.1;", "Upgrade $http_upgrade;", "Connection $connection_upgrade;", "Host $http_host;"):
        assert words in text
    [form] = re.findall(r"log_format brief (.*);", text)
    assert not {"$request", "$request_uri", "$args", "$query_string", "$http_referer"} & set(re.findall(r"\$\w+", form))
    assert "./nginx.conf:/etc/nginx/nginx.conf:ro" in compose["services"]["proxy"]["volumes"]


def test_the_image_is_locked_runs_as_nobody_special_and_is_tried_by_the_script() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    assert "--require-hashes -r requirements.lock" in text
    final = text[text.rindex("\nFROM ") :]
    lines = re.findall(r"^(\w+) (.*)$", final, re.M)
    words = [word for word, _ in lines]
    assert words.index("USER") < words.index("CMD")
    assert dict(lines)["USER"] != "root"
    assert "pip" not in " ".join(rest for word, rest in lines if word in ("RUN", "CMD"))
    assert dict(lines)["VOLUME"] == "/data"
    assert "/health" in dict(lines)["HEALTHCHECK"]
    subprocess.run(["bash", "-n", DEPLOY / "build"], check=True)


def test_nothing_but_the_program_goes_into_the_image() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == {
        *("requirements.lock", "pyproject.toml", "README.md", "LICENSE"),
        *("assets", "components", "dashboard", "docs", "integral_dashboard"),
    }


def test_unit_files_in_the_documentation_start_commands_that_exist() -> None:
    text = (ROOT / "docs/deploying.md").read_text()
    commands = re.findall(r"ExecStart=\S+/integral-dashboard (.*)", text)
    assert len(commands) >= 2
    for command in commands:
        assert parser().parse_args(shlex.split(command)).act
