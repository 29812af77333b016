// What the commands that talk to a server share: their common options, a reactor to run on, the
// way from an answer to a sentence, and what Ctrl-C does.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.h"

namespace ringcast {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNoAnswer = 3;

struct ClientOptions {
  std::string url = "http://127.0.0.1:8080";
  std::vector<std::string> headers;  // `Name: value`
  std::string token;
};

// --url, --header, --token, with their environment variables.
void add_client_options(CLI::App& command, ClientOptions& options);

// Where requests go and what they all carry.
struct Endpoint {
  HttpUrl url;
  std::vector<ClientHeader> headers;

  std::string target(std::string_view path) const { return url.path + std::string(path); }
};

// Errors: bad_url, bad_header, bad_token: wrong usage all.
Result<Endpoint> make_endpoint(const ClientOptions& options);

// A scope within another: cancelled with it, or alone.
class ChildScope : public Scope, Cancellable {
 public:
  using Scope::cancel;

  explicit ChildScope(Scope& parent) : Scope(parent.reactor()), Cancellable(stop) {
    if (parent.cancelled()) {
      cancel();
    } else {
      parent.add(*this);
    }
  }

 private:
  static void stop(Cancellable& self) { static_cast<ChildScope&>(self).cancel(); }
};

// Waits until the descriptor is ready for one of the events (see poll(2)); the result is the ready
// ones or -errno. For what the kernel cannot poll: -EPERM or like it.
inline SocketOperation ready_for(Scope& scope, int fd, unsigned events) {
  Operation operation{.code = OpCode::poll, .fd = Descriptor::ordinary(fd)};
  operation.size = events;
  return {scope, operation};
}

// Runs a command's coroutine on this thread until it ends, and gives back its exit code. The scope
// is cancelled by SIGINT or SIGTERM; a second one ends the program at once. SIGPIPE is ignored.
int run_command(const std::function<Task<int>(Scope& scope)>& command);

// The same for a command that talks to the server of its options, unless its usage is wrong:
// `problem` says what is, if anything.
int run_client(const ClientOptions& options, std::string problem,
               const std::function<Task<int>(Scope* scope, const Endpoint* endpoint)>& command);

// Resolves the host and connects. Errors: those of resolve() and HttpClient.
Task<Result<void>> open(HttpClient* client, const Endpoint* endpoint);

// Why the server said no, from the rest of the response: its own words if it has any.
Task<Error> refusal(HttpClient* client, ClientResponse response);

// Worth another try later: 408, 429 and what a server that is not well answers.
bool is_transient(int status);

// `ringcast: SENTENCE` on standard error.
void complain(std::string_view sentence);
int fail_with(const Error& error);  // complains; what the program then ends with

// Pauses between attempts: `first_ms`, doubled each time up to 30 s, and up to a quarter more at
// random, so that clients of a server that went do not come back all at once.
class Backoff {
 public:
  std::int64_t next_ms(std::int64_t first_ms);
  void reset() { attempts_ = 0; }

 private:
  int attempts_ = 0;
};

// Standard output, written whenever it takes something, so that the scope can be cancelled.
class Output {
 public:
  enum class Outcome : std::uint8_t { written, closed, failed, cancelled };

  Output();
  Task<Outcome> write(Scope* scope, std::string_view bytes);
  // Cancels `scope` when nobody reads any more; ends with `watching`, at once for files.
  Task<void> watch(Scope* watching, Scope* scope) const;
  bool terminal() const { return terminal_; }
  // Complains if it is worth it (a reader that left is not); what the program ends with.
  int exit_code(Outcome outcome) const;

 private:
  bool terminal_;
  bool always_ready_;  // a file: takes everything
  int error_ = 0;
};

// Text for a terminal: control characters, which could command it, as \xNN; tabs stay.
void append_printable(std::string& out, std::string_view text);

}  // namespace ringcast
