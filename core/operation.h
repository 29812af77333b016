// What is asked of the kernel, and where the answer goes.
//
// Lifecycle of an operation: fill an Operation, Reactor::push() it; the driver submits it at the
// end of the turn; when the kernel is done, the Completion it names gets (result, flags). The
// Completion must stay where it is until then: cancelling does not change that, it only hastens the
// answer.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace ringcast {

// A socket or file of this core: either an index into the ring's table of direct descriptors (not
// bounded by RLIMIT_NOFILE over all cores), or an ordinary file descriptor of the process.
class Descriptor {
 public:
  Descriptor() = default;
  static Descriptor direct(int index) { return Descriptor(index); }
  static Descriptor ordinary(int fd) { return Descriptor(fd | kOrdinary); }
  bool valid() const { return raw_ >= 0; }
  bool is_direct() const { return (raw_ & kOrdinary) == 0; }
  int number() const { return raw_ & ~kOrdinary; }
  bool operator==(const Descriptor&) const = default;

 private:
  static constexpr int kOrdinary = 1 << 30;
  explicit Descriptor(int raw) : raw_(raw) {}
  int raw_ = -1;
};

// The receiver of an operation's result. `tag` (0..7) tells apart the operations that share one
// Completion, such as a subscriber's send, poll and close.
struct alignas(8) Completion {
  using Handler = void (*)(Completion&, std::int32_t result, std::uint32_t flags, unsigned tag);
  explicit Completion(Handler on_complete) : handler(on_complete) {}
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() = default;

  Handler handler;
};

enum class OpCode : std::uint8_t {
  accept,         // fd: listener; address/length out; result: index of a new direct descriptor
  adopt,          // data: int*, an ordinary fd; on success *data is its direct index
  connect,        // data: sockaddr, size: its length
  recv,           // into data/size
  recv_provided,  // into a buffer of the core's ring; flags name it
  recv_message,   // the same; data: msghdr without iovec, for the control data
  send,           // data/size, whole range (MSG_WAITALL), one completion
  send_message,   // data: msghdr
  read,           // ordinary file, data/size
  write,          // ordinary file, data/size; may write less
  poll,           // size: poll mask
  shutdown,       // size: SHUT_*
  close,          // direct descriptors
  cancel,         // data: the Completion of the operation to cancel, tag in cancel_tag
  cancel_all,     // every operation on fd
};

struct Operation {
  OpCode code;
  std::uint8_t tag = 0;
  std::uint8_t cancel_tag = 0;
  Descriptor fd;
  std::uint32_t size = 0;
  void* data = nullptr;
  sockaddr* address = nullptr;
  socklen_t* address_length = nullptr;
  Completion* completion = nullptr;  // null: nobody cares for the result
};

// Completion flags, as io_uring has them: bit 0 says that the upper 16 bits name a provided buffer.
inline constexpr std::uint32_t kHasBuffer = 1U;
inline std::uint16_t buffer_of(std::uint32_t flags) {
  return static_cast<std::uint16_t>(flags >> 16);
}

}  // namespace ringcast
