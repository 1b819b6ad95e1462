// Runs under aws-lambda-ric of node_modules, which speaks the Lambda Runtime API with code in C++.
export const handler = async (event, context) => {
  console.log("seen", event.n);
  if (event.do === "fail") throw new TypeError("no such order");
  if (event.do === "exit") process.exit(3);
  if (event.do === "hang") await new Promise((resolve) => setTimeout(resolve, 60000));
  return { n: event.n, client: process.argv[1], name: context.functionName, id: context.awsRequestId,
    left: context.getRemainingTimeInMillis() > 0, text: "x".repeat(event.size ?? 0) };
};

export const stream = awslambda.streamifyResponse(async (event, responseStream) => {
  responseStream.setContentType("text/plain");
  responseStream.write("first ");
  responseStream.end("second");
});
