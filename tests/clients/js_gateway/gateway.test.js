// Requests to the gateway's own routes, signed by AWS's signer for JavaScript, for the service execute-api.
import assert from "node:assert/strict";
import { request as send } from "node:http";
import test from "node:test";
import { Sha256 } from "@aws-crypto/sha256-js";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";

const gateway = new URL(process.env.TEST_GATEWAY);
const credentials = { accessKeyId: "AKIDGATEWAYTEST", secretAccessKey: "a+secret/of=the+gateway" };

const signer = (options = {}) => new SignatureV4({
  credentials, region: "us-east-1", service: "execute-api", sha256: Sha256, ...options });

const request = (method, path, { query = {}, body } = {}) => new HttpRequest({
  method, protocol: gateway.protocol, hostname: gateway.hostname, port: Number(gateway.port), path, query, body,
  headers: { host: gateway.host, ...(body ? { "content-type": "application/json" } : {}) } });

const sign = (what, options) => signer(options).sign(what);
const presign = (what, options) => signer(options).presign(what, { expiresIn: 60 });

// As it is, unlike fetch, which tidies paths. {status, json}.
function sent({ method, path, query, headers, body }) {
  const pairs = Object.entries(query).map(([name, value]) =>
    encodeURIComponent(name) + "=" + encodeURIComponent(value));
  return new Promise((resolve, reject) => {
    const going = send({ host: gateway.hostname, port: gateway.port, method, headers,
      path: path + (pairs.length > 0 ? "?" + pairs.join("&") : "") }, (reply) => {
      const chunks = [];
      reply.on("data", (chunk) => chunks.push(chunk));
      reply.on("end", () =>
        resolve({ status: reply.statusCode, json: JSON.parse(Buffer.concat(chunks).toString()) }));
    });
    going.on("error", reject);
    going.end(body);
  });
}
const status = async (what) => (await sent(what)).status;

test("signed requests are served, in both forms", async () => {
  const requests = [
    ["/signed/a"], ["/signed/a%20b"], ["/signed/%C3%A9t%C3%A9"], ["/signed/a~b"], ["/signed/a%2Fb"],
    ["/signed/a", { tag: "1", of: "2" }], ["/signed/a", { of: "2", tag: "x y+z" }], ["/signed/a", { tag: "" }],
    ["/signed/a", { tag: "\u00e9", of: "a/b=" }]];
  for (const [path, query] of requests) {
    const what = `${path} ${JSON.stringify(query)}`;
    assert.equal(await status(await sign(request("GET", path, { query }))), 200, what);
    assert.equal(await status(await presign(request("GET", path, { query }))), 200, what);
    assert.equal(await status(await sign(request("POST", path, { query, body: '{"a":[1,2]}' }))), 200, what);
  }
});

test("what was signed arrives", async () => {
  const { json } = await sent(await sign(
    request("POST", "/signed/x%20y", { query: { tag: "a+b" }, body: '{"text":"\u00e9"}' })));
  assert.deepEqual(json.path, { name: "x y" });
  assert.deepEqual(json.query, { tag: "a+b" });
});

test("nothing can be changed", async () => {
  const signed = await sign(request("POST", "/signed/a", { query: { tag: "1" }, body: '{"a":1}' }));
  const changed = (changes) => status({ ...signed, ...changes });
  assert.equal(await changed({ body: '{"a":2}' }), 401);
  assert.equal(await changed({ path: "/signed/b" }), 401);
  assert.equal(await changed({ query: { tag: "2" } }), 401);
  assert.equal(await changed({ query: {} }), 401);
  assert.equal(await changed({ path: "/signed/b/../a" }), 400);
  assert.equal(await changed({ headers: { ...signed.headers, host: "other.example" } }), 401);
  const other = signed.headers.authorization.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
  assert.equal(await changed({ headers: { ...signed.headers, authorization: other } }), 401);
  assert.equal(await changed({}), 200);
  const presigned = await presign(request("GET", "/signed/a"));
  assert.equal(await status({ ...presigned, query: { ...presigned.query, tag: "1" } }), 401);
  assert.equal(await status({ ...presigned, query: { ...presigned.query, "X-Amz-Expires": "61" } }), 401);
  assert.equal(await status(presigned), 200);
});

test("who is not known, or signs at another time, is refused", async () => {
  const get = () => request("GET", "/signed/a");
  const refused = [
    { credentials: { ...credentials, secretAccessKey: "another" } },
    { credentials: { ...credentials, accessKeyId: "AKIDNOBODY" } },
    { service: "sqs" }, { region: "eu-west-1" }];
  for (const options of refused) {
    assert.equal(await status(await sign(get(), options)), 401, JSON.stringify(options));
    assert.equal(await status(await presign(get(), options)), 401, JSON.stringify(options));
  }
  const anHourAgo = new Date(Date.now() - 3600_000);
  assert.equal(await status(await signer().sign(get(), { signingDate: anHourAgo })), 401);
  assert.equal(await status(await signer().presign(get(), { signingDate: anHourAgo, expiresIn: 60 })), 401);
  assert.equal(await status(get()), 401);
});
