"""Calls quickstart with requests and httpx, and prints the status of each call.

usage: http_calls.py URL TOKEN USER PASSWORD
"""

import sys

import httpx
import requests

url, token, user, password = sys.argv[1:]
for client in (requests, httpx):

    def call(name, **how):
        answer = client.post(f"{url}/generate", json={"prompt": "hi"}, **how)
        print(f"{client.__name__} {name}: {answer.status_code} {answer.text}")

    call("bearer", headers={"Authorization": f"Bearer {token}"})
    call("raw basic", headers={"Authorization": f"Basic {token}"})
    call("user", auth=(user, password))
    call("wrong password", auth=(user, password + "x"))
    call("none")
