"""Hooks of schemathesis: spare the token that it calls with, and record the
responses."""

import atexit
import json
import os
import pathlib

import schemathesis

SPARED = os.environ["SPARED"]
seen = set()


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path_parameters.get("id") == SPARED:
        case.path_parameters["id"] = "000000000000"


@schemathesis.hook
def after_call(context, case, response):
    seen.add((f"{case.method} {case.path}", response.status_code))


@atexit.register
def write():
    pathlib.Path(os.environ["SEEN"]).write_text(json.dumps(sorted(seen)))
