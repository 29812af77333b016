#include "net/tcp_server.h"

#include <algorithm>

#include "core/list.h"
#include "net/listener.h"
#include "net/program.h"

namespace ringcast {
namespace {

class TcpServer final : public CoreServer, public Acceptor::Sink {
 public:
  TcpServer(Reactor& reactor, int listener, const TcpFunction& serve)
      : reactor_(reactor), acceptor_(reactor, listener, *this), serve_(serve) {
    acceptor_.start();
  }
  ~TcpServer() override { RINGCAST_CHECK(connections_.empty()); }

  void drain() override {
    draining_ = true;
    acceptor_.stop();
    connections_.for_each([this](Connection& connection) { end_input(connection); });
  }
  void abort() override {
    connections_.for_each([](Connection& connection) { connection.scope.cancel(); });
  }
  bool finished() const override { return connections_.empty() && acceptor_.idle(); }

 private:
  struct Connection : ListHook {
    Connection(Reactor& reactor, Descriptor fd) : scope(reactor), socket(scope, fd) {}
    Scope scope;
    Socket socket;
  };

  void accepted(Descriptor fd, const SocketAddress&) override {
    auto* connection = new Connection(reactor_, fd);
    connections_.push_back(*connection);
    if (draining_) end_input(*connection);
    reactor_.spawn(run(&serve_, connection));
  }

  static Task<void> run(const TcpFunction* serve, Connection* connection) {
    co_await (*serve)(connection->socket);
    co_await connection->scope.join();
    co_await connection->socket.close();
    delete connection;
  }

  void end_input(Connection& connection) {
    reactor_.push(
        {.code = OpCode::shutdown, .fd = connection.socket.descriptor(), .size = SHUT_RD});
  }

  Reactor& reactor_;
  Acceptor acceptor_;
  const TcpFunction& serve_;
  List<Connection> connections_;
  bool draining_ = false;
};

}  // namespace

Result<void> serve_tcp(const std::string& address, TcpFunction serve) {
  return run_servers(address, [&serve](Reactor& reactor, int listener) {
    return std::make_unique<TcpServer>(reactor, listener, serve);
  });
}

}  // namespace ringcast
