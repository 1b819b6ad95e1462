// The errors of KMS (the service's model). All are the client's, with status 400, but for three.
#pragma once
#include "protocols/aws/failure.hpp"

namespace porteiro::protocols::kms_api {

using aws::Answer;
using aws::ErrorKind;
using aws::Failure;
using aws::serialization;
using aws::validation;

inline constexpr ErrorKind not_found{"NotFoundException", ""};
inline constexpr ErrorKind key_disabled{"DisabledException", ""};
inline constexpr ErrorKind bad_state{"KMSInvalidStateException", ""};
inline constexpr ErrorKind bad_ciphertext{"InvalidCiphertextException", ""};
inline constexpr ErrorKind incorrect_key{"IncorrectKeyException", ""};
inline constexpr ErrorKind bad_signature{"KMSInvalidSignatureException", ""};
inline constexpr ErrorKind bad_mac{"KMSInvalidMacException", ""};
inline constexpr ErrorKind bad_usage{"InvalidKeyUsageException", ""};
inline constexpr ErrorKind exists{"AlreadyExistsException", ""};
inline constexpr ErrorKind limit_exceeded{"LimitExceededException", ""};
inline constexpr ErrorKind conflict{"ConflictException", ""};
inline constexpr ErrorKind bad_grant_token{"InvalidGrantTokenException", ""};
inline constexpr ErrorKind bad_grant_id{"InvalidGrantIdException", ""};
inline constexpr ErrorKind bad_policy{"MalformedPolicyDocumentException", ""};
inline constexpr ErrorKind unsupported{"UnsupportedOperationException", ""};
inline constexpr ErrorKind bad_arn{"InvalidArnException", ""};
inline constexpr ErrorKind bad_alias{"InvalidAliasNameException", ""};
inline constexpr ErrorKind bad_marker{"InvalidMarkerException", ""};
inline constexpr ErrorKind bad_tag{"TagException", ""};
inline constexpr ErrorKind no_access{"AccessDeniedException", ""};
inline constexpr ErrorKind dry_run{"DryRunOperationException", "", 412};
inline constexpr ErrorKind bad_import_token{"InvalidImportTokenException", ""};
inline constexpr ErrorKind expired_import{"ExpiredImportTokenException", ""};
inline constexpr ErrorKind incorrect_material{"IncorrectKeyMaterialException", ""};
inline constexpr ErrorKind throttling{"ThrottlingException", ""};
inline constexpr ErrorKind unknown_operation{"UnknownOperationException", ""};
inline constexpr ErrorKind internal{"KMSInternalException", "", 500};

inline Failure wrong(std::string message) { return {&validation, std::move(message)}; }

}  // namespace porteiro::protocols::kms_api
