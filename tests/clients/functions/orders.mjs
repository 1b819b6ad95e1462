// A function of @middy/core: middlewares around a handler, for any way of invoking it.
import middy from "@middy/core";

const parse = {
  before: ({ event }) => {
    if (typeof event.body === "string") event.body = JSON.parse(event.body);
  },
  after: (request) => {
    request.response.headers = { ...request.response.headers, "x-handled-by": "middy" };
  },
  onError: (request) => {
    if (request.error.statusCode) {
      request.response = { statusCode: request.error.statusCode, body: request.error.message };
    }
  },
};

export const handler = middy({ timeoutEarlyInMillis: 200 }).use(parse).handler(
  async ({ body = {} }, context, { signal }) => {
    switch (body.do) {
      case "refuse": throw Object.assign(new Error("no such order"), { statusCode: 404 });
      case "fail": throw new RangeError("not today");
      case "hang": return new Promise((resolve) => signal.addEventListener("abort", resolve));
      default: return { statusCode: 201, body: JSON.stringify({ order: body.order, by: context.functionName }) };
    }
  });

export const stream = middy({ streamifyResponse: true }).handler(
  async (event) => "order ".repeat(event.times));
