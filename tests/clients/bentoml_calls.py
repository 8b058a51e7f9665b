"""Calls deployments with the reference system's own client, and prints what it came to.

usage: bentoml_calls.py URL GOOD OTHER ENDING REVOKE_URL ADMIN
"""

import sys

import bentoml
import httpx
from bentoml.exceptions import BentoMLException

url, good, other, ending, revoke, admin = sys.argv[1:]


def client(deployment, token):
    # Without a time to wait, it does not ask `/readyz` until that is well.
    return bentoml.SyncHTTPClient(f"{url}/apps/{deployment}", token=token, server_ready_timeout=0)


def call(name, deployment, token):
    try:
        with client(deployment, token) as service:
            assert service.is_ready()
            print(f"{name}: {service.generate(prompt='hi')['text']}")
    except BentoMLException as error:
        print(f"{name}: {error}")


with bentoml.SyncHTTPClient(f"{url}/apps/demo", token=good) as waited:
    assert waited.generate("hi", 100) == waited.generate(prompt="hi")
call("good", "demo", good)
call("public", "hello", None)
call("none", "demo", None)
call("wrong", "demo", good + "x")
call("other scope", "demo", other)
with client("demo", ending) as service:
    print(f"before: {service.generate(prompt='hi')['text']}")
    httpx.post(revoke, json={}, headers={"authorization": f"Bearer {admin}"}).raise_for_status()
    try:
        service.generate(prompt="hi")
    except BentoMLException as error:
        print(f"revoked: {error.error_code.value}")
