// `ringcast subscribe` over server-sent events.
#include <utility>

#include "net/http_chars.h"
#include "tools/ringcast/cli_event_output.h"
#include "tools/ringcast/cli_follower.h"
#include "tools/ringcast/cli_subscribe.h"
#include "tools/ringcast/event_parser.h"

namespace ringcast {
namespace {

class Subscriber final : Follower {
 public:
  Subscriber(Scope& scope, const SubscribeArguments& arguments, const Endpoint& endpoint)
      : Follower(scope, {.retry_ms = arguments.retry_ms, .quiet = arguments.quiet}),
        arguments_(arguments),
        endpoint_(endpoint),
        client_(scope),
        output_(scope, arguments) {
    parser_.set_last_id(arguments.last_event_id);
  }

  Task<int> run() { return output_.run(follow()); }

 private:
  Task<Ending> read_stream() override;
  void close() override { client_.close(); }
  const std::string& last_id() const override { return parser_.last_id(); }
  std::optional<std::int64_t> asked_retry_ms() const override { return parser_.retry_ms(); }

  Task<Ending> check(ClientResponse response);
  Task<Ending> read_events();
  Task<Ending> take(std::string_view piece);

  const SubscribeArguments& arguments_;
  const Endpoint& endpoint_;
  HttpClient client_;
  EventOutput output_;
  EventParser parser_;
  std::string open_block_;  // raw: the beginning of a block whose end is to come
};

Task<Ending> Subscriber::read_stream() {
  if (auto opened = co_await open(&client_, &endpoint_); !opened) {
    co_return lose(opened.error().message);
  }
  std::vector<ClientHeader> headers = endpoint_.headers;
  headers.push_back({"Accept", "text/event-stream"});
  headers.push_back({"Cache-Control", "no-store"});
  if (!parser_.last_id().empty()) headers.push_back({"Last-Event-ID", parser_.last_id()});
  const std::string where = endpoint_.target("/events" + stream_query(arguments_));
  auto response = co_await client_.request(
      {.host = endpoint_.url.authority, .target = where, .headers = headers});
  if (!response) co_return lose(response.error().message);
  if (const Ending ending = co_await check(*response); ending != Ending::done) co_return ending;
  connected();
  parser_.restart();
  open_block_.clear();
  co_return co_await read_events();
}

// Done: it is a stream to be read.
Task<Ending> Subscriber::check(ClientResponse response) {
  const std::string_view type = response.find("Content-Type");
  const std::string_view media = chars::trim(type.substr(0, type.find(';')));
  if (response.status == 200 && chars::iequals(media, "text/event-stream")) co_return Ending::done;
  if (response.status == 200) {
    co_return give_up("The server's answer is no event stream; is it ringcast?");
  }
  const Error error = co_await refusal(&client_, response);
  co_return refused(response, error);
}

Task<Ending> Subscriber::read_events() {
  const std::int64_t silence_ms = arguments_.silence_ms();
  for (;;) {
    auto piece = co_await client_.next_piece(silence_ms > 0 ? silence_ms : HttpClient::kNoLimit);
    if (!piece) {
      co_return lose(piece.error().code == "timed_out" ? "Nothing was heard from the server."
                                                       : piece.error().message);
    }
    if (piece->empty()) co_return lose("The server ended the stream.");
    backoff().reset();
    const Ending ending = co_await take(*piece);
    if (ending != Ending::lost) co_return ending;
  }
}

// Lost: there is more to come.
Task<Ending> Subscriber::take(std::string_view piece) {
  Ending ending = Ending::lost;
  while (ending == Ending::lost) {
    const std::string_view before = piece;
    const StreamEvent* event = parser_.next(piece);
    if (output_.raw()) {
      open_block_ += before.substr(0, before.size() - piece.size());
      const std::size_t open = std::min(parser_.open_bytes(), open_block_.size());
      output_.add_raw(std::string_view(open_block_).substr(0, open_block_.size() - open));
      open_block_.erase(0, open_block_.size() - open);
    }
    if (event == nullptr) break;
    if (output_.add(*event)) ending = Ending::done;
  }
  if (parser_.too_long()) ending = give_up("An event of the stream is too long.");
  if (const auto code = co_await output_.flush()) ending = end_with(*code);
  co_return ending;
}

}  // namespace

Task<int> subscribe_events(Scope* scope, const SubscribeArguments* arguments,
                           const Endpoint* endpoint) {
  Subscriber subscriber(*scope, *arguments, *endpoint);
  co_return co_await subscriber.run();
}

}  // namespace ringcast
