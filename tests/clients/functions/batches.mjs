// Functions of @aws-lambda-powertools/batch: of the messages of a batch some are done and some have
// failed. What is done is told to the queue TOLD, with the AWS SDK.
import { SQS } from "@aws-sdk/client-sqs";
import { BatchProcessor, EventType, SqsFifoPartialProcessorAsync, processPartialResponse }
  from "@aws-lambda-powertools/batch";

const sqs = new SQS({});
let told;

async function record({ body, messageId, attributes }) {
  const order = JSON.parse(body);
  if (order.fails >= Number(attributes.ApproximateReceiveCount)) throw new Error("not yet");
  told ??= sqs.getQueueUrl({ QueueName: process.env.TOLD });
  const { QueueUrl } = await told;
  await sqs.sendMessage({ QueueUrl, MessageBody: JSON.stringify(
    { order: order.order, messageId, receives: Number(attributes.ApproximateReceiveCount) }) });
}

const plain = new BatchProcessor(EventType.SQS);
const ordered = new SqsFifoPartialProcessorAsync();

export const handler = async (event, context) =>
  processPartialResponse(event, record, plain, { context });
export const fifo = async (event, context) =>
  processPartialResponse(event, record, ordered, { context, skipGroupOnError: true });
