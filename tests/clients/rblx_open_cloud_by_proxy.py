"""rblx-open-cloud 2.3.0, unmodified and unaware, against a Steadfast server behind its proxy.

Nothing of the client is touched, and it is told nothing: the variables that `steadfast proxy` prints
send it to our server, and make it trust the certificate there. What the client does with entries is
covered by rblx_open_cloud.py; this is about the way.

One line per check; the first difference ends the run with exit code 1.
"""

import os
import sys
import time

import requests
import rblxopencloud

LIVE = "https://apis.roblox.com"
LARGE_SIZE = 1 << 20


def check(what, condition, detail=""):
    if not condition:
        print(f"DIFFERENT  {what}: {detail}", flush=True)
        sys.exit(1)
    print(f"ok  {what}", flush=True)


def check_equal(what, actual, expected):
    check(what, actual == expected, f"got {actual!r}, expected {expected!r}")


def check_way(key):
    """Before anything else: a request must not leave this machine."""
    proxy = os.environ.get("HTTPS_PROXY", "")
    check("the proxy is on this machine", proxy.startswith("http://127.0.0.1:"), proxy)
    status = requests.get(f"{LIVE}/steadfast/v1/admin/status", headers={"x-api-key": key}, timeout=30)
    check_equal("the live service's name leads to our server", status.status_code, 200)
    check("and it says what it is", "version" in status.json(), status.text)
    try:
        answer = requests.get("https://example.com/", timeout=30)
    except requests.exceptions.ProxyError as error:
        check("any other name is refused", "403" in str(error), error)
    else:
        check("any other name is refused", False, answer)


def main():
    key = os.environ["STEADFAST_API_KEY"]
    check_way(key)
    # A universe of its own, so that the script runs any number of times on one server.
    universe = time.time_ns() // 1_000_000
    store = rblxopencloud.ApiKey(key).get_experience(universe).get_datastore("Player Data")

    value = {"coins": 5, "n": "\u00e9"}
    first = store.set_entry("a/b c", value, users=[287113233], metadata={"k": "v"})
    got, info = store.get_entry("a/b c")
    check_equal("a value comes back", got, value)
    check_equal("with its version", info.version, first.version)
    check_equal("with its users", info.users, [287113233])
    check_equal("with its metadata", info.metadata, {"k": "v"})
    large = "x" * LARGE_SIZE
    store.set_entry("large", large)
    check("a large value comes back", store.get_entry("large")[0] == large)

    store.set_entry("a/b c", 2, previous_version=first.version)
    try:
        store.set_entry("a/b c", 3, previous_version=first.version)
    except rblxopencloud.PreconditionFailed as refused:
        check_equal("a refusal brings the current value", refused.value, 2)
        check_equal("and its status", refused.status_code, 412)
    else:
        check("an old version is refused", False)
    store.remove_entry("a/b c")
    try:
        store.get_entry("a/b c")
    except rblxopencloud.NotFound:
        check("a removed entry is not found", True)
    else:
        check("a removed entry is not found", False)
    print(f"rblx-open-cloud {rblxopencloud.VERSION} through the proxy: every check passed")


if __name__ == "__main__":
    main()
