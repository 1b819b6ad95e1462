#!/usr/bin/env python3
"""polls.py HOST:PORT QUEUE-URL COUNT: opens COUNT connections, each with one ReceiveMessage that waits
20 s, prints "waiting" when all are sent, and closes them when its input ends."""
import json
import socket
import sys

address, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
host, port = address.split(":")
body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20, "MaxNumberOfMessages": 1})
request = (
    f"POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.0\r\n"
    f"X-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: {len(body)}\r\n\r\n{body}"
).encode()
connections = []
for _ in range(count):
    connection = socket.create_connection((host, int(port)))
    connection.sendall(request)
    connections.append(connection)
print("waiting", flush=True)
sys.stdin.read()
