#include "tools/ringload/connection.h"

#include <unistd.h>

#include <cerrno>

namespace ringcast::load {

Connection::Connection(Loop& loop, std::size_t ring)
    : Completion(finish), loop_(loop), ring_(loop.ring(ring)) {}

bool Connection::open(const Address& to, const SocketOptions& options) {
  const auto fd = open_socket(to, options);
  if (!fd) {
    on_end(errno, "socket");
    return false;
  }
  if (options.stamped && !stamp_) stamp_ = std::make_unique<ArrivalStamp>();
  to_ = &to;
  adopted_ = ordinary_ = *fd;
  Operation adopt{.code = OpCode::adopt, .fd = {}};
  adopt.data = &adopted_;
  push(adopt, kAdopt);
  return true;
}

void Connection::push(Operation operation, Tag tag) {
  busy_ |= bit(tag);
  operation.tag = tag;
  operation.completion = this;
  ring_.push(operation);
}

void Connection::send(std::string_view bytes) {
  Operation operation{.code = OpCode::send, .fd = fd_};
  operation.data = const_cast<char*>(bytes.data());
  operation.size = static_cast<std::uint32_t>(bytes.size());
  push(operation, kSend);
}

void Connection::send_parts(msghdr& parts) {
  Operation operation{.code = OpCode::send_message, .fd = fd_};
  operation.data = &parts;
  push(operation, kSend);
}

void Connection::receive() {
  Operation operation{.code = OpCode::recv_provided, .fd = fd_};
  if (stamp_) {
    operation.code = OpCode::recv_message;
    operation.data = &stamp_->message();
  }
  push(operation, kReceive);
}

void Connection::close() {
  if (fd_.valid()) ring_.push({.code = OpCode::close, .fd = fd_});
  fd_ = {};
}

void Connection::abandon() {
  if (abandoned_) return;
  abandoned_ = true;
  // What is under way holds the socket: it would not be closed before that ends. To cancel all of a
  // descriptor the kernel searches through the operations of all.
  for (const Tag tag : {kConnect, kSend, kReceive}) {
    if ((busy_ & bit(tag)) == 0) continue;
    Operation cancel{.code = OpCode::cancel, .cancel_tag = tag, .fd = {}};
    cancel.data = static_cast<Completion*>(this);
    ring_.push(cancel);
  }
  close();
  if (busy_ == 0) let_go();
}

void Connection::finish_abandoned(std::int32_t result, std::uint32_t flags, unsigned tag) {
  if ((flags & kHasBuffer) != 0) ring_.return_buffer(buffer_of(flags));
  if (tag == kAdopt) {
    ::close(ordinary_);
    ordinary_ = -1;
    if (result == 1) fd_ = Descriptor::direct(adopted_);
    close();
  }
  if (busy_ == 0) let_go();
}

void Connection::let_go() {
  abandoned_ = false;
  on_abandoned();
}

void Connection::finish(Completion& completion, std::int32_t result, std::uint32_t flags,
                        unsigned tag) {
  auto& self = static_cast<Connection&>(completion);
  self.busy_ &= static_cast<std::uint8_t>(~bit(tag));
  if (self.abandoned_) [[unlikely]]
    return self.finish_abandoned(result, flags, tag);
  switch (tag) {
    case kReceive:
      self.finish_receive(result, flags);
      break;
    case kSend:
      result < 0 ? self.on_end(-result, "send") : self.on_sent();
      break;
    case kAdopt:
      self.finish_adopt(result);
      break;
    case kConnect:
      if (result < 0) {
        self.close();
        self.on_end(-result, "connect");
      } else {
        self.on_connected();
      }
      break;
    default:
      break;
  }
}

void Connection::finish_adopt(std::int32_t result) {
  ::close(ordinary_);
  ordinary_ = -1;
  if (result != 1) {
    on_end(result < 0 ? -result : ENFILE, "descriptor table");
    return;
  }
  fd_ = Descriptor::direct(adopted_);
  Operation connect{.code = OpCode::connect, .fd = fd_, .size = to_->length};
  connect.data = const_cast<sockaddr*>(to_->raw());
  push(connect, kConnect);
}

void Connection::finish_receive(std::int32_t result, std::uint32_t flags) {
  if (result > 0) [[likely]] {
    const std::uint16_t buffer = buffer_of(flags);
    if (stamp_) stamped_ns_ = loop_.on_loops_clock(stamp_->wall_ns());
    on_bytes({ring_.buffer(buffer).data(), static_cast<std::size_t>(result)});
    ring_.return_buffer(buffer);
    return;
  }
  if ((flags & kHasBuffer) != 0) ring_.return_buffer(buffer_of(flags));
  if (result == -ENOBUFS) {
    // All buffers are handed out to completions of this very turn, and back by its end.
    receive();
    return;
  }
  close();
  on_end(-result, "receive");
}

}  // namespace ringcast::load
