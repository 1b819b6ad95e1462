// An order: its label comes from another function, its items become jobs. Calls are plain requests
// to AWS_ENDPOINT_URL, as the SDKs make them.
'use strict';
const http = require('http');

const agent = new http.Agent({ keepAlive: true });

function call(path, headers, body) {
  return new Promise((resolve, reject) => {
    const url = new URL(path, process.env.AWS_ENDPOINT_URL);
    const request = http.request(url, { method: 'POST', headers, agent }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const failed = response.headers['x-amz-function-error'] || response.statusCode > 299;
        if (failed) reject(new Error(`${path} answered ${response.statusCode}`));
        else resolve(JSON.parse(text));
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(JSON.stringify(body));
  });
}

const invoke = (name, event) => call(`/2015-03-31/functions/${name}/invocations`, {}, event);
const send = (queue, body) => call('/', {
  'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'AmazonSQS.SendMessage',
}, { QueueUrl: `${process.env.AWS_ENDPOINT_URL}/000000000000/${queue}`, MessageBody: body });

exports.handler = async (event, context) => {
  const order = JSON.parse(event.body);
  const label = await invoke('label', { id: order.id, seed: context.seed });
  const numbers = Array.from({ length: order.items }, (_, i) => i + 1);
  await Promise.all(numbers.map((n) => send('jobs', `${order.id}/${n}`)));
  console.log(`order ${order.id} is ${label.text}, with ${order.items} jobs`);
  return { statusCode: 201, body: JSON.stringify({ id: order.id, label: label.text, at: context.nowMs }) };
};
