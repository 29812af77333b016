#include "tools/ringcast/cli_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <simdjson.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <random>

#include "core/uring_driver.h"
#include "net/http_chars.h"
#include "net/http_status.h"
#include "tools/ringcast/version.h"

namespace ringcast {
namespace {

constexpr std::size_t kRefusalBytesMax = 64 << 10;
constexpr std::int64_t kBackoffMsMax = 30'000;

int interrupt_fd = -1;

// The handler is reset when it runs, so that a second signal ends the program.
void on_signal(int) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(interrupt_fd, &one, sizeof one);
}

void install_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGUSR2, SIG_IGN);  // it is for servers of the same name
}

Task<void> watch_signals(Scope* watching, Scope* scope) {
  if (co_await ready_for(*watching, interrupt_fd, POLLIN) > 0) scope->cancel();
}

Task<void> run_to_end(Task<int> command, Scope* watching, int* code) {
  *code = co_await std::move(command);
  watching->cancel();
  // This may be the first step of a turn, which must not wait for what does not come any more.
  watching->reactor().stop();
}

// From `{"error":{"code":…,"message":…}}`.
std::string message_of(std::string_view body) {
  simdjson::dom::parser parser;
  std::string_view message;
  const auto parsed = parser.parse(body.data(), body.size());
  if (parsed["error"]["message"].get(message) != simdjson::SUCCESS) return {};
  std::string text;
  append_printable(text, message);
  return text;
}

// What to do about a refusal, where that is known.
std::string_view advice(int status) {
  switch (status) {
    case 401:
      return " Give the server's token with --token or RINGCAST_TOKEN.";
    case 403:
      return " Is the token right, and does it allow this?";
    default:
      return "";
  }
}

}  // namespace

void add_client_options(CLI::App& command, ClientOptions& options) {
  command.add_option("--url", options.url, "the server")
      ->envname("RINGCAST_URL")
      ->capture_default_str();
  command
      .add_option("--header", options.headers,
                  "`Name: value`, sent with every request (repeatable)")
      ->allow_extra_args(false);
  command
      .add_option("--token", options.token,
                  "sent as `Authorization: Bearer TOKEN`; the environment keeps it out of `ps`")
      ->envname("RINGCAST_TOKEN");
}

Result<Endpoint> make_endpoint(const ClientOptions& options) {
  auto url = parse_http_url(options.url);
  if (!url) return std::unexpected(url.error());
  Endpoint endpoint{.url = *url, .headers = {{"User-Agent", fmt::format("ringcast/{}", kVersion)}}};
  for (const std::string& text : options.headers) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) {
      return fail("bad_header", fmt::format("`{}` is no header: write 'Name: value'.", text));
    }
    const std::string_view value = chars::trim(std::string_view(text).substr(colon + 1));
    ClientHeader header{text.substr(0, colon), std::string(value)};
    if (const auto problem = header_problem(header)) {
      return fail("bad_header", fmt::format("Not a usable header: {}.", *problem));
    }
    endpoint.headers.push_back(std::move(header));
  }
  if (!options.token.empty()) {
    ClientHeader header{"Authorization", "Bearer " + options.token};
    if (header_problem(header)) {
      return fail("bad_token", "The token has control characters.");
    }
    endpoint.headers.push_back(std::move(header));
  }
  return endpoint;
}

int run_command(const std::function<Task<int>(Scope& scope)>& command) {
  interrupt_fd = ::eventfd(0, EFD_CLOEXEC);
  auto driver = UringDriver::create({.entries = 64,
                                     .cq_entries = 256,
                                     .direct_descriptors = 1,
                                     .recv_buffers = 1,
                                     .recv_buffer_bytes = 64});
  if (!driver) return fail_with(driver.error());
  if (interrupt_fd < 0) return fail_with({"eventfd", "No descriptor is left for an eventfd."});
  Reactor reactor(0, std::move(*driver));
  Scope scope(reactor);
  Scope watching(reactor);
  install_signals();
  int code = kExitFailed;
  reactor.spawn(watch_signals(&watching, &scope));
  reactor.spawn(run_to_end(command(scope), &watching, &code));
  while (reactor.spawned() > 0) reactor.turn(true);
  return code;
}

int run_client(const ClientOptions& options, std::string problem,
               const std::function<Task<int>(Scope* scope, const Endpoint* endpoint)>& command) {
  const auto endpoint = make_endpoint(options);
  if (problem.empty() && !endpoint) problem = endpoint.error().message;
  if (!problem.empty()) {
    complain(problem);
    return kExitUsage;
  }
  return run_command([&](Scope& scope) { return command(&scope, &*endpoint); });
}

Task<Result<void>> open(HttpClient* client, const Endpoint* endpoint) {
  auto addresses = resolve(endpoint->url);
  if (!addresses) co_return std::unexpected(addresses.error());
  co_return co_await client->connect(*addresses);
}

Task<Error> refusal(HttpClient* client, ClientResponse response) {
  std::string reason(reason_phrase(response.status));
  if (reason.empty()) append_printable(reason, response.reason);
  const std::string status =
      fmt::format("{}{}{}", response.status, reason.empty() ? "" : " ", reason);
  if (const auto body = co_await client->body(kRefusalBytesMax)) {
    if (const std::string message = message_of(*body); !message.empty()) {
      co_return Error{"refused",
                      fmt::format("{} ({}){}", message, status, advice(response.status))};
    }
  }
  std::string text = fmt::format("The server answered {}.{}", status, advice(response.status));
  if (const std::string_view location = response.find("Location"); !location.empty()) {
    text += " It points to ";
    append_printable(text, location);
    text += "; give that with --url.";
  }
  co_return Error{"refused", std::move(text)};
}

bool is_transient(int status) { return status == 408 || status == 429 || status >= 500; }

void complain(std::string_view sentence) { fmt::print(stderr, "ringcast: {}\n", sentence); }

int fail_with(const Error& error) {
  complain(error.message);
  return kExitFailed;
}

std::int64_t Backoff::next_ms(std::int64_t first_ms) {
  static std::minstd_rand random(std::random_device{}());
  const std::int64_t most_ms = std::max(first_ms, kBackoffMsMax);
  std::int64_t pause_ms = std::max<std::int64_t>(first_ms, 1);
  for (int n = 0; n < attempts_ && pause_ms < most_ms; ++n) pause_ms *= 2;
  ++attempts_;
  pause_ms = std::min(pause_ms, most_ms);
  return pause_ms + std::uniform_int_distribution<std::int64_t>(0, pause_ms / 4)(random);
}

Output::Output() : terminal_(::isatty(STDOUT_FILENO) == 1) {
  struct stat status{};
  always_ready_ = ::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
}

Task<Output::Outcome> Output::write(Scope* scope, std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t most = bytes.size();
    if (!always_ready_) {
      // A pipe that is ready takes PIPE_BUF bytes without blocking.
      most = std::min<std::size_t>(most, PIPE_BUF);
      if (co_await ready_for(*scope, STDOUT_FILENO, POLLOUT) == -ECANCELED) {
        co_return Outcome::cancelled;
      }
    }
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), most);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) {
      error_ = errno;
      co_return errno == EPIPE ? Outcome::closed : Outcome::failed;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  co_return Outcome::written;
}

Task<void> Output::watch(Scope* watching, Scope* scope) const {
  if (always_ready_) co_return;
  const int ready = co_await ready_for(*watching, STDOUT_FILENO, POLLERR);
  if (ready > 0 && (ready & (POLLERR | POLLHUP)) != 0) scope->cancel();
}

int Output::exit_code(Outcome outcome) const {
  if (outcome != Outcome::failed) return kExitOk;
  complain(fmt::format("Cannot write to standard output: {}.", std::strerror(error_)));
  return kExitFailed;
}

void append_printable(std::string& out, std::string_view text) {
  const auto byte_at = [text](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const unsigned c = byte_at(at);
    // U+0080 to U+009F are controls too: some terminals obey them.
    const bool wide_control = c == 0xc2 && byte_at(at + 1) >= 0x80 && byte_at(at + 1) < 0xa0;
    if ((c < 0x20 && c != '\t') || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else if (wide_control) {
      out += fmt::format("\\x{:02x}", byte_at(++at));
    } else {
      out += text[at];
    }
  }
}

}  // namespace ringcast
