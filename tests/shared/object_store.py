"""Object storage as of a cloud, on 127.0.0.1: moto's server, which can go away and come back with all it held."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

BUCKET = "products"


@dataclass
class ObjectStore:
    """A server and what a process needs to use it."""

    server: ThreadedMotoServer
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "ada",
            "AWS_SECRET_ACCESS_KEY": "a-secret-word",
            "AWS_DEFAULT_REGION": "eu-central-2",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def away(self) -> None:
        self.server.stop()

    def back(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port)
        self.server.start()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """It ends with the block; this process uses it, too."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    store = ObjectStore(server, server.get_host_and_port()[1])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        S3FileSystem.clear_instance_cache()  # those of a former store know its address
        httpx.post(f"http://127.0.0.1:{store.port}/moto-api/reset").raise_for_status()  # what it holds is the process's, not the server's
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-2"})
        try:
            yield store
        finally:
            store.server.stop()
