#include "tools/ringcast/cli_publish.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_fetch.h"

namespace ringcast {
namespace {

constexpr std::size_t kFileBytesMax = 256 << 20;
constexpr std::int64_t kGraceNs = 2'000'000'000;
constexpr std::int64_t kLongNs = std::int64_t{3600} * 1'000'000'000;

constexpr const char* kExamples = R"(Examples:
  One event; its id is printed:
    ringcast publish news 'hello world' --event greeting
  Every line of a program is an event, sent at once, for as long as it runs:
    vmstat 1 | ringcast publish machine -
  The same, but no line may be lost or doubled when the connection breaks:
    tail -F orders.log | ringcast publish orders - --exact
  Many events of several topics, all of them or none:
    ringcast publish --file events.ndjson
  Sent twice on purpose, published once:
    ringcast publish orders '{"total":5}' --id order-7
  Data that begins with a dash:
    ringcast publish news -- '- a list'

Lines with `-`: when the connection is lost, publish says so on standard error, connects again with
growing pauses and goes on with the next line. Lines that were on their way at that moment may be
missing (at most once); with --exact they are sent again under ids of their own, which the server
takes once (exactly once, as long as its history reaches back). An error that would come again, such
as a line that is too long, ends it. Ctrl-C sends what was read and ends.

A line of a file for --file: {"topic":"news","event":"greeting","data":"hello","id":"g-1"}
data is a string, or any JSON value, which is then sent as its text; event and id may be left out.
A file that begins with `[` is taken as a JSON array of the same objects; `-` is standard input.

Exit status: 0 published, 1 failed, 2 wrong usage.
)";

Result<std::string> read_file(const std::string& name) {
  std::ifstream file;
  if (name != "-") {
    file.open(name, std::ios::binary);
    if (!file) return fail("unreadable", fmt::format("Cannot read `{}`.", name));
  }
  std::istream& in = name == "-" ? std::cin : file;
  std::string text;
  std::string piece(64 << 10, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0) {
    text.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kFileBytesMax) {
      return fail("too_large", fmt::format("`{}` has more than {} bytes; publish it in parts.",
                                           name, kFileBytesMax));
    }
  }
  if (in.bad()) return fail("unreadable", fmt::format("Cannot read `{}`.", name));
  return text;
}

// The ids of an answer, a line each: of one object or an array of them.
Result<std::string> ids_of(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  simdjson::dom::array list;
  std::string ids;
  const auto add = [&ids](simdjson::dom::element event) {
    std::string_view id;
    if (event["id"].get(id) != simdjson::SUCCESS) return false;
    append_printable(ids, id);
    ids += '\n';
    return true;
  };
  bool understood = parser.parse(body).get(answer) == simdjson::SUCCESS;
  if (understood && answer.get(list) == simdjson::SUCCESS) {
    for (const simdjson::dom::element event : list) understood = understood && add(event);
  } else {
    understood = understood && add(answer);
  }
  if (!understood) return fail("bad_response", "The server's answer names no ids.");
  return ids;
}

Task<int> post(Scope* scope, const Endpoint* endpoint, std::string path, std::string body,
               std::string content_type) {
  const auto answer = co_await fetch(scope, endpoint,
                                     {.method = "POST",
                                      .path = std::move(path),
                                      .content_type = std::move(content_type),
                                      .body = std::move(body)});
  if (!answer) co_return fail_with(answer.error());
  const auto ids = ids_of(*answer);
  if (!ids) co_return fail_with(ids.error());
  Output output;
  co_return output.exit_code(co_await output.write(scope, *ids));
}

Task<int> publish_one(Scope* scope, const PublishArguments* arguments, const Endpoint* endpoint) {
  std::string path = "/api/events/" + percent_encode(arguments->topic);
  char separator = '?';
  const auto add = [&](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    path += fmt::format("{}{}={}", separator, key, percent_encode(value));
    separator = '&';
  };
  add("event", arguments->event);
  add("id", arguments->id);
  return post(scope, endpoint, std::move(path), arguments->data, "text/plain; charset=utf-8");
}

Task<int> publish_file(Scope* scope, const PublishArguments* arguments, const Endpoint* endpoint) {
  auto text = read_file(arguments->file);
  if (!text) co_return fail_with(text.error());
  const std::size_t first = text->find_first_not_of(" \t\r\n");
  const bool array = first != std::string::npos && (*text)[first] == '[';
  co_return co_await post(scope, endpoint, "/api/events", std::move(*text),
                          array ? "application/json" : "application/x-ndjson");
}

// What is wrong with the combination of arguments; empty if nothing is.
std::string usage_problem(const PublishArguments& arguments) {
  if (!arguments.file.empty()) {
    const bool more = !arguments.topic.empty() || !arguments.event.empty() ||
                      !arguments.id.empty() || arguments.exact;
    return more ? "--file takes no TOPIC, DATA, --event, --id or --exact: its lines have them."
                : "";
  }
  if (arguments.topic.empty()) return "TOPIC is missing: ringcast publish TOPIC DATA.";
  const bool lines = arguments.data == "-";
  if (lines && !arguments.id.empty()) return "--id is for one event, not for lines.";
  if (!lines && arguments.exact) return "--exact is for lines: give `-` as DATA.";
  return "";
}

int run_publish(const PublishArguments& arguments, bool data_given) {
  std::string problem = usage_problem(arguments);
  if (problem.empty() && arguments.file.empty() && !data_given) {
    problem = "DATA is missing; `-` reads lines from standard input.";
  }
  return run_client(arguments.client, problem, [&](Scope* scope, const Endpoint* endpoint) {
    const auto way = !arguments.file.empty() ? publish_file
                     : arguments.data != "-" ? publish_one
                     : arguments.exact       ? publish_exact
                                             : publish_stream;
    return way(scope, &arguments, endpoint);
  });
}

}  // namespace

void report_published(const PublishArguments& arguments, const Published& published) {
  if (!published.last_id.empty()) fmt::print("{}\n", published.last_id);
  std::fflush(stdout);
  if (arguments.quiet) return;
  std::string text = fmt::format("{} event{} published to {}", published.count,
                                 published.count == 1 ? "" : "s", arguments.topic);
  if (published.unknown > 0) {
    text += fmt::format(", and {} sent whose fate is not known: the connection was lost",
                        published.unknown);
  }
  complain(text + ".");
}

Task<void> cancel_later(Scope* interrupted, Scope* io) {
  while (co_await interrupted->sleep(kLongNs)) {
  }
  if (co_await io->sleep(kGraceNs)) io->cancel();
}

void add_publish_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "publish", "Publish one event, standard input line by line, or a file of events.");
  command->footer(kExamples);
  auto arguments = std::make_shared<PublishArguments>();
  command->add_option("TOPIC", arguments->topic, "where to");
  auto* data = command->add_option("DATA", arguments->data,
                                   "the event's data as it is; `-`: each line of standard input");
  command->add_option("--event", arguments->event, "the type of the event or of all lines");
  command->add_option("--id", arguments->id,
                      "your id of the event: published again under it, it is the same event");
  command->add_option("--file", arguments->file,
                      "publish this NDJSON file or JSON array in one request, all or nothing");
  command->add_flag("--exact", arguments->exact, "lines: lose none and double none");
  command->add_flag("--quiet", arguments->quiet, "lines: no count at the end");
  add_client_options(*command, arguments->client);
  command->callback(
      [arguments, data, &exit_code] { exit_code = run_publish(*arguments, data->count() > 0); });
}

}  // namespace ringcast
