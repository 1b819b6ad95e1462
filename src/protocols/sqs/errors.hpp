// The errors of SQS: JSON's type, the Query code and the HTTP status (the service's model).
#pragma once
#include "protocols/aws/failure.hpp"

namespace porteiro::protocols::sqs {

using aws::Answer;
using aws::ErrorKind;
using aws::Failure;

#define PORTEIRO_SQS "com.amazonaws.sqs#"
#define PORTEIRO_SIMPLE "AWS.SimpleQueueService."
inline constexpr ErrorKind no_queue{PORTEIRO_SQS "QueueDoesNotExist",
                                    PORTEIRO_SIMPLE "NonExistentQueue"};
inline constexpr ErrorKind name_exists{PORTEIRO_SQS "QueueNameExists", "QueueAlreadyExists"};
inline constexpr ErrorKind deleted_recently{PORTEIRO_SQS "QueueDeletedRecently",
                                            PORTEIRO_SIMPLE "QueueDeletedRecently"};
inline constexpr ErrorKind purge_in_progress{PORTEIRO_SQS "PurgeQueueInProgress",
                                             PORTEIRO_SIMPLE "PurgeQueueInProgress", 403};
inline constexpr ErrorKind ids_not_distinct{PORTEIRO_SQS "BatchEntryIdsNotDistinct",
                                            PORTEIRO_SIMPLE "BatchEntryIdsNotDistinct"};
inline constexpr ErrorKind empty_batch{PORTEIRO_SQS "EmptyBatchRequest",
                                       PORTEIRO_SIMPLE "EmptyBatchRequest"};
inline constexpr ErrorKind too_many_entries{PORTEIRO_SQS "TooManyEntriesInBatchRequest",
                                            PORTEIRO_SIMPLE "TooManyEntriesInBatchRequest"};
inline constexpr ErrorKind bad_entry_id{PORTEIRO_SQS "InvalidBatchEntryId",
                                        PORTEIRO_SIMPLE "InvalidBatchEntryId"};
inline constexpr ErrorKind batch_too_long{PORTEIRO_SQS "BatchRequestTooLong",
                                          PORTEIRO_SIMPLE "BatchRequestTooLong"};
inline constexpr ErrorKind not_in_flight{PORTEIRO_SQS "MessageNotInflight",
                                         PORTEIRO_SIMPLE "MessageNotInflight"};
inline constexpr ErrorKind unsupported{PORTEIRO_SQS "UnsupportedOperation",
                                       PORTEIRO_SIMPLE "UnsupportedOperation"};
inline constexpr ErrorKind bad_attribute_name{PORTEIRO_SQS "InvalidAttributeName",
                                              "InvalidAttributeName"};
inline constexpr ErrorKind bad_attribute_value{PORTEIRO_SQS "InvalidAttributeValue",
                                               "InvalidAttributeValue"};
inline constexpr ErrorKind bad_contents{PORTEIRO_SQS "InvalidMessageContents",
                                        "InvalidMessageContents"};
inline constexpr ErrorKind bad_receipt{PORTEIRO_SQS "ReceiptHandleIsInvalid",
                                       "ReceiptHandleIsInvalid", 404};
inline constexpr ErrorKind bad_address{PORTEIRO_SQS "InvalidAddress", "InvalidAddress", 404};
inline constexpr ErrorKind over_limit{PORTEIRO_SQS "OverLimit", "OverLimit", 403};
inline constexpr ErrorKind throttled{PORTEIRO_SQS "RequestThrottled", "RequestThrottled", 403};
inline constexpr ErrorKind no_resource{PORTEIRO_SQS "ResourceNotFoundException",
                                       "ResourceNotFoundException", 404};
#undef PORTEIRO_SIMPLE
#undef PORTEIRO_SQS

inline Failure absent(bool xml) {
  return {&no_queue, xml ? "The specified queue does not exist for this wsdl version."
                         : "The specified queue does not exist."};
}

}  // namespace porteiro::protocols::sqs
