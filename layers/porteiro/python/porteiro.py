"""The stores for functions in Python, over the data API: docs/data.md says what each call does."""
import http.client
import json
import os
import threading
import urllib.parse

_local = threading.local()  # A connection for each thread.


class DataError(Exception):
    def __init__(self, status, problem):
        super().__init__(problem.get("detail") or "the data API answered with status %d" % status)
        self.status = status  # 412
        self.code = problem.get("code")  # "conflict"
        self.field = problem.get("field")  # "profile.age", where it is about one.


def _send(method, path, headers, body):
    url = urllib.parse.urlsplit(os.environ["PORTEIRO_DATA_URL"])
    if not hasattr(_local, "connection"):
        _local.connection = http.client.HTTPConnection(url.netloc)
    try:
        _local.connection.request(method, url.path + path, body, headers)
        response = _local.connection.getresponse()
        return response.status, response.headers, response.read()
    except (OSError, http.client.HTTPException):
        del _local.connection
        raise


def _call(method, parts, value=None, expect=None, once=None, query="", has_body=False):
    headers = {"Authorization": "Bearer " + os.environ["PORTEIRO_DATA_TOKEN"]}
    if once:
        headers["Idempotency-Key"] = once
    if expect == "absent":
        headers["If-None-Match"] = "*"
    elif expect is not None:
        headers["If-Match"] = "*" if expect == "present" else '"%s"' % expect
    body = json.dumps(value).encode() if has_body else None
    path = "".join("/" + urllib.parse.quote(str(part), safe="") for part in parts)
    status, fields, text = _send(method, path + query, headers, body)
    value = json.loads(text) if text else {}
    if status >= 300:
        raise DataError(status, value)
    return value, fields.get("ETag", '""')[1:-1]


class Store:
    def __init__(self, name):
        self.name = name

    def read(self, collection, key):
        """(document, version), or (None, None)."""
        try:
            document, version = _call("GET", [self.name, collection, key])
            return document, int(version)
        except DataError as error:
            if error.status == 404 and error.code == "not_found" and not error.field:
                return None, None
            raise

    def get(self, collection, key):
        """The document, or None."""
        return self.read(collection, key)[0]

    def put(self, collection, key, document, expect=None, once=None):
        """{"key", "version"}, or {"repeated"}; expect is "absent", "present" or a version."""
        return _call("PUT", [self.name, collection, key], document, expect, once, has_body=True)[0]

    def append(self, collection, key, field, item, once=None):
        parts = [self.name, collection, key, field]
        return _call("POST", parts, item, None, once, has_body=True)[0]

    def erase(self, collection, key, expect=None, once=None):
        _call("DELETE", [self.name, collection, key], None, expect, once)

    def batch(self, writes, once=None):
        """{"repeated", "versions"}"""
        body = {"writes": writes, "once_key": once} if once else {"writes": writes}
        return _call("POST", [self.name, "batch"], body, has_body=True)[0]

    def query(self, collection, **query):
        """{"records": [{"key", "version", "document"}], "next"}; where, order, limit, after."""
        return _call("POST", [self.name, collection, "query"], query, has_body=True)[0]

    def all(self, collection, **query):
        """Each record of all pages."""
        page = {"next": None}
        while page["next"] is not None or "records" not in page:
            page = self.query(collection, **{**query, "after": page["next"]})
            yield from page["records"]

    def changes(self, after=0, limit=100, wait=0):
        """{"changes": [{"sequence", "collection", "key", "version", "at"}], "next"}"""
        query = "?" + urllib.parse.urlencode({"after": after, "limit": limit, "wait": wait})
        return _call("GET", [self.name, "changes"], query=query)[0]


def store(name):
    return Store(name)


def once(event, effect=None):
    """A once-key: what stays the same when the event, or the record of a batch, comes again."""
    records = event.get("Records")
    one = records[0] if records and len(records) == 1 else event
    id = one.get("messageId") or one.get("requestContext", {}).get("requestId")
    id = id or (one.get("id") if one.get("specversion") else None)
    if not id:
        raise ValueError("the event has no id of its own: give a record of its batch")
    return "%s/%s" % (id, effect) if effect else id
