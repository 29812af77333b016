#include "tools/ringload/subject.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>

#include "tools/ringload/address.h"
#include "tools/ringload/interruption.h"
#include "tools/ringload/target.h"

namespace ringcast::load {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kPort = "{port}";
constexpr auto kStep = std::chrono::milliseconds(20);
constexpr double kPatienceS = 15;

std::string with_port(std::string text, std::uint16_t port) {
  for (std::size_t at = 0; (at = text.find(kPort, at)) != std::string::npos;) {
    text.replace(at, kPort.size(), std::to_string(port));
  }
  return text;
}

// A socket that closes itself.
class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// One that nobody listens on now; 0: there is none.
std::uint16_t free_port() {
  const Socket socket(AF_INET);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const address = reinterpret_cast<sockaddr*>(&name);
  socklen_t size = sizeof name;
  if (bind(socket.fd(), address, size) != 0 || getsockname(socket.fd(), address, &size) != 0) {
    return 0;
  }
  return ntohs(name.sin_port);
}

// Whether it accepts, and, where there is a path, answers with 200.
bool answers(const Address& address, const std::string& host, const std::string& path) {
  const Socket socket(address.storage.ss_family);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(socket.fd(), address.raw(), address.length) != 0) return false;
  if (path.empty()) return true;
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, host);
  if (send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
  constexpr std::string_view kGood = "HTTP/1.1 200";
  char answer[kGood.size()];
  return recv(socket.fd(), answer, sizeof answer, MSG_WAITALL) ==
             static_cast<ssize_t>(sizeof answer) &&
         std::string_view(answer, sizeof answer) == kGood;
}

}  // namespace

RunningSubject::RunningSubject(const ScenarioSubject& subject, const Scenario& scenario)
    : subject_(subject), scenario_(scenario) {}

Result<RunningSubject> RunningSubject::start(const ScenarioSubject& subject,
                                             const Scenario& scenario,
                                             const TemporaryFolder& folder) {
  RunningSubject running(subject, scenario);
  if (auto located = running.locate(); !located) return std::unexpected(located.error());
  const std::string log = folder.file("server.log");
  std::error_code ignored;
  std::filesystem::remove(log, ignored);
  if (!subject.start.empty()) {
    Process::Setup setup{.command = subject.start,
                         .environment = subject.environment,
                         .directory = scenario.directory,
                         .cores = subject.cores,
                         .output = log};
    for (std::string& word : setup.command) word = with_port(word, running.port_);
    auto process = Process::start(setup);
    if (!process) return std::unexpected(process.error());
    running.process_.emplace(std::move(*process));
  }
  if (auto ready = running.wait_until_ready(log); !ready) return std::unexpected(ready.error());
  return running;
}

Result<void> RunningSubject::locate() {
  for (const std::string& word : subject_.start) {
    own_port_ = own_port_ || word.find(kPort) != std::string::npos;
  }
  const std::uint16_t port = own_port_ ? free_port() : 0;
  if (own_port_ && port == 0) return fail("cannot_start", "There is no free port.");
  const auto target =
      subject_.target.empty()
          ? target_from_url(with_port(subject_.url, port))
          : target_from_file((std::filesystem::path(scenario_.directory) / subject_.target));
  if (!target) return std::unexpected(target.error());
  host_ = target->host;
  port_ = own_port_ ? port : target->port;
  return {};
}

Result<void> RunningSubject::wait_until_ready(const std::string& log) {
  const auto address = resolve(host_, port_);
  if (!address) return std::unexpected(address.error());
  const std::string host = fmt::format("{}:{}", host_, port_);
  const auto end = Clock::now() + std::chrono::duration<double>(subject_.ready_timeout_s);
  while (!answers(*address, host, subject_.ready)) {
    if (interrupted) return fail("interrupted", "Interrupted.");
    if (const auto status = process_ ? process_->status() : std::nullopt) {
      return fail("not_ready", fmt::format("{} ended with status {}: {}", subject_.name, *status,
                                           tail_of(log, 10)));
    }
    if (Clock::now() > end) {
      return fail("not_ready", fmt::format("{} at {} is not ready after {} s: {}", subject_.name,
                                           host, subject_.ready_timeout_s, tail_of(log, 10)));
    }
    std::this_thread::sleep_for(kStep);
  }
  return {};
}

std::vector<std::string> RunningSubject::words() const {
  std::vector<std::string> words;
  if (subject_.target.empty()) {
    words = {"--url", with_port(subject_.url, port_)};
  } else {
    words = {"--target", (std::filesystem::path(scenario_.directory) / subject_.target).string()};
    if (own_port_) {
      words.emplace_back("--port");
      words.push_back(std::to_string(port_));
    }
  }
  if (process_) {
    words.emplace_back("--server-pid");
    words.push_back(std::to_string(process_->pid()));
  }
  return words;
}

bool RunningSubject::stop() {
  if (!process_) return true;
  const bool ran = !process_->status().has_value();
  process_->stop(kPatienceS);
  return ran;
}

}  // namespace ringcast::load
