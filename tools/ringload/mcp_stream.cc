#include "tools/ringload/mcp_stream.h"

#include <fmt/format.h>

namespace ringcast::load {

void McpStream::on_session(const McpSession& session) {
  request_ = stream_request(options_, session);
  ask(request_);
}

void McpStream::on_part(const ResponseReader& response) {
  const ResponseHead& head = *response.head();
  if (ready_ || request_.empty() || head.status != 200) return;
  if (!head.content_type.starts_with("text/event-stream")) {
    return end(fmt::format("the answer to the stream's GET is no event stream but `{}`",
                           head.content_type));
  }
  ready_ = true;
  ++counts_.ready;
}

void McpStream::on_answer(const ResponseReader& response, std::string_view) {
  end(ready_ ? "the server has ended the stream"
             : fmt::format("the answer to the stream's GET is {}: {}", response.status(),
                           response.body()));
}

void McpStream::on_ended(std::string message) {
  ++(ready_ ? counts_.lost : counts_.failed);
  if (counts_.first_error.empty()) counts_.first_error = std::move(message);
}

}  // namespace ringcast::load
