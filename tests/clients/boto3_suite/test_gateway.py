"""Requests to the gateway's own routes, signed by botocore for the service execute-api."""
import json
import os
import unittest
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

GATEWAY = os.environ["TEST_GATEWAY"]
KEYS = Credentials("AKIDGATEWAYTEST", "a+secret/of=the+gateway")


def signed(method, path, body=b"", keys=KEYS, service="execute-api", query=False, region="us-east-1"):
    """The request as it goes out."""
    request = AWSRequest(method=method, url=GATEWAY + path, data=body)
    if body:
        request.headers["Content-Type"] = "application/json"
    if query:
        SigV4QueryAuth(keys, service, region, expires=60).add_auth(request)
    else:
        SigV4Auth(keys, service, region).add_auth(request)
    return request.prepare()


def send(prepared, body=None, url=None):
    """(status, what came)."""
    request = urllib.request.Request(
        url or prepared.url, data=body if body is not None else (prepared.body or None),
        headers=dict(prepared.headers), method=prepared.method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


class Gateway(unittest.TestCase):
    def test_signed_requests_are_served(self):
        for path in ("/signed/a", "/signed/a%20b", "/signed/%C3%A9t%C3%A9", "/signed/a~b*c",
                     "/signed/a%2Fb", "/signed/a?tag=1&of=2", "/signed/a?of=2&tag=x%20y%2Bz",
                     "/signed/a?tag=", "/signed/a?tag=%C3%A9&of=a%2Fb%3D"):
            with self.subTest(path):
                self.assertEqual(send(signed("GET", path))[0], 200)
                self.assertEqual(send(signed("GET", path, query=True))[0], 200)
                self.assertEqual(send(signed("POST", path, b'{"a":[1,2]}'))[0], 200)

    def test_what_was_signed_arrives(self):
        status, event = send(signed("POST", "/signed/x%20y?tag=a%2Bb", '{"text":"\u00e9"}'.encode()))
        self.assertEqual(status, 200)
        self.assertEqual(event["path"], {"name": "x y"})
        self.assertEqual(event["query"], {"tag": "a+b"})

    def test_nothing_can_be_changed(self):
        prepared = signed("POST", "/signed/a?tag=1", b'{"a":1}')
        self.assertEqual(send(prepared, body=b'{"a":2}')[0], 401)
        self.assertEqual(send(prepared, url=GATEWAY + "/signed/b?tag=1")[0], 401)
        self.assertEqual(send(prepared, url=GATEWAY + "/signed/a?tag=2")[0], 401)
        self.assertEqual(send(prepared, url=GATEWAY + "/signed/a")[0], 401)
        self.assertEqual(send(prepared, url=GATEWAY + "/signed/b/../a?tag=1")[0], 400)
        self.assertEqual(send(prepared)[0], 200)
        presigned = signed("GET", "/signed/a", query=True)
        self.assertEqual(send(presigned, url=presigned.url + "&tag=1")[0], 401)
        self.assertEqual(send(presigned, url=presigned.url.replace("Expires=60", "Expires=61"))[0], 401)

    def test_who_is_not_known_is_refused(self):
        for keys in (Credentials("AKIDGATEWAYTEST", "another"), Credentials("AKIDNOBODY", KEYS.secret_key)):
            self.assertEqual(send(signed("GET", "/signed/a", keys=keys))[0], 401)
        self.assertEqual(send(signed("GET", "/signed/a", service="sqs"))[0], 401)
        self.assertEqual(send(signed("GET", "/signed/a", region="eu-west-1"))[0], 401)
        self.assertEqual(send(AWSRequest(method="GET", url=GATEWAY + "/signed/a").prepare())[0], 401)


if __name__ == "__main__":
    unittest.main()
