#include "core/uring_driver.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/check.h"

namespace ringcast {
namespace {

constexpr int kBufferGroup = 0;
// simdjson reads up to 64 bytes past the end of what it parses.
constexpr unsigned kBufferPadding = 64;
constexpr unsigned kReapPerTurn = 1024;
constexpr std::uint64_t kIgnored = 0;
constexpr std::uint64_t kWake = 1;  // not a valid Completion address

std::uint64_t user_data_of(const Operation& op) {
  return op.completion == nullptr ? kIgnored
                                  : reinterpret_cast<std::uint64_t>(op.completion) | op.tag;
}

Error explain_setup(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return {
          "io_uring_denied",
          "The kernel refuses io_uring (EPERM). Allow it: `sysctl -w kernel.io_uring_disabled=0`; "
          "in a container also a seccomp profile that permits io_uring_setup (Docker 25 and "
          "containerd block it by default)."};
    case ENOSYS:
      return {"io_uring_missing",
              "This kernel has no io_uring (ENOSYS). ringcast needs Linux 5.19 or newer, or a "
              "container runtime whose seccomp profile permits io_uring_setup."};
    case ENOMEM:
      return {"io_uring_memory",
              "No memory for the ring (ENOMEM). Raise RLIMIT_MEMLOCK (`ulimit -l`), or lower "
              "ring.entries and ring.cq_entries."};
    default:
      return {"io_uring_setup", fmt::format("io_uring_setup failed: {}.", std::strerror(error))};
  }
}

}  // namespace

Result<std::unique_ptr<UringDriver>> UringDriver::create(const UringLimits& limits) {
  std::unique_ptr<UringDriver> driver(new UringDriver(limits));
  if (auto opened = driver->open_ring(); !opened) return std::unexpected(opened.error());
  if (auto opened = driver->open_descriptors(); !opened) return std::unexpected(opened.error());
  if (auto opened = driver->open_buffers(); !opened) return std::unexpected(opened.error());
  driver->wake_fd_ = eventfd(0, EFD_CLOEXEC);
  if (driver->wake_fd_ < 0) {
    return fail("eventfd", fmt::format("eventfd failed: {}.", std::strerror(errno)));
  }
  driver->arm_wake();
  return driver;
}

UringDriver::~UringDriver() {
  if (ring_open_) {
    // Ends whatever is still in flight before the memory that it points into goes away.
    io_uring_queue_exit(&ring_);
  }
  if (buffer_ring_ != nullptr) std::free(buffer_ring_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

Result<void> UringDriver::open_ring() {
  struct Attempt {
    unsigned flags;
    const char* note;
  };
  const Attempt attempts[] = {
      {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL, ""},
      {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
       "no deferred task running (Linux 6.1): completions may interrupt the core"},
      {0, "no cooperative task running (Linux 5.19): completions interrupt the core"},
  };
  int error = 0;
  for (const Attempt& attempt : attempts) {
    io_uring_params params{};
    params.flags = attempt.flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    params.cq_entries = std::max(limits_.cq_entries, limits_.entries);
    error = -io_uring_queue_init_params(limits_.entries, &ring_, &params);
    if (error == 0) {
      if (*attempt.note != '\0') notes_.emplace_back(attempt.note);
      ring_open_ = true;
      // Without it each enter looks the ring's file up; failing costs only that.
      if (io_uring_register_ring_fd(&ring_) < 0)
        notes_.emplace_back("ring descriptor unregistered");
      return {};
    }
    if (error != EINVAL) break;
  }
  return std::unexpected(explain_setup(error));
}

Result<void> UringDriver::open_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  // A ring's table may be as large as RLIMIT_NOFILE, but each ring has its own.
  const auto most = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, 1U << 20));
  unsigned wanted = limits_.direct_descriptors == 0 ? most : limits_.direct_descriptors;
  wanted = std::min(wanted, most);
  const int result = io_uring_register_files_sparse(&ring_, wanted);
  if (result < 0) {
    return fail("io_uring_descriptors",
                fmt::format("Cannot register {} direct descriptors: {}. Needs Linux 5.19; lower "
                            "ring.direct_descriptors or raise RLIMIT_NOFILE.",
                            wanted, std::strerror(-result)));
  }
  counters_.direct_descriptors_max = wanted;
  return {};
}

Result<void> UringDriver::open_buffers() {
  const unsigned count = limits_.recv_buffers;
  RINGCAST_CHECK(count > 0 && (count & (count - 1)) == 0 && count <= 32768);
  void* memory = nullptr;
  if (posix_memalign(&memory, 4096, count * sizeof(io_uring_buf)) != 0) {
    return fail("out_of_memory", "No memory for the receive buffers.");
  }
  std::memset(memory, 0, count * sizeof(io_uring_buf));
  buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(memory);
  registration.ring_entries = count;
  registration.bgid = kBufferGroup;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result < 0) {
    return fail("io_uring_buffers", fmt::format("Cannot register receive buffers: {}. Needs Linux "
                                                "5.19.",
                                                std::strerror(-result)));
  }
  io_uring_buf_ring_init(buffer_ring_);
  const std::size_t stride = limits_.recv_buffer_bytes + kBufferPadding;
  buffers_ = std::make_unique<char[]>(stride * count);
  for (unsigned id = 0; id < count; ++id) {
    io_uring_buf_ring_add(buffer_ring_, buffers_.get() + stride * id, limits_.recv_buffer_bytes,
                          static_cast<unsigned short>(id), io_uring_buf_ring_mask(count),
                          static_cast<int>(id));
  }
  io_uring_buf_ring_advance(buffer_ring_, static_cast<int>(count));
  counters_.buffers_total = count;
  return {};
}

void UringDriver::arm_wake() {
  io_uring_sqe* sqe = next_sqe();
  io_uring_prep_read(sqe, wake_fd_, &wake_value_, sizeof wake_value_, 0);
  io_uring_sqe_set_data64(sqe, kWake);
}

io_uring_sqe* UringDriver::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    ++counters_.enters;
    io_uring_submit(&ring_);
    sqe = io_uring_get_sqe(&ring_);
  }
  ++counters_.submitted;
  return sqe;
}

void UringDriver::push(const Operation& op) {
  io_uring_sqe* sqe = next_sqe();
  const int fd = op.fd.number();
  switch (op.code) {
    case OpCode::accept:
      io_uring_prep_accept(sqe, fd, op.address, op.address_length, 0);
      sqe->file_index = IORING_FILE_INDEX_ALLOC;
      break;
    case OpCode::adopt:
      io_uring_prep_files_update(sqe, static_cast<int*>(op.data), 1, 0);
      sqe->off = IORING_FILE_INDEX_ALLOC;
      break;
    case OpCode::connect:
      io_uring_prep_connect(sqe, fd, static_cast<sockaddr*>(op.data), op.size);
      break;
    case OpCode::recv:
      io_uring_prep_recv(sqe, fd, op.data, op.size, 0);
      break;
    case OpCode::recv_provided:
      io_uring_prep_recv(sqe, fd, nullptr, 0, 0);
      break;
    case OpCode::recv_message:
      io_uring_prep_recvmsg(sqe, fd, static_cast<msghdr*>(op.data), 0);
      break;
    case OpCode::send:
      io_uring_prep_send(sqe, fd, op.data, op.size, MSG_WAITALL | MSG_NOSIGNAL);
      break;
    case OpCode::send_message:
      io_uring_prep_sendmsg(sqe, fd, static_cast<msghdr*>(op.data), MSG_WAITALL | MSG_NOSIGNAL);
      break;
    case OpCode::read:
      io_uring_prep_read(sqe, fd, op.data, op.size, static_cast<std::uint64_t>(-1));
      break;
    case OpCode::write:
      io_uring_prep_write(sqe, fd, op.data, op.size, static_cast<std::uint64_t>(-1));
      break;
    case OpCode::poll:
      io_uring_prep_poll_add(sqe, fd, op.size);
      break;
    case OpCode::shutdown:
      io_uring_prep_shutdown(sqe, fd, static_cast<int>(op.size));
      break;
    case OpCode::close:
      if (op.fd.is_direct()) {
        io_uring_prep_close_direct(sqe, static_cast<unsigned>(fd));
      } else {
        io_uring_prep_close(sqe, fd);
      }
      break;
    case OpCode::cancel:
      io_uring_prep_cancel64(sqe, reinterpret_cast<std::uint64_t>(op.data) | op.cancel_tag, 0);
      break;
    case OpCode::cancel_all:
      io_uring_prep_cancel_fd(
          sqe, fd,
          IORING_ASYNC_CANCEL_ALL | (op.fd.is_direct() ? IORING_ASYNC_CANCEL_FD_FIXED : 0U));
      break;
  }
  const bool on_socket = op.code != OpCode::accept && op.code != OpCode::adopt &&
                         op.code != OpCode::close && op.code != OpCode::cancel &&
                         op.code != OpCode::cancel_all;
  if (on_socket && op.fd.is_direct()) sqe->flags |= IOSQE_FIXED_FILE;
  if (op.code == OpCode::recv_provided || op.code == OpCode::recv_message) {
    // An idle connection: do not try first, wait until there is something.
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    sqe->buf_group = kBufferGroup;
    sqe->flags |= IOSQE_BUFFER_SELECT;
  }
  io_uring_sqe_set_data64(sqe, user_data_of(op));
}

void UringDriver::turn(std::int64_t wait_ns, std::vector<Finished>& finished) {
  ++counters_.enters;
  if (wait_ns == 0) {
    io_uring_submit_and_get_events(&ring_);
  } else if (wait_ns < 0) {
    io_uring_submit_and_wait(&ring_, 1);
  } else {
    __kernel_timespec limit{.tv_sec = wait_ns / 1'000'000'000, .tv_nsec = wait_ns % 1'000'000'000};
    io_uring_cqe* cqe = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);
  }
  if ((*ring_.sq.kflags & IORING_SQ_CQ_OVERFLOW) != 0) ++counters_.cq_overflows;
  reap(finished);
}

void UringDriver::reap(std::vector<Finished>& finished) {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  bool woken = false;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    if (++count > kReapPerTurn) {
      --count;
      break;
    }
    const std::uint64_t data = cqe->user_data;
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) ++counters_.buffers_out;
    if (data == kWake) {
      woken = true;
    } else if (data != kIgnored) {
      // The kernel hands the address back as the number that it was given.
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      finished.push_back({reinterpret_cast<Completion*>(data & ~std::uint64_t{7}),
                          static_cast<unsigned>(data & 7), cqe->res, cqe->flags});
    }
  }
  io_uring_cq_advance(&ring_, count);
  if (woken) arm_wake();
}

void UringDriver::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

std::int64_t UringDriver::now_ns() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

std::int64_t UringDriver::wall_clock_ms() const {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000LL + now.tv_nsec / 1'000'000;
}

std::span<char> UringDriver::buffer(std::uint16_t id) {
  const std::size_t stride = limits_.recv_buffer_bytes + kBufferPadding;
  return {buffers_.get() + stride * id, limits_.recv_buffer_bytes};
}

void UringDriver::return_buffer(std::uint16_t id) {
  --counters_.buffers_out;
  io_uring_buf_ring_add(buffer_ring_, buffer(id).data(), limits_.recv_buffer_bytes, id,
                        io_uring_buf_ring_mask(limits_.recv_buffers), 0);
  io_uring_buf_ring_advance(buffer_ring_, 1);
}

Driver::Counters UringDriver::counters() const { return counters_; }

}  // namespace ringcast
