// One HTTP request of a command, and the whole answer.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tools/ringcast/cli_client.h"

namespace ringcast {

struct FetchRequest {
  std::string_view method = "GET";
  std::string path = {};  // with a query
  std::string content_type = {};
  std::string body = {};
  std::size_t answer_bytes_max = std::size_t{64} << 20;
};

// The body of a response of status 200. Errors: those of HttpClient, and refused.
Task<Result<std::string>> fetch(Scope* scope, const Endpoint* endpoint, FetchRequest request);

}  // namespace ringcast
