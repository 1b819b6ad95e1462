// Runs a Node handler: asks the Lambda Runtime API for one invocation after another. Requests are
// written to a socket of their own: an answer and the request for the next invocation go together.
'use strict';
{ // A scope of its own, whose names a handler's code does not find.
const require = globalThis.require;
const fs = require('fs');
const net = require('net');
const path = require('path');
const util = require('util');

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
      log('ERROR', 'the runtime API gave no invocation: ' + status);
      process.exit(1);
    }
    run(headers, body);
  });
  request('GET', 'invocation/next');
  socket.ref();
}

// A line of the log in AWS's format. Before the first invocation its id is `undefined`, as there.
// In virtual time a line has the time of its invocation: the machine's is never the same again.
let requestId;
let requestTime = 0;

function log(level, ...words) {
  const time = (virtual ? new Date(requestTime) : new Date()).toISOString();
  process.stdout.write(`${time}\t${requestId}\t${level}\t${util.format(...words)}\n`);
}

for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) {
  console[level] = (...words) => log(level.toUpperCase(), ...words);
}
console.log = console.info;

// An error of AWS's types. With a cause it says where that came from.
function typed(type, text, cause) {
  const error = new Error(text);
  Object.defineProperty(error, 'name', { value: type });
  Error.captureStackTrace(error, typed);
  if (cause) error.stack = `${type}: ${text}\n${cause.stack}`;
  return error;
}

const isText = (value) => typeof value === 'string' && value !== '';
const isError = (value) => util.types.isNativeError(value) ||
  Boolean(value && isText(value.name) && isText(value.message) && isText(value.stack));

// What the Runtime API is told of anything that was thrown.
function describe(error) {
  try {
    const object = isError(error)
      ? { errorType: error.name, errorMessage: error.message, trace: error.stack.split('\n') }
      : { errorType: typeof error, errorMessage: error.toString(), trace: [] };
    if (typeof object.errorType === 'string' && typeof object.errorMessage === 'string') {
      return { type: object.errorType, body: JSON.stringify(object) };
    }
  } catch {} // Members of the error may do anything.
  const errorMessage = 'callback called with Error argument, but there was a problem while ' +
    'retrieving one or more of its message, name, and stack';
  return { type: 'handled', body: JSON.stringify({ errorType: 'handled', errorMessage }) };
}

// What the log is told of it: with an error's own members, and with errors in them.
function logError(what, error) {
  const open = (key, value) => {
    if (!(value instanceof Error)) return value;
    const { name: errorType, message: errorMessage, code, cause, stack } = value;
    return { errorType, errorMessage, code, cause, ...value, stack: String(stack).split('\n') };
  };
  let text;
  try {
    text = JSON.stringify(error instanceof Error ? error : new Error(error), open);
  } catch {
    text = describe(error).body;
  }
  log('ERROR', what, '\t' + text);
}

function errorRequest(target, error) {
  const { type, body } = describe(error);
  return [target, {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': type.slice(0, 256).replace(/[^\w.]/g, '_'),
  }, body];
}

// What a handler is doing now; null between invocations.
let current = null;

// The last of an invocation: its answer, and the question for the next one, in one write.
function finish(invocation, target, headers, body) {
  if (current !== invocation || ending) return;
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
  } catch (cause) {
    return fail(invocation, new Error('Unable to stringify response body', { cause }));
  }
  if (Buffer.byteLength(body) > bytesMax) {
    const text = 'Response payload size exceeded maximum allowed payload size (' + bytesMax;
    return fail(invocation, typed('Function.ResponseSizeTooLarge', text + ' bytes).'));
  }
  finish(invocation, 'response', { 'Content-Type': 'application/json' }, body);
}

const isNothing = (value) => value === undefined || value === null;

function fail(invocation, error) {
  if (current !== invocation || ending) return;
  const what = isNothing(error) ? 'handled' : error;
  logError('Invoke Error', what);
  finish(invocation, ...errorRequest('error', what));
}

// The ways to end an invocation: the first of them that is called counts.
function endsOf(invocation) {
  let called = false;
  const first = (end) => (...words) => {
    if (called) return;
    called = true;
    end(...words);
  };
  const done = (error, value) => {
    if (isNothing(error)) succeed(invocation, value);
    else fail(invocation, error);
  };
  return {
    callback: first((error, value) => {
      if (isNothing(error) && invocation.waits) invocation.ended = () => succeed(invocation, value);
      else done(error, value);
    }),
    done: first(done),
    fail: first((error) => fail(invocation, error)),
    succeed: first((value) => succeed(invocation, value)),
  };
}

function contextOf(invocation, headers, ends) {
  const parse = (name, header) => {
    if (!headers[header]) return undefined;
    try {
      return JSON.parse(headers[header]);
    } catch (error) {
      throw new Error(`Cannot parse ${name} as json: ${error}`);
    }
  };
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
    clientContext: parse('ClientContext', 'lambda-runtime-client-context'),
    identity: parse('CognitoIdentity', 'lambda-runtime-cognito-identity'),
    // Ours: a function that takes time and chance from here does the same again in simulation.
    nowMs: invocation.now,
    seed: Number(headers['porteiro-seed']),
    // In virtual time none passes while a function works.
    getRemainingTimeInMillis: () => invocation.deadline - (virtual ? invocation.now : Date.now()),
    done: ends.done,
    fail: ends.fail,
    succeed: ends.succeed,
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
  requestId = invocation.id;
  requestTime = invocation.now;
  const trace = headers['lambda-runtime-trace-id'];
  if (trace) env._X_AMZN_TRACE_ID = trace;
  else delete env._X_AMZN_TRACE_ID;
  socket.unref(); // So that it shows when nothing else is to be done.
  let event;
  try {
    event = JSON.parse(body.toString());
  } catch (error) {
    return fail(invocation, typed('Runtime.UnmarshalError', error.message, error));
  }
  const ends = endsOf(invocation);
  try {
    const context = contextOf(invocation, headers, ends);
    if (handler[streaming]) return runStreaming(invocation, event, context);
    const result = handler(event, context, ends.callback);
    if (result && typeof result.then === 'function') {
      invocation.promised = true;
      result.then(ends.succeed, ends.fail);
    }
  } catch (error) {
    ends.callback(error);
  }
}

process.on('beforeExit', () => {
  const invocation = current;
  if (invocation === null) return;
  if (invocation.ended) return invocation.ended();
  if (!invocation.promised) return succeed(invocation, null);
  const text = 'the handler\'s promise is not settled, and nothing is left to be done';
  fail(invocation, typed('Runtime.NodeJsExit', text));
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

// "dir/index.handler", of the code folder.
async function load(name) {
  const file = path.basename(name);
  const dot = file.indexOf('.');
  const malformed = (text) => typed('Runtime.MalformedHandlerName', text);
  if (name.includes('..')) {
    throw malformed(`'${name}' is not a valid handler name. Use absolute paths when specifying ` +
      'root directories in handler names.');
  }
  if (dot <= 0 || dot + 1 === file.length) throw malformed('Bad handler');
  let found;
  try {
    found = await loadModule(path.dirname(name), file.slice(0, dot));
  } catch (error) {
    if (error instanceof SyntaxError) throw typed('Runtime.UserCodeSyntaxError', `${error}`, error);
    if (!error || error.code !== 'MODULE_NOT_FOUND') throw error;
    throw typed('Runtime.ImportModuleError', `${error}`, error);
  }
  for (const part of file.slice(dot + 1).split('.')) found = found && found[part];
  if (!found) throw typed('Runtime.HandlerNotFound', name + ' is undefined or not exported');
  if (typeof found === 'function') return found;
  throw typed('Runtime.HandlerNotFound', name + ' is not a function');
}

// Whether the files that end in .js are ES modules here: the nearest package.json says so.
function isModuleFolder(folder) {
  if (path.basename(folder) === 'node_modules') return false;
  const file = path.join(folder, 'package.json');
  if (!fs.existsSync(file)) {
    const above = path.dirname(folder);
    return above !== folder && isModuleFolder(above);
  }
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
  } catch {
    return false;
  }
}

const importFile = (file) => import(require('url').pathToFileURL(file).href);

// The order in which AWS looks. What is found nowhere may be a package.
async function loadModule(folder, name) {
  const file = path.resolve(root, folder, name);
  const isFile = (ending) => fs.existsSync(file + ending);
  if (isFile('.js') && isModuleFolder(path.dirname(file))) return importFile(file + '.js');
  const ending = ['.js', '.mjs', '.cjs', ''].find(isFile);
  if (ending === '.mjs') return importFile(file + ending);
  const paths = [root, path.dirname(file)];
  const wanted = ending === undefined ? require.resolve(name, { paths }) : file + ending;
  try {
    return require(wanted);
  } catch (error) {
    const codes = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'];
    if (!error || !codes.includes(error.code)) throw error;
    return importFile(require.resolve(wanted));
  }
}

// What nobody caught ends the worker, as on AWS; whoever waits for it is told.
let ending = false;

function end(what, error, status) {
  logError(what, error);
  if (ending) return;
  ending = true;
  if (handler && current === null) process.exit(status);
  const target = handler ? 'invocation/' + current.id + '/error' : 'init/error';
  replies.push(() => process.exit(status));
  request('POST', ...errorRequest(target, error));
  socket.ref();
}

process.on('uncaughtException', (error) => end('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) => {
  let text;
  try {
    text = `${isNothing(reason) ? '' : reason}`;
  } catch {
    text = util.inspect(reason);
  }
  const error = typed('Runtime.UnhandledPromiseRejection', text);
  end('Unhandled Promise Rejection', Object.assign(error, { reason, promise }), 128);
});

// What `node -e` adds to the global scope: some of it before this program runs, some after.
function clearScope() {
  for (const name of require('module').builtinModules) {
    const member = Object.getOwnPropertyDescriptor(globalThis, name);
    if (member && member.get && !member.enumerable && name !== 'process') delete globalThis[name];
  }
  for (const name of ['require', 'module', 'exports', '__filename', '__dirname']) {
    delete globalThis[name];
  }
}

connect(() => {
  clearScope();
  // A promise that was rejected meanwhile is told before the first invocation.
  load(env._HANDLER || '').then((found) => setImmediate(() => {
    if (ending) return;
    handler = found;
    next();
  })).catch((error) => end('Uncaught Exception', error, 129));
});
}
