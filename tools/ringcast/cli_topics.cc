#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"

namespace ringcast {
namespace {

constexpr std::size_t kListBytesMax = std::size_t{256} << 20;

constexpr const char* kExamples = R"(Examples:
  ringcast topics
  ringcast topics --json | jq -r '.topics[] | select(.subscribers == 0) | .topic'
)";

struct TopicsArguments {
  ClientOptions client;
  bool json = false;
};

using Row = std::array<std::string, 6>;

std::string text_of(simdjson::dom::element topic, const char* key) {
  simdjson::dom::element value;
  std::string_view text;
  std::string out;
  if (topic[key].get(value) != simdjson::SUCCESS || value.is_null()) {
    out = "-";
  } else if (value.get(text) == simdjson::SUCCESS) {
    append_printable(out, text);
  } else {
    out = simdjson::minify(value);
  }
  return out;
}

// Code points, which is near enough to columns.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, 6> widths{};
  for (const Row& row : rows) {
    for (std::size_t n = 0; n < row.size(); ++n) widths[n] = std::max(widths[n], width(row[n]));
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t n = 0; n < row.size(); ++n) {
      const std::string padding(widths[n] - width(row[n]), ' ');
      const bool number = n >= 1 && n <= 3;
      const bool last = n + 1 == row.size();
      text += number ? padding + row[n] : row[n] + (last ? "" : padding);
      text += last ? "\n" : "  ";
    }
  }
  return text;
}

Result<std::string> as_table(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::array topics;
  if (parser.parse(body)["topics"].get(topics) != simdjson::SUCCESS) {
    return fail("bad_response", "The server's answer is no list of topics.");
  }
  std::vector<Row> rows = {{"TOPIC", "EVENTS", "BYTES", "SUBSCRIBERS", "FIRST ID", "LAST ID"}};
  for (const simdjson::dom::element topic : topics) {
    rows.push_back({text_of(topic, "topic"), text_of(topic, "events"), text_of(topic, "bytes"),
                    text_of(topic, "subscribers"), text_of(topic, "first_id"),
                    text_of(topic, "last_id")});
  }
  std::sort(rows.begin() + 1, rows.end());
  return table(rows);
}

Task<int> list_topics(Scope* scope, const TopicsArguments* arguments, const Endpoint* endpoint) {
  HttpClient client(*scope);
  if (auto opened = co_await open(&client, endpoint); !opened) co_return fail_with(opened.error());
  const std::string target = endpoint->target("/api/topics");
  auto response = co_await client.request(
      {.host = endpoint->url.authority, .target = target, .headers = endpoint->headers});
  if (!response) co_return fail_with(response.error());
  if (response->status != 200) co_return fail_with(co_await refusal(&client, *response));
  auto body = co_await client.body(kListBytesMax);
  if (!body) co_return fail_with(body.error());
  if (arguments->json) {
    if (!body->ends_with('\n')) *body += '\n';
  } else {
    auto text = as_table(*body);
    if (!text) co_return fail_with(text.error());
    *body = std::move(*text);
  }
  Output output;
  co_return output.exit_code(co_await output.write(scope, *body));
}

}  // namespace

void add_topics_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("topics", "List the topics with their events, bytes and subscribers.");
  command->footer(kExamples);
  auto arguments = std::make_shared<TopicsArguments>();
  add_client_options(*command, arguments->client);
  command->add_flag("--json", arguments->json, "the server's answer as it is");
  command->callback([arguments, &exit_code] {
    const auto endpoint = make_endpoint(arguments->client);
    if (!endpoint) {
      complain(endpoint.error().message);
      exit_code = kExitUsage;
      return;
    }
    exit_code =
        run_command([&](Scope& scope) { return list_topics(&scope, arguments.get(), &*endpoint); });
  });
}

}  // namespace ringcast
