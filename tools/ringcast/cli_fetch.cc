#include "tools/ringcast/cli_fetch.h"

namespace ringcast {

Task<Result<std::string>> fetch(Scope* scope, const Endpoint* endpoint, FetchRequest request) {
  HttpClient client(*scope);
  if (auto opened = co_await open(&client, endpoint); !opened) {
    co_return std::unexpected(opened.error());
  }
  std::vector<ClientHeader> headers = endpoint->headers;
  if (!request.content_type.empty()) headers.push_back({"Content-Type", request.content_type});
  const std::string target = endpoint->target(request.path);
  auto response = co_await client.request({.method = request.method,
                                           .host = endpoint->url.authority,
                                           .target = target,
                                           .headers = headers,
                                           .body = request.body});
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(co_await refusal(&client, *response));
  co_return co_await client.body(request.answer_bytes_max);
}

}  // namespace ringcast
