// A function of @aws-lambda-powertools/idempotency, with a persistence layer of its own.
import { IdempotencyConfig, IdempotencyItemAlreadyExistsError, IdempotencyItemNotFoundError,
  IdempotencyRecordStatus, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { BasePersistenceLayer, IdempotencyRecord } from "@aws-lambda-powertools/idempotency/persistence";

class Memory extends BasePersistenceLayer {
  #records = new Map();
  async _getRecord(key) {
    const found = this.#records.get(key);
    if (!found) throw new IdempotencyItemNotFoundError("no such key");
    return new IdempotencyRecord(found);
  }
  async _putRecord(record) {
    const known = this.#records.get(record.idempotencyKey);
    if (known && known.status === IdempotencyRecordStatus.COMPLETED) {
      throw new IdempotencyItemAlreadyExistsError("known", new IdempotencyRecord(known));
    }
    await this._updateRecord(record);
  }
  async _updateRecord(record) {
    this.#records.set(record.idempotencyKey, { idempotencyKey: record.idempotencyKey,
      status: record.getStatus(), expiryTimestamp: record.expiryTimestamp,
      inProgressExpiryTimestamp: record.inProgressExpiryTimestamp,
      responseData: record.responseData, payloadHash: record.payloadHash });
  }
  async _deleteRecord(record) {
    this.#records.delete(record.idempotencyKey);
  }
}

let charged = 0;
const config = new IdempotencyConfig({ eventKeyJmesPath: "payment", throwOnNoIdempotencyKey: true });

export const handler = makeIdempotent(async (event, context) => {
  if (event.fail) throw new Error("the bank refuses");
  charged += 1;
  return { charged, payment: event.payment, id: context.awsRequestId };
}, { persistenceStore: new Memory(), config });
