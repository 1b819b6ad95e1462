-- wrk: POST of 300 bytes, for the echo server.
wrk.method = "POST"
wrk.body = string.rep("x", 300)
