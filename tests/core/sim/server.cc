#include "tests/core/sim/server.h"

#include <charconv>
#include <utility>

#include "core/socket.h"
#include "tests/core/sim/client.h"

namespace ringcast::sim {
namespace {

struct Posted : Message {
  explicit Posted(std::function<void()> what) : Message(run), work(std::move(what)) {}
  static void run(Message& message) {
    const std::unique_ptr<Posted> self(static_cast<Posted*>(&message));
    self->work();
  }
  std::function<void()> work;
};

}  // namespace

void run_on(Reactor& reactor, std::function<void()> work) {
  reactor.post(*std::make_unique<Posted>(std::move(work)).release());
}

Server::Server(World& world, unsigned core, std::uint16_t buffers, std::size_t buffer_bytes)
    : world_(world),
      driver_(*new SimDriver(world, core, buffers, buffer_bytes)),
      reactor_(core, std::unique_ptr<Driver>(&driver_)),
      listening_(reactor_),
      connections_(reactor_) {}

void Server::start(Fabric& fabric, Admission& admission, const HubOptions& hub,
                   const TopicTableOptions& table, Lookup lookup) {
  admission_ = &admission;
  lookup_ = std::move(lookup);
  shard_ = std::make_unique<Shard>(reactor_, fabric, admission, hub, table);
  listener_ = driver_.listen();
  reactor_.opened_descriptor();
  run_on(reactor_, [this] { listening_.spawn(listen(this)); });
}

void Server::stop_listening() { listening_.cancel(); }

void Server::cancel() {
  listening_.cancel();
  connections_.cancel();
}

Task<void> Server::listen(Server* self) {
  for (;;) {
    const Operation operation{.code = OpCode::accept, .fd = self->listener_};
    const std::int32_t result = co_await SocketOperation(self->listening_, operation);
    if (result >= 0) {
      self->reactor_.opened_descriptor();
      self->connections_.spawn(serve(self, Descriptor::direct(result)));
    }
    if (self->listening_.cancelled()) break;
  }
  co_await Socket(self->listening_, self->listener_).close();
}

Task<std::string> Server::read_line(Server* self, Descriptor fd) {
  const Socket socket(self->connections_, fd);
  // Without a deadline, whatever forgets this one is found.
  const bool patient = self->world_.random.percent(50);
  const std::int64_t by =
      patient ? Socket::kNoDeadline
              : self->reactor_.now_ns() + self->world_.random.skewed(5'000'000, 500'000'000);
  std::string line;
  while (!line.ends_with('\n')) {
    const Received received = co_await socket.receive(by);
    if (received.result() <= 0) co_return std::string{};
    // Whoever holds on to its buffer makes others wait for one.
    if (self->world_.random.percent(40)) {
      co_await self->connections_.sleep(self->world_.random.skewed(0, 3'000'000));
    }
    line += received.bytes();
  }
  co_return line;
}

Task<void> Server::serve(Server* self, Descriptor fd) {
  const Socket socket(self->connections_, fd);
  const bool admitted = self->admission_->enter();
  const std::string line = co_await read_line(self, fd);
  int client = -1;
  std::from_chars(line.data(), line.data() + line.size(), client);
  if (client >= 0 && admitted) {
    auto subscribed = co_await self->shard_->subscribe(fd, self->lookup_(client));
    if (subscribed) co_return;  // the hub counts it out
    self->world_.note("refused", client);
    co_await socket.send(kRefusal);
  }
  co_await socket.close();
  self->admission_->leave();
}

}  // namespace ringcast::sim
