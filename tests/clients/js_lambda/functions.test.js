// Functions, versions, aliases and all that is kept of them.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { waitUntilFunctionActiveV2, waitUntilFunctionUpdatedV2 } from "@aws-sdk/client-lambda";
import { client, code, create, echo, lambda, refused, Role, unique, zip } from "./support.js";

const waiting = { client: lambda, maxWaitTime: 10 };

test("a function's life", async (t) => {
  const FunctionName = await create(t, { Description: "echoes", Timeout: 5,
    Environment: { Variables: { STAGE: "test" } }, Tags: { team: "tests" } });
  await waitUntilFunctionActiveV2(waiting, { FunctionName });
  const got = await lambda.getFunction({ FunctionName });
  assert.equal(got.Configuration.Description, "echoes");
  assert.equal(got.Configuration.Environment.Variables.STAGE, "test");
  assert.equal(got.Configuration.CodeSha256, createHash("sha256").update(echo).digest("base64"));
  assert.deepEqual(got.Tags, { team: "tests" });
  const bytes = Buffer.from(await (await fetch(got.Code.Location)).arrayBuffer());
  assert.ok(bytes.equals(echo));
  await lambda.updateFunctionConfiguration({ FunctionName, MemorySize: 256 });
  await waitUntilFunctionUpdatedV2(waiting, { FunctionName });
  const updated = await lambda.updateFunctionCode(
    { FunctionName, ZipFile: zip({ "index.mjs": "//" }), Publish: true });
  assert.equal(updated.Version, "1");
  assert.equal((await lambda.getFunctionConfiguration({ FunctionName })).MemorySize, 256);
  const names = [];
  for (let Marker; ;) {
    const page = await lambda.listFunctions({ MaxItems: 1, Marker });
    names.push(...page.Functions.map((one) => one.FunctionName));
    Marker = page.NextMarker;
    if (!Marker) break;
  }
  assert.ok(names.includes(FunctionName));
  await lambda.deleteFunction({ FunctionName });
  await refused(lambda.getFunction({ FunctionName }), "ResourceNotFoundException", 404);
});

test("versions and aliases", async (t) => {
  const FunctionName = await create(t);
  const one = await lambda.publishVersion({ FunctionName, Description: "first" });
  assert.equal(one.Version, "1");
  await lambda.updateFunctionCode({ FunctionName, ZipFile: zip({ "index.mjs": "//" }) });
  assert.equal((await lambda.publishVersion({ FunctionName })).Version, "2");
  const { Versions } = await lambda.listVersionsByFunction({ FunctionName });
  assert.deepEqual(Versions.map((version) => version.Version), ["$LATEST", "1", "2"]);
  const alias = await lambda.createAlias({ FunctionName, Name: "live", FunctionVersion: "1" });
  const routed = await lambda.updateAlias({ FunctionName, Name: "live", RevisionId: alias.RevisionId,
    RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } } });
  assert.deepEqual(routed.RoutingConfig.AdditionalVersionWeights, { 2: 0.5 });
  await refused(lambda.updateAlias({ FunctionName, Name: "live", RevisionId: alias.RevisionId }),
    "PreconditionFailedException", 412);
  assert.equal((await lambda.getAlias({ FunctionName, Name: "live" })).FunctionVersion, "1");
  assert.equal((await lambda.listAliases({ FunctionName })).Aliases.length, 1);
  await refused(lambda.deleteFunction({ FunctionName, Qualifier: "1" }),
    "ResourceConflictException", 409);
  await lambda.deleteAlias({ FunctionName, Name: "live" });
  await lambda.deleteFunction({ FunctionName, Qualifier: "1" });
  await refused(lambda.getFunction({ FunctionName, Qualifier: "1" }),
    "ResourceNotFoundException", 404);
});

test("tags, permissions, concurrency and event invoke configs", async (t) => {
  const FunctionName = await create(t);
  const { FunctionArn: Resource } = await lambda.getFunctionConfiguration({ FunctionName });
  await lambda.tagResource({ Resource, Tags: { "a key": "1", b: "2" } });
  await lambda.untagResource({ Resource, TagKeys: ["a key"] });
  assert.deepEqual((await lambda.listTags({ Resource })).Tags, { b: "2" });
  await lambda.addPermission({ FunctionName, StatementId: "s", Action: "lambda:InvokeFunction",
    Principal: "sns.amazonaws.com" });
  assert.equal(JSON.parse((await lambda.getPolicy({ FunctionName })).Policy).Statement.length, 1);
  await lambda.removePermission({ FunctionName, StatementId: "s" });
  await refused(lambda.getPolicy({ FunctionName }), "ResourceNotFoundException", 404);
  await lambda.putFunctionConcurrency({ FunctionName, ReservedConcurrentExecutions: 3 });
  assert.equal(
    (await lambda.getFunctionConcurrency({ FunctionName })).ReservedConcurrentExecutions, 3);
  await lambda.deleteFunctionConcurrency({ FunctionName });
  const put = await lambda.putFunctionEventInvokeConfig({ FunctionName, MaximumRetryAttempts: 1 });
  assert.ok(put.LastModified instanceof Date);
  await lambda.updateFunctionEventInvokeConfig({ FunctionName, MaximumEventAgeInSeconds: 60 });
  const got = await lambda.getFunctionEventInvokeConfig({ FunctionName });
  assert.deepEqual([got.MaximumRetryAttempts, got.MaximumEventAgeInSeconds], [1, 60]);
  const { FunctionEventInvokeConfigs } =
    await lambda.listFunctionEventInvokeConfigs({ FunctionName });
  assert.equal(FunctionEventInvokeConfigs.length, 1);
  await lambda.deleteFunctionEventInvokeConfig({ FunctionName });
  assert.ok((await lambda.getAccountSettings({})).AccountUsage.FunctionCount >= 1);
});

test("what is refused has its class", async (t) => {
  const FunctionName = await create(t);
  const make = (more) => lambda.createFunction({ FunctionName: unique(), Role,
    Runtime: "nodejs22.x", Handler: "index.handler", Code: { ZipFile: echo }, ...more });
  const value = "InvalidParameterValueException";
  await refused(make({ FunctionName }), "ResourceConflictException", 409);
  const { message } = await refused(make({ Runtime: "java21" }), value);
  assert.match(message, /nodejs22\.x, .*python3\.12, .*provided\.al2023/);
  await refused(make({ Code: { S3Bucket: "b", S3Key: "k" } }), value);
  await refused(make({ Code: { ZipFile: Buffer.from("no zip") } }), value);
  await refused(make({ Code: { ZipFile: zip({ "../out": "x" }) } }), value);
  await refused(make({ MemorySize: 127 }), "ValidationException");
  await refused(make({ Environment: { Variables: { BIG: "x".repeat(4096) } } }), value);
  await refused(lambda.invoke({ FunctionName: unique() }), "ResourceNotFoundException", 404);
  await refused(lambda.invoke({ FunctionName, Payload: "{" }), "InvalidRequestContentException");
  await refused(lambda.invoke({ FunctionName, Payload: JSON.stringify("x".repeat(6 << 20)) }),
    "RequestEntityTooLargeException", 413);
  await lambda.putFunctionConcurrency({ FunctionName, ReservedConcurrentExecutions: 0 });
  const error = await refused(lambda.invoke({ FunctionName }), "TooManyRequestsException", 429);
  assert.equal(error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
});

test("a large zip file is taken", async (t) => {
  const noise = Buffer.alloc(20 << 20);
  for (let i = 0, x = 1; i < noise.length; i += 4) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    noise.writeUInt32LE(x, i);
  }
  const file = zip({ "index.mjs": "export const handler = async () => 1;", "noise.bin": noise });
  assert.ok(file.length > 15 << 20);
  const FunctionName = await create(t, { Code: { ZipFile: file } });
  assert.equal((await lambda.getFunctionConfiguration({ FunctionName })).CodeSize, file.length);
});

test("signatures are verified where the config asks for it", async () => {
  const good = client({ endpoint: process.env.TEST_VERIFYING_ENDPOINT });
  assert.deepEqual((await good.listFunctions({})).Functions, []);
  const bad = client({ endpoint: process.env.TEST_VERIFYING_ENDPOINT,
    credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" } });
  await refused(bad.listFunctions({}), "InvalidSignatureException", 403);
});
