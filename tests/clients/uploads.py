"""Uploads without a credential, and prints the status of each call.

usage: uploads.py TIMES NAME=URL...
"""

import http.client
import sys
from urllib.parse import urlsplit

import httpx
import requests

SIZES = {"60 kB": 60_000, "200 kB": 200_000, "1 MB": 1_000_000, "10 MB": 10_000_000}


def with_http_client(url, body):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("POST", "/generate", body)
    status = connection.getresponse().status
    connection.close()
    return status


def with_requests(url, body):
    return requests.post(f"{url}/generate", data=body, timeout=20).status_code


def with_httpx(url, body):
    return httpx.post(f"{url}/generate", content=body, timeout=20).status_code


def chunked_with_httpx(url, body):
    chunks = (body[at : at + 16_384] for at in range(0, len(body), 16_384))
    return httpx.post(f"{url}/generate", content=chunks, timeout=20).status_code


times = int(sys.argv[1])
for name, url in (arg.split("=", 1) for arg in sys.argv[2:]):
    for upload in (with_http_client, with_requests, with_httpx, chunked_with_httpx):
        for size, length in SIZES.items():
            body, statuses = b"x" * length, []
            for _ in range(times):
                try:
                    statuses.append(upload(url, body))
                except Exception as error:
                    statuses.append(repr(error))
            print(f"{name} {upload.__name__} {size}: {statuses}")
