// `ringcast subscribe --ws`.
#include "tools/ringcast/cli_event_output.h"
#include "tools/ringcast/cli_subscribe.h"
#include "tools/ringcast/cli_ws_follower.h"

namespace ringcast {
namespace {

class Subscriber final : WsFollower {
 public:
  Subscriber(Scope& scope, const SubscribeArguments& arguments, const Endpoint& endpoint)
      : WsFollower(
            scope, endpoint,
            {.follow = {.retry_ms = arguments.retry_ms, .quiet = arguments.quiet},
             .socket = {.silence_ms = arguments.silence_ms(), .compress = arguments.compress},
             .path = "/ws" + stream_query(arguments),
             .last_event_id = arguments.last_event_id}),
        output_(scope, arguments) {}

  Task<int> run() { return output_.run(follow()); }

 private:
  void on_message(std::string_view text) override {
    if (!output_.raw()) return;
    output_.add_raw(text);
    output_.add_raw("\n");
  }
  Ending on_event(const StreamEvent& event) override {
    return output_.add(event) ? Ending::done : Ending::lost;
  }
  Task<std::optional<int>> on_pause() override { return output_.flush(); }

  EventOutput output_;
};

}  // namespace

Task<int> subscribe_websocket(Scope* scope, const SubscribeArguments* arguments,
                              const Endpoint* endpoint) {
  Subscriber subscriber(*scope, *arguments, *endpoint);
  co_return co_await subscriber.run();
}

}  // namespace ringcast
