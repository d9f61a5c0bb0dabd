"""rblx-open-cloud 2.3.0, unmodified, against a Steadfast server.

The client always asks for https://apis.roblox.com. An adapter mounted on its public requests
session sends those requests to STEADFAST_URL instead; nothing else of the client is touched.
Covers what the client does with standard and ordered data stores: all of its recorded requests but
those of memory stores and messages.

One line per check; the first difference ends the run with exit code 1.
"""

import datetime
import json
import os
import sys
import time

import rblxopencloud
from requests.adapters import HTTPAdapter

LIVE = "https://apis.roblox.com"
# Everything else makes some client abort, or retry for ever.
ALLOWED_STATUSES = {200, 204, 400, 401, 403, 404, 409, 412, 429, 500, 502, 504}
# The clocks are those of one machine, but the store's may be a little ahead of it.
CLOCK_SLACK = datetime.timedelta(minutes=1)


class ToOurServer(HTTPAdapter):
    """Sends what is meant for the live service to our server, and keeps what came back."""

    def __init__(self, url):
        super().__init__()
        self.url = url.rstrip("/")
        self.answers = []

    def send(self, request, **kwargs):
        if not request.url.startswith(LIVE + "/"):
            raise AssertionError(f"a request to another host: {request.url}")
        request.url = self.url + request.url[len(LIVE) :]
        # No proxy of the environment finds a server on this machine.
        kwargs["proxies"] = {}
        answer = super().send(request, **kwargs)
        self.answers.append(answer)
        return answer


def passed(what):
    print(f"ok  {what}", flush=True)


def check(what, condition, detail=""):
    if not condition:
        print(f"DIFFERENT  {what}: {detail}", flush=True)
        sys.exit(1)
    passed(what)


def check_equal(what, actual, expected):
    check(what, actual == expected, f"got {actual!r}, expected {expected!r}")


def check_raises(what, kind, status, call):
    """Expects the client's own exception with this HTTP status, and returns it."""
    try:
        result = call()
    except rblxopencloud.HttpException as error:
        if type(error) is not kind or error.status_code != status:
            print(f"DIFFERENT  {what}: got {error!r} with status {error.status_code}", flush=True)
            sys.exit(1)
        passed(what)
        return error
    print(f"DIFFERENT  {what}: no error, but {result!r}", flush=True)
    sys.exit(1)


def check_statuses(what, server, expected):
    statuses = [answer.status_code for answer in server.answers[-len(expected) :]]
    check_equal(what, statuses, expected)


def check_time(what, actual):
    now = datetime.datetime.now(datetime.timezone.utc)
    close = actual.tzinfo is not None and abs(actual - now) < datetime.timedelta(hours=1)
    check(what, close, f"{actual!r} is not about {now!r}")


def set_and_get(store, server):
    """Recorded shapes 1 and 2."""
    before = datetime.datetime.now(datetime.timezone.utc) - CLOCK_SLACK
    check_raises(
        "get from a store that does not exist", rblxopencloud.NotFound, 404,
        lambda: store.get_entry("User_1"),
    )
    value = {"coins": 5, "n": "\u00e9"}
    first = store.set_entry("User_1", value, users=[287113233], metadata={"k": "v"})
    check("set answers with a version", bool(first.version), first)
    check_equal("set answers that the entry is not deleted", first.deleted, False)
    check_equal(
        "set answers with the length of what was sent", first.content_length, len(json.dumps(value))
    )
    check_time("set answers with the version's time", first.created)
    check_equal("a new entry is as old as its version", first.key_created, first.created)
    check("no time is before the run", first.created >= before, first.created)

    got, info = store.get_entry("User_1")
    check_equal("get returns the value", got, value)
    check_equal("get returns the version", info.version, first.version)
    check_equal("get returns the users", info.users, [287113233])
    check_equal("get returns the metadata", info.metadata, {"k": "v"})
    check_equal("get returns the entry's time", info.created, first.key_created)
    check_equal("get returns the version's time", info.updated, first.created)
    check_equal("the entry names its scope where the client looks for it",
                server.answers[-1].json()["path"].split("/")[5], "global")

    check_raises(
        "get of an entry that does not exist", rblxopencloud.NotFound, 404,
        lambda: store.get_entry("User_2"),
    )
    return first


def set_conditionally(store, server, first):
    """Recorded shapes 3, 4 and 5."""
    second = store.set_entry("User_1", {"coins": 7}, previous_version=first.version)
    check("a matching version lets the set through", second.version != first.version, second)
    check_equal("the entry keeps its time", second.key_created, first.key_created)
    check("the version's time goes on", second.created >= first.created, second.created)
    got, info = store.get_entry("User_1")
    check_equal("the new value is there", got, {"coins": 7})
    check_equal("users that are not sent are cleared", info.users, [])
    check_equal("metadata that is not sent is cleared", info.metadata, {})

    for what, version in [("an old version", first.version), ("text that is no version", "zz")]:
        refused = check_raises(
            f"{what} is refused", rblxopencloud.PreconditionFailed, 412,
            lambda version=version: store.set_entry(
                "User_1", {"coins": 0}, users=[1], previous_version=version
            ),
        )
        check_statuses(f"{what} answers 412", server, [412])
        check_equal(f"{what} brings the current value", refused.value, {"coins": 7})
        check_equal(f"{what} brings the current version", refused.info.version, second.version)
        check_equal(f"{what} brings the entry's time", refused.info.created, first.key_created)
        check_equal(f"{what} brings the version's time", refused.info.updated, second.created)
        check_equal(f"{what} brings the current users", refused.info.users, [])
        check_equal(f"{what} brings the current metadata", refused.info.metadata, {})

    # The client creates through v2 and then sets through v1, whatever came of the first call.
    refused = check_raises(
        "exclusive create over an entry is refused", rblxopencloud.PreconditionFailed, 412,
        lambda: store.set_entry("User_1", 1, exclusive_create=True),
    )
    check_statuses("exclusive create over an entry answers 400, then 412", server, [400, 412])
    check_equal("exclusive create brings the current value", refused.value, {"coins": 7})
    # So its own first call makes the second one fail: a fault of the client that must stay one.
    refused = check_raises(
        "exclusive create of a new entry meets what it created itself",
        rblxopencloud.PreconditionFailed, 412,
        lambda: store.set_entry("User_new", 1, exclusive_create=True),
    )
    check_statuses("exclusive create of a new entry answers 200, then 412", server, [200, 412])
    check_equal("exclusive create stored the value", store.get_entry("User_new")[0], 1)
    return second


def get_versions(store, server, first, second):
    """Recorded shapes 10, 11 and 12."""
    got, info = store.get_version("User_1", first.version)
    check_equal("an earlier version has its value", got, {"coins": 5, "n": "\u00e9"})
    check_equal("an earlier version has its users", info.users, [287113233])
    check_equal("an earlier version has its metadata", info.metadata, {"k": "v"})
    check_equal("an earlier version has its own id", info.version, first.version)
    check_equal("an earlier version has its own time", info.updated, first.created)
    check_equal("the version object reads itself", second.get_value()[0], {"coins": 7})

    error = check_raises(
        "text that is no version is not found", rblxopencloud.NotFound, 400,
        lambda: store.get_version("User_1", "xx"),
    )
    check_equal("its message is the one that the client compares",
                error.message, "Invalid version id.")

    # Without a fraction the client writes two zones: `2026-01-01T00:00:00+00:00Z`.
    two_zones = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    try:
        result = store.get_version("User_1", two_zones)
    except rblxopencloud.HttpException as error:
        check_equal("a time with two zones is refused", error.status_code, 400)
    else:
        check("a time with two zones is refused", False, result)
    check("and it was that time", server.answers[-1].request.url.endswith("+00:00Z"))

    # With a fraction the client cuts it off, and the time is a good one.
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
    got, info = store.get_version("User_1", soon.replace(microsecond=1))
    check_equal("a time ahead of now has the current value", got, {"coins": 7})
    check_equal("a time ahead of now has the current version", info.version, second.version)
    long_ago = datetime.datetime(2001, 1, 1, microsecond=1, tzinfo=datetime.timezone.utc)
    check_raises(
        "a time before the entry is not found", rblxopencloud.NotFound, 404,
        lambda: store.get_version("User_1", long_ago),
    )


def increment(store, server):
    """Recorded shape 6."""
    value, first = store.increment_entry("sum", 5, users=[1], metadata={"a": 1})
    check_equal("increment makes what is missing", value, 5)
    check_equal("increment returns the users", first.users, [1])
    check_equal("increment returns the metadata", first.metadata, {"a": 1})
    check_time("increment returns the version's time", first.updated)
    check_equal("an entry that an increment made is as old as its version",
                first.created, first.updated)
    sent = server.answers[-1].request
    check("increment sends no body", not sent.body, sent.body)
    value, second = store.increment_entry("sum", -7)
    check_equal("increment goes below zero", value, -2)
    check("increment makes another version", second.version != first.version, second)
    check_equal("increment leaves the entry its time", second.created, first.created)
    check_equal("users that an increment does not send are cleared", second.users, [])
    check_equal("metadata that an increment does not send is cleared", second.metadata, {})
    got, info = store.get_entry("sum")
    check_equal("get returns the sum", got, -2)
    check_equal("get returns the version of the sum", info.version, second.version)

    def check_code(what, code, key, by):
        check_raises(what, rblxopencloud.HttpException, 400,
                     lambda: store.increment_entry(key, by))
        details = server.answers[-1].json()["errorDetails"]
        check_equal(f"{what}: the code", details[0]["datastoreErrorCode"], code)

    check_code("increment of what is no number is refused", "ExistingValueNotNumeric", "User_1", 1)
    check_code("an amount beyond 64 bits is refused", "IncrementValueTooLarge", "sum", 2**63)
    check_code("so is one below them", "IncrementValueTooSmall", "sum", -(2**63) - 1)
    check_code("a sum below 64 bits is refused", "IncrementValueTooSmall", "sum", -(2**63))
    check_equal("a refused increment changes nothing", store.get_entry("sum")[0], -2)


def remove(store, server):
    """Recorded shape 13."""
    written = store.set_entry("cnt", 5)
    check_equal("remove returns nothing", store.remove_entry("cnt"), None)
    check_equal("remove answers 204", server.answers[-1].status_code, 204)
    check_equal("remove answers without a body", server.answers[-1].content, b"")
    check_raises(
        "a removed entry is not found", rblxopencloud.NotFound, 404,
        lambda: store.get_entry("cnt"),
    )
    check_equal("its earlier version is still there",
                store.get_version("cnt", written.version)[0], 5)
    again = store.set_entry("cnt", 6)
    check_equal("a removed entry can be set again", store.get_entry("cnt")[0], 6)
    check("and goes on to another version", again.version != written.version, again)


def keys_and_scopes(experience, store):
    """Recorded shape 14, and keys that a path could be cut at in the wrong place."""
    for key in ["a/b c", "a:b", "a@b", "u@latest", "x:increment", "a+b", "\u00e9\u20ac"]:
        written = store.set_entry(key, {"key": key})
        got, info = store.get_entry(key)
        check_equal(f"the key `{key}` comes back", got, {"key": key})
        check_equal(f"the key `{key}` has its version", info.version, written.version)
        check_equal(f"the key `{key}` has its version by id",
                    store.get_version(key, written.version)[0], {"key": key})
    any_scope = experience.get_datastore("Player Data", scope=None)
    any_scope.set_entry("season/User_1", "in a scope of its own")
    check_equal("a scope has entries of its own",
                any_scope.get_entry("season/User_1")[0], "in a scope of its own")
    check_equal("and leaves those of others alone", store.get_entry("User_1")[0], {"coins": 7})
    check_equal("the scope in front of a key is the store's own",
                any_scope.get_entry("global/User_1")[0], {"coins": 7})


def values(store):
    """Recorded shape 16, and every other kind of value."""
    kinds = [[1, 2], [], {}, "text", "", 2.5, -3, 0, True, False, 9007199254740993, 1e300,
             {"deep": [[[{"x": None}]]]}, "\u0000\U0001f600\u2028"]
    for value in kinds:
        store.set_entry("k", value)
        check_equal(f"the value {value!r} comes back", store.get_entry("k")[0], value)


def list_keys(experience):
    """Recorded shapes 7, 8, 9 and 15."""
    store = experience.get_datastore("Listed")
    check_equal("a store that does not exist has no keys", list(store.list_keys()), [])
    for number in range(300):
        store.set_entry(f"User_{number:03}", number)
    store.set_entry("other", 0)
    any_scope = experience.get_datastore("Listed", scope=None)
    any_scope.set_entry("season/User_000", 0)
    store.remove_entry("User_150")
    expected = [f"User_{number:03}" for number in range(300) if number != 150]
    keys = list(store.list_keys(prefix="User"))
    check_equal("a prefix lists its keys over two pages", [one.key for one in keys], expected)
    check_equal("and their scope", {one.scope for one in keys}, {"global"})
    check_equal("a limit is kept", [one.key for one in store.list_keys(limit=3)], expected[:3])
    deleted = [one.key for one in store.list_keys(prefix="User", show_deleted=True)]
    check_equal("a deleted key is listed when asked for", len(deleted), 300)
    check("and it is that key", "User_150" in deleted)
    everything = [(one.scope, one.key) for one in any_scope.list_keys()]
    check_equal("all scopes are listed", len(everything), 301)
    check("each with its own", ("season", "User_000") in everything, everything[-3:])


def list_versions(store, server):
    """Recorded shape 9."""
    for number in range(120):
        store.set_entry("listed", number)
    store.remove_entry("listed")
    versions = list(store.list_versions("listed"))
    # The client sends its cursor under a name that nobody knows, gets the first page again, and
    # stops because the cursor is the same: the second page is out of its reach.
    check_equal("the first page is listed, twice", len(versions), 200)
    versions = versions[:100]
    first, second = [answer.json() for answer in server.answers[-2:]]
    check_equal("the same request brings the same page", first, second)
    check("and there is another one", bool(first["nextPageToken"]), first["nextPageToken"])
    check_equal("the newest is first, and deleted", versions[0].deleted, True)
    check_equal("the others are not", {one.deleted for one in versions[1:]}, {False})
    check_equal("a listed version reads its value", versions[1].get_value()[0], 119)
    # The client takes the two times for each other.
    check_time("a listed version has a time", versions[1].key_created)
    check_equal("and the entry's", versions[1].created, versions[99].created)
    ids = [one.version for one in versions]
    check_equal("versions are in order", ids, sorted(ids, reverse=True))
    check_equal("a limit is kept", [one.version for one in store.list_versions("listed", limit=5)],
                ids[:5])
    # The client cuts what is below a microsecond off.
    middle = versions[50].key_created
    upper = middle + datetime.timedelta(microseconds=1)
    after = [one.version for one in store.list_versions("listed", after=middle)]
    check_equal("a lower bound is included", after, ids[:51])
    before = [one.version for one in store.list_versions("listed", before=upper, limit=3)]
    check_equal("so is an upper bound", before, ids[50:53])
    both = list(store.list_versions("listed", after=middle, before=upper))
    check_equal("both bounds together", [one.version for one in both], ids[50:51])


def stores(experience, server):
    """Recorded shapes 17 to 20."""
    experience.get_datastore("Plunder").set_entry("k", 1)
    listed = list(experience.list_datastores(prefix="Pl"))
    check_equal("stores are listed by prefix", [one.name for one in listed],
                ["Player Data", "Plunder"])
    check_time("a store has a time", listed[1].created_at)
    check_equal("a store is active", listed[1].state.name, "Active")

    taken, at = experience.snapshot_datastores()
    check_equal("the first snapshot of the day is taken", taken, True)
    check_time("and has a time", at)
    again, same = experience.snapshot_datastores()
    check_equal("the second one is not", again, False)
    check_equal("and tells the time of the first", same, at)

    store = experience.get_datastore("Plunder")
    store.delete()
    check_equal("delete answers 200 with the store", server.answers[-1].json()["state"], "DELETED")
    check_raises("a deleted store is out of reach", rblxopencloud.NotFound, 404,
                 lambda: store.get_entry("k"))
    check_equal("a deleted store is not listed",
                [one.name for one in experience.list_datastores(prefix="Plu")], [])
    deleted = list(experience.list_datastores(prefix="Plu", show_deleted=True))
    check_equal("unless it is asked for", [one.name for one in deleted], ["Plunder"])
    check_equal("and then as deleted", deleted[0].state.name, "Deleted")
    expires = deleted[0].expires_at - datetime.datetime.now(datetime.timezone.utc)
    check("with its end in 30 days", abs(expires - datetime.timedelta(days=30)) < CLOCK_SLACK,
          deleted[0].expires_at)
    store.undelete()
    check_equal("an undeleted store is there again", store.get_entry("k")[0], 1)


def ordered(experience, server):
    """Recorded shapes 21 to 26."""
    top = experience.get_ordered_datastore("Top")
    check_raises("an ordered entry that does not exist", rblxopencloud.NotFound, 404,
                 lambda: top.get_entry("u1"))
    check_equal("set returns the value", top.set_entry("u1", 10), 10)
    check_equal("get returns it", top.get_entry("u1"), 10)
    error = check_raises("exclusive create over an entry", rblxopencloud.PreconditionFailed, 400,
                         lambda: top.set_entry("u1", 11, exclusive_create=True))
    check_equal("exclusive create of a new one", top.set_entry("u2", 20, exclusive_create=True), 20)
    check_raises("an update of a missing entry", rblxopencloud.NotFound, 404,
                 lambda: top.set_entry("u3", 1, exclusive_update=True))
    check_equal("an update of an existing one", top.set_entry("u2", 21, exclusive_update=True), 21)
    check_equal("increment returns the sum", top.increment_entry("u1", 3), 13)
    check_equal("increment makes what is missing", top.increment_entry("u3", -4), -4)
    for number in range(250):
        top.set_entry(f"p{number:03}", 1000 + number // 2)
    descending = [(one.key, one.value) for one in top.sort_keys()]
    expected = [(f"p{number:03}", 1000 + number // 2) for number in range(250)]
    expected = sorted(expected + [("u1", 13), ("u2", 21), ("u3", -4)],
                      key=lambda one: (one[1], one[0]))
    check_equal("the largest come first, equals in reverse", descending, expected[::-1])
    ascending = [(one.key, one.value) for one in top.sort_keys(descending=False)]
    check_equal("or the smallest", ascending, expected)
    check_equal("over three pages", len(server.answers[-1].json()["entries"]), 53)
    bounded = [one.value for one in top.sort_keys(min=13, max=1000)]
    check_equal("bounds are included", bounded, [1000, 1000, 21, 13])
    check_equal("a limit is kept", len(list(top.sort_keys(limit=7))), 7)
    any_scope = experience.get_ordered_datastore("Top", scope=None)
    check_equal("a scope has entries of its own", any_scope.set_entry("week/u1", 1), 1)
    check_equal("and leaves those of others alone", top.get_entry("u1"), 13)
    check_equal("remove returns nothing", top.remove_entry("u1"), None)
    check_raises("a removed entry is gone", rblxopencloud.NotFound, 404,
                 lambda: top.get_entry("u1"))
    check_equal("removing it again is no fault", top.remove_entry("u1"), None)


def credentials(url):
    """Not in the recordings: what the client makes of a key that is not accepted."""
    wrong = rblxopencloud.ApiKey("not-a-key").get_experience(1).get_datastore("Player Data")
    error = check_raises(
        "a wrong key is refused", rblxopencloud.HttpException, 401,
        lambda: wrong.get_entry("User_1"),
    )
    check("and the client finds the message", bool(error.message), error)


def main():
    server = ToOurServer(os.environ["STEADFAST_URL"])
    rblxopencloud.http_session.mount(LIVE, server)
    # A universe of its own, so that the script runs any number of times on one server.
    universe = time.time_ns() // 1_000_000
    api_key = rblxopencloud.ApiKey(os.environ["STEADFAST_API_KEY"])
    experience = api_key.get_experience(universe)
    store = experience.get_datastore("Player Data")

    first = set_and_get(store, server)
    second = set_conditionally(store, server, first)
    get_versions(store, server, first, second)
    increment(store, server)
    remove(store, server)
    keys_and_scopes(experience, store)
    values(store)
    list_keys(experience)
    list_versions(store, server)
    stores(experience, server)
    ordered(experience, server)
    credentials(server.url)
    statuses = {answer.status_code for answer in server.answers}
    check("no status that clients abort on", statuses <= ALLOWED_STATUSES, statuses)
    check("no fault of the server", not statuses & {500, 502, 504}, statuses)
    print(f"rblx-open-cloud {rblxopencloud.VERSION}: every check passed")


if __name__ == "__main__":
    main()
