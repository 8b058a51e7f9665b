"""Checks the running example `manage` against its OpenAPI document: the document is
valid, and schemathesis finds no response that it does not describe.

usage: check.py URL TOKEN
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import requests
from openapi_spec_validator import validate

HERE = pathlib.Path(__file__).parent
# A schema can't say which valid values the server accepts, such as known scopes.
EXCLUDED_CHECK = "positive_data_acceptance"

url, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}


def whoami():
    answer = requests.get(f"{url}/whoami", headers=headers, timeout=20)
    answer.raise_for_status()
    return answer.json()


document = requests.get(f"{url}/openapi.json", timeout=20).json()
validate(document)
operations = {
    f"{method.upper()} {path}"
    for path, item in document["paths"].items()
    for method in item.keys() - {"parameters"}
}

with tempfile.TemporaryDirectory() as folder:
    # Schemathesis would skip the operation at the URL that it loads the document from.
    saved = pathlib.Path(folder, "openapi.json")
    saved.write_text(json.dumps(document))
    seen = pathlib.Path(folder, "seen.json")
    run = subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("schemathesis"),
            "run",
            *(saved, "--url", url),
            *("-H", f"Authorization: Bearer {token}"),
            *("--checks", "all", "--exclude-checks", EXCLUDED_CHECK, "--continue-on-failure"),
            *("--seed", "20261125", "--max-examples", "60"),
            *("--generation-database", "none", "--no-color"),
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(HERE),
            "SCHEMATHESIS_HOOKS": "hooks",
            "SPARED": whoami()["token_id"],
            "SEEN": str(seen),
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    if run.returncode != 0:
        sys.exit(run.stdout + run.stderr)
    seen = json.loads(seen.read_text())

# Errors alone would conform too.
whoami()
succeeded = {operation for operation, status in seen if 200 <= status < 300}
if missing := operations - succeeded:
    sys.exit(f"never done: {sorted(missing)}\n{run.stdout}")
print(f"{len(operations)} operations conform")
