#include "tests/core/sim/sim_driver.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace ringcast::sim {
namespace {

constexpr std::size_t kPadding = 64;
constexpr std::size_t kFiles = 256;

const char* name_of(OpCode code) {
  switch (code) {
    case OpCode::accept:
      return "accept";
    case OpCode::adopt:
      return "adopt";
    case OpCode::connect:
      return "connect";
    case OpCode::recv:
      return "recv";
    case OpCode::recv_provided:
      return "recv_provided";
    case OpCode::recv_message:
      return "recv_message";
    case OpCode::send:
      return "send";
    case OpCode::send_message:
      return "send_message";
    case OpCode::read:
    case OpCode::write:
      return "read";
    case OpCode::poll:
      return "poll";
    case OpCode::shutdown:
      return "shutdown";
    case OpCode::close:
      return "close";
    case OpCode::cancel:
      return "cancel";
    case OpCode::cancel_all:
      return "cancel_all";
  }
  return "?";
}

bool same_completion(const Operation& operation, const Operation& cancel) {
  return operation.completion != nullptr && operation.completion == cancel.data &&
         operation.tag == cancel.cancel_tag;
}

}  // namespace

SimDriver::SimDriver(World& world, unsigned core, std::uint16_t buffers, std::size_t buffer_bytes)
    : world_(world), core_(core), buffer_bytes_(buffer_bytes), files_(kFiles) {
  for (std::uint16_t id = 0; id < buffers; ++id) {
    buffers_.emplace_back(buffer_bytes + kPadding, '\0');
    free_buffers_.push_back(id);
  }
  counters_.buffers_total = buffers;
  counters_.direct_descriptors_max = kFiles;
}

void SimDriver::bug(const Operation& operation, const char* what) const {
  std::fflush(stdout);
  std::fprintf(stderr, "simulated kernel, core %u, descriptor %d: %s %s\n", core_,
               operation.fd.number(), name_of(operation.code), what);
  std::abort();
}

Descriptor SimDriver::listen() {
  const int index = open_file(nullptr);
  files_[static_cast<std::size_t>(index)].listener = true;
  return Descriptor::direct(index);
}

int SimDriver::open_file(std::shared_ptr<Connection> connection) {
  // Any free index: reuse must not matter.
  std::size_t index = world_.random.below(kFiles / 4);
  while (files_[index].open) index = (index + 1) % kFiles;
  files_[index] = {.open = true, .connection = std::move(connection)};
  return static_cast<int>(index);
}

std::size_t SimDriver::open_descriptors() const {
  return static_cast<std::size_t>(std::ranges::count_if(files_, &File::open));
}

std::span<char> SimDriver::buffer(std::uint16_t id) { return {buffers_[id].data(), buffer_bytes_}; }

void SimDriver::return_buffer(std::uint16_t id) {
  if (std::ranges::find(free_buffers_, id) != free_buffers_.end()) std::abort();
  std::ranges::fill(buffers_[id], '#');  // who still reads it sees that
  free_buffers_.push_back(id);
  --counters_.buffers_out;
}

void SimDriver::push(const Operation& operation) {
  world_.let_others_run();
  queued_.push_back(operation);
  if (queued_.size() >= world_.mood.queue) submit();
}

void SimDriver::submit() {
  ++counters_.enters;
  for (const Operation& operation : queued_) submit(operation);
  queued_.clear();
}

void SimDriver::submit(const Operation& operation) {
  ++counters_.submitted;
  if (operation.code == OpCode::cancel) {
    cancel(operation);  // names an operation, which may be over together with its descriptor
    return;
  }
  const auto index = static_cast<std::size_t>(operation.fd.number());
  if (!operation.fd.valid() || index >= files_.size() || !files_[index].open) {
    bug(operation, "on a descriptor that is not open");
  }
  switch (operation.code) {
    case OpCode::cancel_all:
      cancel(operation);
      break;
    case OpCode::close:
      close(operation);
      break;
    case OpCode::accept:
    case OpCode::recv:
    case OpCode::recv_provided:
    case OpCode::send:
    case OpCode::poll:
    case OpCode::shutdown:
      ++files_[index].operations;
      in_flight_.push_back({.operation = operation, .at_ns = world_.now_ns + world_.delay_ns()});
      break;
    default:
      bug(operation, "is not simulated");
  }
}

void SimDriver::cancel(const Operation& operation) {
  std::erase_if(in_flight_, [&](InFlight& entry) {
    const bool meant = operation.code == OpCode::cancel_all
                           ? entry.operation.fd == operation.fd
                           : same_completion(entry.operation, operation);
    if (!meant) return false;
    // It may end by itself just now, or the answer may take a while.
    if (world_.random.percent(world_.mood.race_percent) && attempt(entry)) return true;
    if (entry.cancelled) return false;
    entry.cancelled = true;
    entry.at_ns = world_.now_ns + world_.delay_ns();
    return false;
  });
}

void SimDriver::close(const Operation& operation) {
  File& file = files_[static_cast<std::size_t>(operation.fd.number())];
  if (file.operations > 0) bug(operation, "while operations are in flight");
  if (Connection* connection = file.connection.get()) {
    connection->server_closed = connection->server_ended = true;
    if (!connection->to_server.empty()) {
      // Closing with unread bytes resets, which may cut off what was sent.
      connection->reset = true;
      if (world_.random.percent(50)) connection->to_client.clear();
    }
  }
  file = File{};
  world_.note("close", core_, operation.fd.number());
  if (operation.completion == nullptr) return;
  ended_.push_back({.finished = {operation.completion, operation.tag, 0, 0},
                    .at_ns = world_.now_ns + world_.delay_ns()});
}

void SimDriver::end(const Operation& operation, std::int32_t result, std::uint32_t flags) {
  world_.note(name_of(operation.code), core_, operation.fd.number(), result);
  const int file = operation.fd.number();
  if (operation.completion == nullptr) {
    --files_[static_cast<std::size_t>(file)].operations;
    return;
  }
  ended_.push_back({.finished = {operation.completion, operation.tag, result, flags},
                    .file = file,
                    .at_ns = world_.now_ns + world_.delay_ns()});
}

void SimDriver::give_up(InFlight& entry) {
  const auto sent = static_cast<std::int32_t>(entry.progress);
  end(entry.operation, sent > 0 ? sent : -ECANCELED);
}

bool SimDriver::attempt(InFlight& entry) {
  switch (entry.operation.code) {
    case OpCode::accept:
      return attempt_accept(entry);
    case OpCode::recv:
    case OpCode::recv_provided:
      return attempt_receive(entry);
    case OpCode::send:
      return attempt_send(entry);
    case OpCode::poll:
      return attempt_poll(entry);
    default:
      return attempt_shutdown(entry);
  }
}

bool SimDriver::attempt_accept(InFlight& entry) {
  if (backlog_.empty()) return false;
  std::shared_ptr<Connection> connection = std::move(backlog_.front());
  backlog_.pop_front();
  if (connection->reset && world_.random.percent(50)) {
    end(entry.operation, -ECONNABORTED);
    return true;
  }
  end(entry.operation, open_file(std::move(connection)));
  return true;
}

bool SimDriver::attempt_receive(InFlight& entry) {
  const Operation& operation = entry.operation;
  Connection& connection = *files_[static_cast<std::size_t>(operation.fd.number())].connection;
  if (connection.reset) {
    end(operation, -ECONNRESET);
    return true;
  }
  std::string& bytes = connection.to_server;
  if (bytes.empty()) {
    if (!connection.client_ended) return false;
    end(operation, 0);
    return true;
  }
  char* into = static_cast<char*>(operation.data);
  std::size_t room = operation.size;
  std::uint32_t flags = 0;
  if (operation.code == OpCode::recv_provided) {
    if (free_buffers_.empty()) {
      end(operation, -ENOBUFS);
      return true;
    }
    const std::uint16_t id = free_buffers_.back();
    free_buffers_.pop_back();
    into = buffers_[id].data();
    room = buffer_bytes_;
    flags = kHasBuffer | (std::uint32_t{id} << 16);
  }
  const std::size_t size = std::min(bytes.size(), room);
  std::copy_n(bytes.data(), size, into);
  bytes.erase(0, size);
  end(operation, static_cast<std::int32_t>(size), flags);
  return true;
}

bool SimDriver::attempt_send(InFlight& entry) {
  const Operation& operation = entry.operation;
  Connection& connection = *files_[static_cast<std::size_t>(operation.fd.number())].connection;
  if (connection.server_ended) bug(operation, "after the end was sent");
  const bool broken = connection.reset;
  if (broken) {
    const auto sent = static_cast<std::int32_t>(entry.progress);
    end(operation, sent > 0 ? sent : (world_.random.percent(50) ? -EPIPE : -ECONNRESET));
    return true;
  }
  std::size_t size = operation.size - entry.progress;
  const char* const from = static_cast<const char*>(operation.data) + entry.progress;
  if (connection.client_gone) {
    // The bytes go out; the answer to them will be a reset.
    connection.reset = world_.random.percent(50);
  } else {
    const std::size_t used = std::min(connection.to_client.size(), connection.capacity);
    size = std::min(size, connection.capacity - used);
    if (size > 1 && world_.random.percent(world_.mood.short_percent)) {
      size = 1 + world_.random.below(size);
    }
    connection.to_client.append(from, size);
  }
  entry.progress += static_cast<std::uint32_t>(size);
  if (entry.progress < operation.size) {
    if (size > 0) entry.at_ns = world_.now_ns + 1 + world_.delay_ns();
    return false;
  }
  end(operation, static_cast<std::int32_t>(operation.size));
  return true;
}

bool SimDriver::attempt_poll(InFlight& entry) {
  const Operation& operation = entry.operation;
  const Connection& connection =
      *files_[static_cast<std::size_t>(operation.fd.number())].connection;
  if (!connection.client_ended && !connection.reset) return false;
  end(operation, POLLRDHUP | (connection.reset ? POLLERR | POLLHUP : 0));
  return true;
}

bool SimDriver::attempt_shutdown(InFlight& entry) {
  const Operation& operation = entry.operation;
  Connection& connection = *files_[static_cast<std::size_t>(operation.fd.number())].connection;
  if (!connection.reset) connection.server_ended = true;
  end(operation, connection.reset ? -ENOTCONN : 0);
  return true;
}

void SimDriver::progress() {
  std::erase_if(in_flight_, [this](InFlight& entry) {
    if (entry.at_ns > world_.now_ns) return false;
    if (!entry.cancelled) return attempt(entry);
    give_up(entry);
    return true;
  });
}

void SimDriver::deliver(std::vector<Finished>& finished) {
  // In any order: nothing relates the completions of different operations.
  for (std::size_t left = ended_.size(); left > 1; --left) {
    std::swap(ended_[left - 1], ended_[world_.random.below(left)]);
  }
  std::uint64_t handed = 0;
  std::erase_if(ended_, [&](const Ended& ended) {
    if (ended.at_ns > world_.now_ns || handed == world_.mood.reap) return false;
    ++handed;
    if (ended.file >= 0) --files_[static_cast<std::size_t>(ended.file)].operations;
    if ((ended.finished.flags & kHasBuffer) != 0) ++counters_.buffers_out;
    finished.push_back(ended.finished);
    return true;
  });
}

void SimDriver::turn(std::int64_t, std::vector<Finished>& finished) {
  submit();
  progress();
  deliver(finished);
}

std::int64_t SimDriver::next_event_ns() const {
  std::int64_t next = -1;
  const auto consider = [&](std::int64_t at_ns) {
    if (next < 0 || at_ns < next) next = at_ns;
  };
  for (const InFlight& entry : in_flight_) {
    if (entry.at_ns > world_.now_ns) consider(entry.at_ns);
  }
  for (const Ended& ended : ended_) consider(ended.at_ns);
  if (!queued_.empty()) consider(world_.now_ns);
  return next;
}

}  // namespace ringcast::sim
