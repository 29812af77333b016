// Topics as resources of MCP.
#include <fmt/format.h>

#include "core/topic_listing.h"
#include "core/topic_name.h"
#include "core/topic_reader.h"
#include "protocol/access.h"
#include "protocol/event_json.h"
#include "protocol/event_tools.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/service.h"

namespace ringcast {
namespace {

constexpr std::string_view kScheme = "events://";
constexpr std::string_view kTemplate = "events://{+topic}";
constexpr std::uint64_t kMostEventsRead = 100;
// A topic that moves all the time is told of this often.
constexpr std::int64_t kQuietNs = 100'000'000;

std::string_view topic_of(std::string_view uri) {
  return uri.starts_with(kScheme) ? uri.substr(kScheme.size()) : std::string_view();
}

}  // namespace

struct TopicResources::Followed {
  Followed(Service& of, std::string_view which) : service(of), uri(which), scope(of.reactor()) {}
  Service& service;
  std::string uri;
  Scope scope;
  unsigned count = 0;
};

TopicResources::TopicResources(Service& service)
    : service_(service),
      template_(fmt::format(
          R"({{"uriTemplate":"{}","name":"topic","title":"A topic",)"
          R"("description":"The latest events of a topic, as JSON. Subscribe to be told of )"
          R"(new ones.","mimeType":"application/json"}})",
          kTemplate)),
      following_(service.reactor()) {}

TopicResources::~TopicResources() = default;

Task<bool> TopicResources::read_resource(McpCall& call) {
  const std::string topic(topic_of(call.name()));
  if (topic.empty() || !is_topic_name(topic)) co_return false;
  if (!call.may(Action::subscribe, topic)) {
    call.forbid(Action::subscribe, topic);
    co_return true;
  }
  TopicReader reader(service_.shard());
  if (auto opened = co_await reader.open(topic); !opened) {
    call.refuse(rpc::kInternalError, opened.error().message);
    co_return true;
  }
  reader.seek_last(kMostEventsRead);
  std::string json = "[";
  while (const auto event = reader.next()) {
    if (json.size() > 1) json += ',';
    append_event_json(json, topic, event->parts);
  }
  call.embed_text(call.name(), "application/json", json + "]");
  co_return true;
}

bool TopicResources::allows(const Principal* who, std::string_view uri) const {
  const std::string_view topic = topic_of(uri);
  return topic.empty() || who == nullptr || who->grants.allows(Action::subscribe, topic);
}

bool TopicResources::has_resource(std::string_view uri) const {
  return is_topic_name(topic_of(uri));
}

Task<bool> TopicResources::complete_template(const McpCompletionRequest& request,
                                             McpSuggestions& found) {
  if (request.name != kTemplate) co_return false;
  if (request.argument != "topic") co_return true;
  const auto may = [&request](const TopicInfo& topic) {
    return request.who == nullptr || request.who->grants.allows(Action::subscribe, topic.name);
  };
  TopicListing listing(service_.shard());
  for (auto some = co_await listing.next(); !some.empty(); some = co_await listing.next()) {
    for (TopicInfo& topic : some) {
      if (topic.name.starts_with(request.value) && may(topic)) found.add(std::move(topic.name));
    }
  }
  co_return true;
}

void TopicResources::subscribed(std::string_view uri, bool on) {
  if (!is_topic_name(topic_of(uri)) || ended_) return;
  const auto found = followed_.find(std::string(uri));
  if (!on) {
    if (found == followed_.end() || found->second->count == 0) return;
    if (--found->second->count == 0) found->second->scope.cancel();
  } else if (found != followed_.end()) {
    ++found->second->count;  // if it is about to end, it begins again
  } else {
    begin(uri, 1);
  }
}

void TopicResources::begin(std::string_view uri, unsigned count) {
  auto followed = std::make_unique<Followed>(service_, uri);
  followed->count = count;
  Followed* const begun = followed.get();
  followed_.emplace(std::string(uri), std::move(followed));
  following_.spawn(follow(begun));
}

Task<void> TopicResources::follow(Followed* followed) {
  Service& service = followed->service;
  {
    TopicReader reader(service.shard());
    if (co_await reader.open(std::string(topic_of(followed->uri)))) {
      while (co_await reader.wait(followed->scope, -1)) {
        while (reader.next()) {
        }
        service.mcp().announce_here(McpChange::resource, followed->uri);
        if (!co_await followed->scope.sleep(kQuietNs)) break;
      }
    }
  }
  co_await followed->scope.join();
  TopicResources& self = service.topic_resources();
  const std::string uri = followed->uri;
  const unsigned count = followed->count;
  self.followed_.erase(uri);
  if (count > 0 && !self.ended_) self.begin(uri, count);
}

Task<void> TopicResources::end() {
  ended_ = true;
  for (const auto& [uri, followed] : followed_) followed->scope.cancel();
  co_await following_.join();
}

}  // namespace ringcast
