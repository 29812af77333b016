#include "protocol/server_listeners.h"

#include <algorithm>
#include <iterator>

#include "protocol/log.h"
#include "protocol/service_manager.h"

namespace ringcast {
namespace {

std::size_t unused(const std::vector<InheritedSocket>& sockets) {
  return static_cast<std::size_t>(
      std::ranges::count_if(sockets, [](const InheritedSocket& each) { return each.fd >= 0; }));
}

Result<SocketAddress> address_of(const ListenAddress& wanted) {
  return wanted.is_unix() ? parse_unix_address(wanted.host) : parse_address(wanted.address_text());
}

}  // namespace

Result<void> ServerListeners::add_activated(Config& config,
                                            std::vector<InheritedSocket>& inherited) {
  auto activated = activation_sockets();
  if (!activated) return std::unexpected(std::move(activated.error()));
  for (const InheritedSocket& socket : *activated) {
    inherited.push_back(socket);
    const auto is_it = [&socket](const ListenAddress& known) {
      const auto address = address_of(known);
      return address && fits(*address, socket.address);
    };
    if (std::ranges::any_of(config.listen, is_it)) continue;
    const std::string text = address_text(socket.address);
    const auto named = parse_listen(text);
    if (!named) {
      return fail("bad_activation", "A socket of LISTEN_FDS is neither of TCP nor a Unix socket.");
    }
    config.listen.push_back(*named);
  }
  return {};
}

Result<void> ServerListeners::open(const Config& config, std::vector<InheritedSocket>& inherited,
                                   std::string_view version) {
  for (const ListenAddress& wanted : config.listen) {
    const auto address = address_of(wanted);
    if (!address) return std::unexpected(address.error());
    const std::size_t before = unused(inherited);
    const auto opened = clients_.open(*address, inherited, wanted.mode);
    if (!opened) return std::unexpected(opened.error());
    proxied_.push_back(wanted.proxy_protocol);
    log_info("listening", {{"address", address_text(*opened)},
                           {"cores", static_cast<std::uint64_t>(cores_)},
                           {"inherited", before != unused(inherited)},
                           {"proxy_protocol", wanted.proxy_protocol},
                           {"version", version}});
  }
  for (const ListenAddress& wanted : config.agent_check) {
    const auto address = address_of(wanted);
    if (!address) return std::unexpected(address.error());
    const auto opened = agents_.open(*address, inherited, wanted.mode);
    if (!opened) return std::unexpected(opened.error());
    log_info("answering agent checks", {{"address", address_text(*opened)}});
  }
  return {};
}

std::vector<ServerListeners::Listener> ServerListeners::take(std::size_t core) {
  std::vector<Listener> listeners;
  for (const CoreListener& each : clients_.take(core)) {
    listeners.push_back({each.fd, proxied_[each.which]});
  }
  return listeners;
}

std::vector<int> ServerListeners::take_agents() {
  std::vector<int> listeners;
  for (const CoreListener& each : agents_.take(0)) listeners.push_back(each.fd);
  return listeners;
}

std::vector<int> ServerListeners::of_kind(bool supervised) const {
  std::vector<int> listeners;
  for (const ListenerSet* const set : {&clients_, &agents_}) {
    for (const InheritedSocket& each : set->all()) {
      if (each.supervised == supervised) listeners.push_back(each.fd);
    }
  }
  return listeners;
}

std::vector<int> ServerListeners::supervised() const { return of_kind(true); }

std::vector<int> ServerListeners::all() const {
  std::vector<int> listeners = of_kind(true);
  std::ranges::copy(of_kind(false), std::back_inserter(listeners));
  return listeners;
}

void ServerListeners::leave_to_successor(std::span<const int> kept) { clients_.leave_files(kept); }

}  // namespace ringcast
