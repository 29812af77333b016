#include "protocol/event_tools.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/rand.h>

#include <algorithm>
#include <limits>

#include "core/event_stream.h"
#include "core/topic_listing.h"
#include "core/topic_name.h"
#include "core/topic_reader.h"
#include "core/utf8.h"
#include "protocol/access.h"
#include "protocol/event_json.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/service.h"
#include "protocol/topics_json.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::int64_t kNsPerS = 1'000'000'000;
constexpr std::int64_t kMostEvents = 1'000;
// Of a list, which is as much as a model can use. Five times as many, and checking the result
// against its schema would go beyond what a check may cost (JsonSchema::kMostSteps).
constexpr std::size_t kMostTopics = 1'000;
constexpr std::string_view kControlPrefix = "control.";

Service& service_of(ServerState& state, McpCall& call) {
  return *state.services[call.endpoint().reactor().core()];
}

// False, and the tool has failed, if this is no topic, or not for this client.
bool is_topic(McpCall& call, std::string_view topic, Action action) {
  if (!is_topic_name(topic)) {
    call.fail(fmt::format("`{}` is no topic: 1 to 200 letters, digits and -_.:/@~+=.", topic));
  } else if (!call.may(action, topic)) {
    call.fail(denial(action, topic));
  } else {
    return true;
  }
  return false;
}

// A reader of the topic; false, and the tool has failed, if there is no room for it.
Task<bool> open(McpCall& call, TopicReader& reader, std::string topic) {
  auto opened = co_await reader.open(std::move(topic));
  if (!opened) call.fail(opened.error().message);
  co_return opened.has_value();
}

// Stands behind the event of that id; false if the id is none of this run of the server.
bool seek(TopicReader& reader, const Fabric& fabric, std::string_view topic, std::string_view id) {
  const ParsedId parsed = fabric.ids.parse(id);
  if (parsed.problem != IdProblem::none) return false;
  reader.seek_after(parsed.position.number[fabric.home_of(topic)]);
  return true;
}

bool wanted_type(McpCall& call, const EventParts& event) {
  dom::array types;
  if (!call.has("types") || call.arguments()["types"].get_array().get(types) != simdjson::SUCCESS) {
    return true;
  }
  const std::string_view type = event.type.empty() ? "message" : event.type;
  return std::ranges::any_of(types, [type](const dom::element& element) {
    std::string_view name;
    return element.get_string().get(name) == simdjson::SUCCESS && name == type;
  });
}

std::int64_t deadline(McpCall& call, std::int64_t otherwise_s) {
  const std::int64_t seconds =
      std::clamp<std::int64_t>(call.integer("timeout_s", otherwise_s), 1, 3'600);
  return call.endpoint().reactor().now_ns() + seconds * kNsPerS;
}

// --- reading ---

Task<void> list_topics(ServerState& state, McpCall& call) {
  Service& service = service_of(state, call);
  const std::string pattern(call.string("pattern", "*"));
  std::string text = R"({"topics":[)";
  std::size_t total = 0;
  TopicListing listing(service.shard());
  for (auto some = co_await listing.next(); !some.empty(); some = co_await listing.next()) {
    for (const TopicInfo& topic : some) {
      const bool meant = pattern == topic.name || topic_matches(pattern, topic.name);
      if (!meant || !call.may(Action::subscribe, topic.name)) continue;
      if (++total <= kMostTopics) append_topic(text, topic, state.fabric.ids);
    }
  }
  call.structured(fmt::format(R"({}],"total":{}}})", text, total));
}

Task<void> read_history(ServerState& state, McpCall& call) {
  const std::string topic(call.string("topic"));
  if (!is_topic(call, topic, Action::subscribe)) co_return;
  TopicReader reader(service_of(state, call).shard());
  if (!co_await open(call, reader, topic)) co_return;
  const std::string_view after = call.string("after");
  const auto last = static_cast<std::uint64_t>(
      std::clamp<std::int64_t>(call.integer("last", 50), 1, kMostEvents));
  if (after.empty()) {
    if (call.has("types")) {
      reader.seek_earliest();
    } else {
      reader.seek_last(last);
    }
  } else if (!seek(reader, state.fabric, topic, after)) {
    call.fail(
        "This id is of another run of the server, or malformed; leave `after` out to read "
        "the latest events.");
    co_return;
  }
  // After an id the first ones are wanted, otherwise the last.
  std::vector<std::string> events;
  while (events.size() < last || after.empty()) {
    const auto event = reader.next();
    if (!event) break;
    if (!wanted_type(call, event->parts)) continue;
    if (events.size() == last) events.erase(events.begin());
    append_event_json(events.emplace_back(), {}, event->parts);
  }
  call.structured(fmt::format(R"({{"topic":"{}","events":[{}]}})", topic, fmt::join(events, ",")));
}

Task<void> wait_for_event(ServerState& state, McpCall& call) {
  const std::string topic(call.string("topic"));
  if (!is_topic(call, topic, Action::subscribe)) co_return;
  TopicReader reader(service_of(state, call).shard());
  if (!co_await open(call, reader, topic)) co_return;
  const std::string_view after = call.string("after");
  if (!after.empty() && !seek(reader, state.fabric, topic, after)) {
    call.fail("This id is of another run of the server, or malformed.");
    co_return;
  }
  const std::int64_t until_ns = deadline(call, 30);
  do {
    while (const auto event = reader.next()) {
      if (!wanted_type(call, event->parts)) continue;
      // What it may can have changed since it began to wait.
      if (!is_topic(call, topic, Action::subscribe)) co_return;
      std::string json = R"({"timeout":false,"event":)";
      append_event_json(json, topic, event->parts);
      call.structured(json + "}");
      co_return;
    }
  } while (co_await reader.wait(call.scope(), until_ns));
  if (!call.cancelled()) call.structured(R"({"timeout":true})");
}

// The last event of a topic, without creating it.
Task<std::string> latest_event(Service& service, std::string topic) {
  TopicReader reader(service.shard());
  if (!co_await reader.open(topic)) co_return std::string();
  reader.seek_last(1);
  const auto event = reader.next();
  if (!event) co_return std::string();
  std::string json;
  append_event_json(json, topic, event->parts);
  co_return json;
}

Task<void> get_handover_content(ServerState& state, McpCall& call) {
  const std::string topic(call.string("topic", "handover"));
  if (!is_topic(call, topic, Action::subscribe)) co_return;
  const std::string event = co_await latest_event(service_of(state, call), topic);
  if (event.empty()) {
    call.fail(fmt::format("Nothing has been handed over on topic `{}` yet.", topic));
  } else {
    call.structured(fmt::format(R"({{"topic":"{}","handover":{}}})", topic, event));
  }
}

Task<void> get_pipeline_status(ServerState& state, McpCall& call) {
  Service& service = service_of(state, call);
  const std::string id(call.string("id"));
  constexpr std::string_view kPrefixes[] = {"progress.", "jobs.", "quality."};
  std::vector<std::string> names;
  const auto is_meant = [&](const TopicInfo& topic) {
    return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
      return topic.name.starts_with(prefix) && topic.events != 0 &&
             (id.empty() || std::string_view(topic.name).substr(prefix.size()) == id) &&
             call.may(Action::subscribe, topic.name);
    });
  };
  TopicListing listing(service.shard());
  for (auto some = co_await listing.next(); !some.empty(); some = co_await listing.next()) {
    for (TopicInfo& topic : some) {
      if (names.size() < kMostEvents && is_meant(topic)) names.push_back(std::move(topic.name));
    }
  }
  std::string json = R"({"pipelines":[)";
  bool first = true;
  for (std::size_t i = 0; i < names.size() && i < kMostEvents; ++i) {
    const std::string event = co_await latest_event(service, names[i]);
    if (event.empty()) continue;
    json += first ? "" : ",";
    first = false;
    json += event;
  }
  if (first && !id.empty()) {
    call.fail(fmt::format("Nothing has been heard of `{}`.", id));
  } else {
    call.structured(json + "]}");
  }
}

// --- writing ---

// The data of an event: a string as it is, anything else as JSON.
std::string data_of(const dom::element& value) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  return simdjson::minify(value);
}

Task<void> publish_event(ServerState& state, McpCall& call) {
  Service& service = service_of(state, call);
  const std::string topic(call.string("topic"));
  const std::string type(call.string("event"));
  const std::string key(call.string("id"));
  if (!is_topic(call, topic, Action::publish)) co_return;
  if (!is_event_type(type) || key.size() > kMostIdBytes) {
    call.fail("`event` and `id` are at most 128 bytes on one line.");
    co_return;
  }
  if (state.draining()) {
    call.fail("This server is shutting down; publish elsewhere.");
    co_return;
  }
  const std::string data = data_of(call.arguments()["data"]);
  if (data.size() > service.config().limits.max_event_bytes) {
    call.fail("The data is larger than limits.max_event_bytes.");
    co_return;
  }
  const auto number =
      co_await service.shard().publish(topic, {.type = type, .data = data, .key = key});
  if (!number) {
    call.fail(number.error().message);
    co_return;
  }
  call.structured(
      fmt::format(R"({{"id":"{}","topic":"{}"}})", state.fabric.ids.text(*number), topic));
}

// --- workers ---

std::string new_ref() {
  unsigned char random[12];
  RINGCAST_CHECK(RAND_bytes(random, sizeof random) == 1);
  std::string ref = "mcp-";
  for (const unsigned char byte : random) ref += fmt::format("{:02x}", byte);
  return ref;
}

// Clients count on progress that increases. What does not, or is no number, is left out: `told` is
// what they have been told of.
Task<void> pass_on_progress(McpCall& call, dom::element said, double& told) {
  double done = 0;
  if (said["progress"].get_double().get(done) != simdjson::SUCCESS || done <= told) co_return;
  told = done;
  double total = 0;
  std::string_view message;
  const bool bounded = said["total"].get_double().get(total) == simdjson::SUCCESS;
  std::ignore = said["message"].get_string().get(message);
  co_await call.progress(done, bounded ? std::optional(total) : std::nullopt, message);
}

// What an agent says of this command: progress is passed on, the reply is the result. False: there
// is more to come.
Task<bool> hear(McpCall& call, std::string_view ref, double& told, std::string type,
                std::string data) {
  dom::parser parser;
  dom::element value;
  std::string_view named;
  if (parser.parse(data).get(value) != simdjson::SUCCESS ||
      value["ref"].get_string().get(named) != simdjson::SUCCESS || named != ref) {
    co_return false;
  }
  if (type == "progress") {
    co_await pass_on_progress(call, value, told);
    co_return false;
  }
  if (type != "reply") co_return false;
  std::string_view status;
  if (value["status"].get_string().get(status) == simdjson::SUCCESS && status == "error") {
    std::string_view message = "The agent has failed.";
    std::ignore = value["message"].get_string().get(message);
    call.fail(message);
  } else {
    call.structured(simdjson::minify(value));
  }
  co_return true;
}

Task<void> execute_agent(ServerState& state, McpCall& call) {
  Service& service = service_of(state, call);
  const std::string topic = std::string(kControlPrefix).append(call.string("agent_name"));
  if (!is_topic(call, topic, Action::publish)) co_return;
  TopicReader reader(service.shard());
  if (!co_await open(call, reader, topic)) co_return;
  const std::string ref = new_ref();
  std::string data = R"({"action":"execute","query":)";
  append_json_string(data, call.string("query"));
  data += fmt::format(R"(,"ref":"{}"}})", ref);
  const std::int64_t until_ns = deadline(call, 300);
  const auto number =
      co_await service.shard().publish(topic, {.type = "command", .data = data, .key = {}});
  if (!number) {
    call.fail(number.error().message);
    co_return;
  }
  double told = -std::numeric_limits<double>::infinity();
  do {
    while (const auto event = reader.next()) {
      if (!is_topic(call, topic, Action::publish)) co_return;
      std::string said;
      EventParts parts = event->parts;
      append_event_data(said, parts.data);
      if (co_await hear(call, ref, told, std::string(parts.type), std::move(said))) co_return;
    }
  } while (co_await reader.wait(call.scope(), until_ns));
  if (call.cancelled()) {
    const std::string cancel = fmt::format(R"({{"action":"cancel","ref":"{}"}})", ref);
    co_await service.shard().publish(topic, {.type = "command", .data = cancel, .key = {}});
  } else {
    call.fail("The agent has not answered in time. Is its worker running?");
  }
}

using ToolFunction = Task<void> (*)(ServerState&, McpCall&);

struct EventTool {
  McpTool about;
  ToolFunction run;
};

// Of arguments: there are no others.
std::string input_schema(std::string_view properties, std::string_view required) {
  return fmt::format(
      R"({{"type":"object","properties":{{{}}},"required":[{}],"additionalProperties":false}})",
      properties, required);
}

// Of results.
std::string output_schema(std::string_view properties, std::string_view required) {
  return fmt::format(R"({{"type":"object","properties":{{{}}},"required":[{}]}})", properties,
                     required);
}

constexpr std::string_view kTopic =
    R"("topic":{"type":"string","description":"The topic, such as jobs.42."})";
constexpr std::string_view kTypes =
    R"("types":{"type":"array","items":{"type":"string"},"description":"Only these types."})";
constexpr std::string_view kAfter = R"("after":{"type":"string","description":"An event's id."})";
constexpr std::string_view kTimeout =
    R"("timeout_s":{"type":"integer","minimum":1,"maximum":3600})";

// Of a topic in a list; ids are null as long as it has no events.
constexpr std::string_view kListedTopic =
    R"({"type":"object","properties":{"topic":{"type":"string"},"events":{"type":"integer"},)"
    R"("bytes":{"type":"integer"},"subscribers":{"type":"integer"},)"
    R"("first_id":{"type":["string","null"]},"last_id":{"type":["string","null"]}},)"
    R"("required":["topic","events","bytes","subscribers","first_id","last_id"]})";
constexpr std::string_view kEventMembers =
    R"("id":{"type":"string"},"event":{"type":"string","description":"Its type."},)"
    R"("data":{"type":"string"})";

// An event as append_event_json writes it: of the topic that was asked for, or with its topic.
std::string event_schema(bool with_topic) {
  return with_topic ? output_schema(fmt::format(R"("topic":{{"type":"string"}},{})", kEventMembers),
                                    R"("id","topic","event","data")")
                    : output_schema(kEventMembers, R"("id","event","data")");
}

constexpr std::string_view kReads =
    R"({"readOnlyHint":true,"idempotentHint":true,"openWorldHint":false})";
constexpr std::string_view kPublishes =
    R"({"readOnlyHint":false,"destructiveHint":false,"idempotentHint":false,)"
    R"("openWorldHint":false})";
// What an agent does, nobody knows here.
constexpr std::string_view kActs =
    R"({"readOnlyHint":false,"destructiveHint":true,"idempotentHint":false,"openWorldHint":true})";

void add_reading_tools(std::vector<EventTool>& tools) {
  tools.push_back(
      {{.name = "list_topics",
        .title = "List topics",
        .description = "The topics there are, by name, how many events each holds, its last id. "
                       "At most 1000; `total` says of how many, a pattern finds the others.",
        .input_schema =
            input_schema(R"("pattern":{"type":"string","description":"Such as jobs.*"})", ""),
        .output_schema = output_schema(
            fmt::format(R"("topics":{{"type":"array","items":{}}},"total":{{"type":"integer"}})",
                        kListedTopic),
            R"("topics","total")")},
       list_topics});
  tools.push_back(
      {{.name = "read_history",
        .title = "Read history",
        .description = "Past events of a topic, oldest first: the last ones, or those after an id.",
        .input_schema = input_schema(
            fmt::format(R"({},{},{},"last":{{"type":"integer","minimum":1,"maximum":1000}})",
                        kTopic, kTypes, kAfter),
            R"("topic")"),
        .output_schema = output_schema(fmt::format(R"({},"events":{{"type":"array","items":{}}})",
                                                   kTopic, event_schema(false)),
                                       R"("topic","events")")},
       read_history});
  tools.push_back(
      {{.name = "wait_for_event",
        .title = "Wait for an event",
        .description = "The next event of a topic, or the first after an id; waits up to "
                       "timeout_s seconds.",
        .input_schema = input_schema(fmt::format("{},{},{},{}", kTopic, kTypes, kAfter, kTimeout),
                                     R"("topic")"),
        .output_schema = output_schema(
            fmt::format(R"("timeout":{{"type":"boolean","description":"There was none in time; )"
                        R"(otherwise there is the event."}},"event":{})",
                        event_schema(true)),
            R"("timeout")")},
       wait_for_event});
  tools.push_back(
      {{.name = "get_pipeline_status",
        .title = "Status of pipelines",
        .description = "The latest event of each pipeline and job (topics progress.*, jobs.*, "
                       "quality.*), or of one.",
        .input_schema =
            input_schema(R"("id":{"type":"string","description":"Of one session or job."})", ""),
        .output_schema = output_schema(
            fmt::format(R"("pipelines":{{"type":"array","items":{}}})", event_schema(true)),
            R"("pipelines")")},
       get_pipeline_status});
  tools.push_back(
      {{.name = "get_handover_content",
        .title = "Handover",
        .description = "The latest event of a topic, by default `handover`: what the phase before "
                       "has left.",
        .input_schema = input_schema(kTopic, ""),
        .output_schema =
            output_schema(fmt::format(R"({},"handover":{})", kTopic, event_schema(true)),
                          R"("topic","handover")")},
       get_handover_content});
  for (EventTool& tool : tools) tool.about.annotations = kReads;
}

void add_acting_tools(std::vector<EventTool>& tools) {
  tools.push_back(
      {{.name = "publish_event",
        .title = "Publish an event",
        .description = "Publishes an event to everybody who follows the topic. With an id it is "
                       "stored once, however often it is sent.",
        .input_schema =
            input_schema(fmt::format(R"({},"data":{{"description":"A text, or any JSON."}},)"
                                     R"("event":{{"type":"string","description":"Its type."}},)"
                                     R"("id":{{"type":"string"}})",
                                     kTopic),
                         R"("topic","data")"),
        .output_schema = output_schema(
            fmt::format(R"({},"id":{{"type":"string","description":"Of the event."}})", kTopic),
            R"("id","topic")"),
        .annotations = std::string(kPublishes)},
       publish_event});
  tools.push_back(
      {{.name = "execute_agent",
        .title = "Run an agent",
        .description = "Sends a query to the worker of this name, passes its progress on and gives "
                       "its reply.",
        .input_schema =
            input_schema(fmt::format(R"("agent_name":{{"type":"string","minLength":1}},)"
                                     R"("query":{{"type":"string"}},{})",
                                     kTimeout),
                         R"("agent_name","query")"),
        .output_schema = output_schema(
            R"("ref":{"type":"string","description":"Of the command; the rest is the worker's."})",
            R"("ref")"),
        .annotations = std::string(kActs)},
       execute_agent});
}

std::vector<EventTool> event_tools() {
  std::vector<EventTool> tools;
  add_reading_tools(tools);
  add_acting_tools(tools);
  return tools;
}

}  // namespace

void add_event_tools(McpServer& server, ServerState& state) {
  for (EventTool& tool : event_tools()) {
    const ToolFunction run = tool.run;
    server.tool(std::move(tool.about), [run, &state](McpCall& call) { return run(state, call); });
  }
}

}  // namespace ringcast
