// Runs a Node handler: asks the Lambda Runtime API for one invocation after another. Requests are
// written to a socket of their own: an answer and the request for the next invocation go together.
'use strict';
const net = require('net');
const path = require('path');

const env = process.env;
env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs' + process.versions.node.split('.')[0] + '.x';
const api = env.AWS_LAMBDA_RUNTIME_API;
const root = env.LAMBDA_TASK_ROOT || process.cwd();
const virtual = env.PORTEIRO_TIME === 'virtual';
const base = '/2018-06-01/runtime/';
const bytesMax = 6291556;

let socket, waiting, received = Buffer.alloc(0);
const replies = []; // What to do with each answer that is still to come.

function connect(then) {
  const colon = api.lastIndexOf(':');
  socket = net.connect(Number(api.slice(colon + 1)), api.slice(0, colon), then);
  socket.setNoDelay(true);
  socket.on('data', (bytes) => {
    received = received.length ? Buffer.concat([received, bytes]) : bytes;
    read();
  });
  socket.on('error', () => process.exit(1));
  socket.on('close', () => process.exit(1));
}

// Whole answers only: each has a Content-Length.
function read() {
  for (;;) {
    const end = waiting ? 0 : received.indexOf('\r\n\r\n');
    if (end < 0) return;
    if (!waiting) {
      const lines = received.toString('latin1', 0, end).split('\r\n');
      waiting = { status: Number(lines[0].split(' ')[1]), headers: {}, from: end + 4 };
      for (let i = 1; i < lines.length; i++) {
        const at = lines[i].indexOf(':');
        waiting.headers[lines[i].slice(0, at).toLowerCase()] = lines[i].slice(at + 1).trim();
      }
      waiting.to = waiting.from + Number(waiting.headers['content-length'] || 0);
    }
    if (received.length < waiting.to) return;
    const { status, headers, from, to } = waiting;
    const body = received.subarray(from, to);
    received = received.subarray(to);
    waiting = undefined;
    replies.shift()(status, headers, body);
  }
}

function request(method, target, headers, body) {
  let text = method + ' ' + base + target + ' HTTP/1.1\r\nHost: ' + api + '\r\n';
  for (const name in headers) text += name + ': ' + headers[name] + '\r\n';
  if (body !== undefined) text += 'Content-Length: ' + Buffer.byteLength(body) + '\r\n';
  socket.write(text + '\r\n' + (typeof body === 'string' ? body : ''));
  if (body !== undefined && typeof body !== 'string') socket.write(body);
}

function post(target, headers, body) {
  replies.push(() => {});
  request('POST', target, headers, body);
}

function next() {
  replies.push((status, headers, body) => {
    if (status !== 200) {
      console.error('the runtime API gave no invocation: ' + status);
      process.exit(1);
    }
    run(headers, body);
  });
  request('GET', 'invocation/next');
  socket.ref();
}

function describe(error, type) {
  if (!(error instanceof Error)) {
    return { errorType: type || typeof error, errorMessage: String(error), trace: [] };
  }
  const text = (error.stack || String(error)).split('\n');
  return { errorType: type || error.name, errorMessage: error.message, trace: text };
}

const typeHeader = (object) => ({
  'Content-Type': 'application/json',
  'Lambda-Runtime-Function-Error-Type': object.errorType.replace(/[^\w.]/g, '_'),
});

// What a handler is doing now; null between invocations.
let current = null;

// The last of an invocation: its answer, and the question for the next one, in one write.
function finish(invocation, target, headers, body) {
  if (current !== invocation) return;
  current = null;
  socket.cork();
  post('invocation/' + invocation.id + '/' + target, headers, body);
  next();
  socket.uncork();
}

function succeed(invocation, value) {
  let body;
  try {
    body = JSON.stringify(value === undefined ? null : value);
    if (body === undefined) body = 'null';
  } catch (error) {
    return fail(invocation, error, 'Runtime.MarshalError');
  }
  if (Buffer.byteLength(body) > bytesMax) {
    const text = 'Response payload size exceeded maximum allowed payload size (' + bytesMax;
    return fail(invocation, new Error(text + ' bytes).'), 'Function.ResponseSizeTooLarge');
  }
  finish(invocation, 'response', { 'Content-Type': 'application/json' }, body);
}

function fail(invocation, error, type) {
  const object = describe(error, type);
  console.error('Invoke Error\t' + JSON.stringify(object));
  finish(invocation, 'error', typeHeader(object), JSON.stringify(object));
}

function contextOf(invocation, headers) {
  const parse = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const end = (value) => succeed(invocation, value);
  return {
    get callbackWaitsForEmptyEventLoop() { return invocation.waits; },
    set callbackWaitsForEmptyEventLoop(value) { invocation.waits = value; },
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: invocation.id,
    clientContext: parse('lambda-runtime-client-context'),
    identity: parse('lambda-runtime-cognito-identity'),
    // Ours: a function that takes time and chance from here does the same again in simulation.
    nowMs: invocation.now,
    seed: Number(headers['porteiro-seed']),
    // In virtual time none passes while a function works.
    getRemainingTimeInMillis: () => invocation.deadline - (virtual ? invocation.now : Date.now()),
    done: (error, value) => (error ? fail(invocation, error) : end(value)),
    fail: (error) => fail(invocation, error),
    succeed: end,
  };
}

let handler;

function run(headers, body) {
  const invocation = {
    id: headers['lambda-runtime-aws-request-id'],
    deadline: Number(headers['lambda-runtime-deadline-ms']),
    now: Number(headers['porteiro-now-ms']),
    waits: true,
    ended: null,    // Set by a callback that waits until nothing else is to be done.
    promised: false,
  };
  current = invocation;
  env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] || '';
  socket.unref(); // So that it shows when nothing else is to be done.
  let event;
  try {
    event = JSON.parse(body.toString());
  } catch (error) {
    return fail(invocation, error, 'Runtime.UnmarshalError');
  }
  const callback = (error, value) => {
    if (current !== invocation) return;
    const end = () => (error ? fail(invocation, error) : succeed(invocation, value));
    if (invocation.waits && !error) invocation.ended = end;
    else end();
  };
  try {
    const context = contextOf(invocation, headers);
    if (handler[streaming]) return runStreaming(invocation, event, context);
    const result = handler(event, context, callback);
    if (result && typeof result.then === 'function') {
      invocation.promised = true;
      result.then((value) => succeed(invocation, value), (error) => fail(invocation, error));
    }
  } catch (error) {
    fail(invocation, error);
  }
}

process.on('beforeExit', () => {
  const invocation = current;
  if (invocation === null) return;
  if (invocation.ended) return invocation.ended();
  if (!invocation.promised) return succeed(invocation, null);
  const text = 'the handler\'s promise is not settled, and nothing is left to be done';
  fail(invocation, new Error(text), 'Runtime.NodeJsExit');
});

// Response streaming: the whole stream is one answer here.
const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');

function runStreaming(invocation, event, context) {
  const { Writable } = require('stream');
  const chunks = [];
  let type = 'application/octet-stream';
  const stream = new Writable({
    write(chunk, encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  stream.setContentType = (value) => { type = value; };
  stream.on('finish', () => finish(invocation, 'response', {
    'Content-Type': type, 'Lambda-Runtime-Function-Response-Mode': 'streaming',
  }, Buffer.concat(chunks)));
  stream.on('error', (error) => fail(invocation, error));
  const result = handler(event, stream, context);
  if (!result || typeof result.then !== 'function') return;
  invocation.promised = true;
  result.then(undefined, (error) => fail(invocation, error));
}

globalThis.awslambda = {
  streamifyResponse(handle) {
    handle[streaming] = 'response';
    return handle;
  },
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream.write(JSON.stringify(metadata));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

function typed(type, text) {
  const error = new Error(text);
  error.name = type;
  return error;
}

// "dir/index.handler": of the code folder, or of a layer in NODE_PATH.
async function load(name) {
  const file = path.basename(name || '');
  const dot = file.indexOf('.');
  if (dot <= 0 || dot + 1 === file.length) throw typed('Runtime.MalformedHandlerName', 'Bad handler');
  const module = path.join(path.dirname(name), file.slice(0, dot));
  let exported;
  try {
    exported = await loadModule(path.resolve(root, module));
  } catch (error) {
    const missing = error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND');
    if (missing) error.name = 'Runtime.ImportModuleError';
    else if (error instanceof SyntaxError) error.name = 'Runtime.UserCodeSyntaxError';
    throw error;
  }
  let found = exported;
  for (const part of file.slice(dot + 1).split('.')) found = found == null ? found : found[part];
  if (found === undefined && exported.default) found = exported.default[file.slice(dot + 1)];
  if (found === undefined) {
    throw typed('Runtime.HandlerNotFound', name + ' is undefined or not exported');
  }
  if (typeof found !== 'function') {
    throw typed('Runtime.HandlerNotFound', name + ' is not a function');
  }
  return found;
}

async function loadModule(file) {
  const url = (it) => require('url').pathToFileURL(it).href;
  const fs = require('fs');
  if (fs.existsSync(file + '.mjs') && !fs.existsSync(file + '.js')) return import(url(file + '.mjs'));
  try {
    return require(fs.existsSync(file + '.cjs') ? file + '.cjs' : file);
  } catch (error) {
    if (!error || error.code !== 'ERR_REQUIRE_ESM') throw error;
    return import(url(require.resolve(file)));
  }
}

for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => {
    const known = event === 'unhandledRejection' ? 'Runtime.UnhandledPromiseRejection' : undefined;
    const object = describe(error, known);
    console.error(event + '\t' + JSON.stringify(object));
    const target = current === null ? 'init/error' : 'invocation/' + current.id + '/error';
    const end = () => process.exit(event === 'unhandledRejection' ? 128 : 129);
    replies.push(end);
    request('POST', target, typeHeader(object), JSON.stringify(object));
    socket.ref();
  });
}

connect(() => {
  load(env._HANDLER).then((found) => {
    handler = found;
    next();
  }).catch((error) => {
    const object = describe(error);
    console.error('Init Error\t' + JSON.stringify(object));
    replies.push(() => process.exit(1));
    request('POST', 'init/error', typeHeader(object), JSON.stringify(object));
  });
});
