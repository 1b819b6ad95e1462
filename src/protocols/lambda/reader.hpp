// How requests to Lambda are read, by the names that its actions use.
#pragma once
#include "protocols/aws/reader.hpp"
#include "protocols/lambda/errors.hpp"

namespace porteiro::protocols::lambda_api {

using aws::constraint;
using aws::json;
using aws::Number;
using aws::Reader;
using aws::Text;
using aws::TextList;
using aws::TextMap;

}  // namespace porteiro::protocols::lambda_api
