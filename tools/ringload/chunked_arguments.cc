#include "tools/ringload/chunked_arguments.h"

#include <fmt/format.h>

#include "tools/ringload/chunked_publisher.h"

namespace ringcast::load {

const char* const kChunkedExamples = R"(Examples:
  How much can it carry? Every subscriber reads an endless response, a line for each event, and
  every publisher writes lines into an endless body:
    ringload chunked --subscribers 1000 --publishers 32 --window 64 --server-pid $(pidof ringcast)
  How fast is it at a given load?
    ringload chunked --subscribers 100 --rate 1000 --time 30
  Another server, described by a file:
    ringload chunked --target bench/targets/reference.yaml --subscribers 100 --rate 100

A publisher keeps one request open for each topic that it publishes to. With P publishers and T
topics these are lcm(P, T) in all: as many as there are publishers where P is a multiple of T.
Nothing answers a line: an event counts as published once its line is with the kernel, and
--pipeline says how many lines of a publisher may wait for that. At the end the bodies are ended,
and the answers must count the lines that were sent; only what they count can be lost.

The part `chunked` of a target file (YAML), here with what holds for ringcast; {topic}, {payload}
and {event} are substituted:
    chunked:
      subscribe:
        path: "/events?topic={topic}&format=ndjson"
        headers: {Accept: application/x-ndjson}
        gap: '"event":"gap"'  # in a line that tells of missed events
      publish:
        method: POST
        path: "/api/events/{topic}?stream=lines"
        headers: {Content-Type: text/plain}
        line: "{payload}"
        count: count          # the member of the answer that says how many lines came; "": none
A line is an event if it contains a stamp of this run, wherever it is.
)";

namespace {

constexpr std::size_t kMostBodies = 200'000;

}  // namespace

Result<void> check_chunked(const Options& options, const std::string& target_file) {
  if (!target_file.empty() && !options.target.has_part("chunked")) {
    return fail("bad_target", fmt::format("{} has no part `chunked`.", target_file));
  }
  const std::size_t bodies = chunked_connections(options);
  if (bodies <= kMostBodies) return {};
  return fail("bad_usage",
              fmt::format("--publishers {} and --topics {} make {} bodies, and at most "
                          "{} can be open: let one be a multiple of the other.",
                          options.publishers, options.topics, bodies, kMostBodies));
}

}  // namespace ringcast::load
