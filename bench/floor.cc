// floor: what the bare send loop costs on this machine.
//
// One thread, one io_uring, N connected loopback TCP pairs, the same bytes sent to each of them,
// and nothing else: no HTTP, no topics, no history. Whatever a server adds to this is its own. A
// child process on another core drains the sockets, as cheaply as it can, and notes when each
// broadcast arrived.
//
// Units: times are CLOCK_MONOTONIC nanoseconds unless a name says otherwise. Rates are
// broadcasts/s, each of which is one send per subscriber. Rate 0 is flat out.

#include <arpa/inet.h>
#include <getopt.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast {
namespace {

constexpr unsigned kBatch = 64;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kStampCount = std::size_t{1} << 20;
constexpr unsigned kDrainBufferBytes = 2048;
constexpr unsigned kMaxSubscribers = 19'000;

struct Options {
  unsigned subscribers = 1000;
  unsigned size_bytes = 128;
  double rate = 0;
  double seconds = 5;
  double warmup_seconds = 1;
  int cpu = 0;
  int drain_cpu = 1;
  bool poll = false;  // the draining side never sleeps
  std::string json_path;
};

// Log-linear: 64 steps to each power of two, so a bucket is at most 1.6 % wide. Lives in shared
// memory.
class Histogram {
 public:
  void record(std::uint64_t value_ns) {
    ++buckets_[index_of(value_ns)];
    ++count_;
    sum_ += value_ns;
    max_ = std::max(max_, value_ns);
  }
  std::uint64_t count() const { return count_; }
  double max_us() const { return static_cast<double>(max_) / 1e3; }
  double mean_us() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_) / 1e3;
  }
  double quantile_us(double q) const {
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted) return static_cast<double>(std::min(upper_bound(i), max_)) / 1e3;
    }
    return max_us();
  }

 private:
  static constexpr unsigned kStepBits = 6;
  static std::size_t index_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= kStepBits + 1) return value;
    const unsigned shift = width - kStepBits - 1;
    return (std::size_t{shift} << kStepBits) + (value >> shift);
  }
  static std::uint64_t upper_bound(std::size_t index) {
    if (index < (2U << kStepBits)) return index;
    const auto shift = static_cast<unsigned>((index >> kStepBits) - 1);
    const std::uint64_t step = index - (std::size_t{shift} << kStepBits);
    return ((step + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kStepBits + 1) << kStepBits> buckets_;
  std::uint64_t count_;
  std::uint64_t sum_;
  std::uint64_t max_;
};

// Between the two processes, mapped shared and zeroed by the kernel.
struct Shared {
  std::atomic<std::uint64_t> first_measured;  // broadcasts before this one are the warm-up
  std::atomic<std::uint64_t> received;        // complete messages, warm-up included
  std::uint64_t drain_cpu_ns;
  Histogram latency;
  std::array<std::uint64_t, kStampCount> intended_ns;  // by broadcast number, modulo
};

[[noreturn]] void die(std::string_view what, int error = errno) {
  std::fprintf(stderr, "floor: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               std::strerror(error));
  std::exit(1);
}

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

void pin(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) die("cannot pin to the core asked for");
}

io_uring make_ring(unsigned entries, unsigned completions) {
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE;
  params.cq_entries = std::bit_ceil(completions);
  if (const int rc = io_uring_queue_init_params(entries, &ring, &params); rc < 0) {
    die("io_uring_setup", -rc);
  }
  return ring;
}

// The receiving side: multishot receives into a ring of provided buffers, one clock reading per
// wake-up.
class Drainer {
 public:
  Drainer(const Options& options, Shared& shared, const std::vector<int>& sockets)
      : options_(options),
        shared_(shared),
        sockets_(sockets),
        ring_(make_ring(1024, std::max(2048U, options.subscribers * 4))),
        received_bytes_(sockets.size()),
        buffer_count_(std::clamp(std::bit_ceil(options.subscribers * 2), 1024U, 32768U)) {
    register_buffers();
    for (std::size_t i = 0; i < sockets_.size(); ++i) arm(i);
  }
  Drainer(const Drainer&) = delete;
  Drainer& operator=(const Drainer&) = delete;
  ~Drainer() { io_uring_queue_exit(&ring_); }

  void run() {
    std::size_t open = sockets_.size();
    while (open > 0) {
      const int rc = options_.poll ? io_uring_submit_and_get_events(&ring_)
                                   : io_uring_submit_and_wait(&ring_, 1);
      if (rc < 0 && rc != -EINTR) die("drainer: io_uring_enter", -rc);
      const std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
      unsigned head = 0;
      unsigned seen = 0;
      io_uring_cqe* cqe = nullptr;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        ++seen;
        if (!take(*cqe, now)) --open;
      }
      io_uring_cq_advance(&ring_, seen);
    }
    shared_.drain_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  }

 private:
  void register_buffers() {
    const std::size_t ring_bytes = buffer_count_ * sizeof(io_uring_buf);
    const std::size_t bytes = std::size_t{buffer_count_} * kDrainBufferBytes;
    void* memory = mmap(nullptr, ring_bytes + bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("drainer: mmap");
    buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
    buffers_ = static_cast<char*>(memory) + ring_bytes;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = buffer_count_;
    if (const int rc = io_uring_register_buf_ring(&ring_, &registration, 0); rc < 0) {
      die("drainer: register buffers", -rc);
    }
    for (unsigned id = 0; id < buffer_count_; ++id) give_back(id);
  }

  void give_back(unsigned id) {
    io_uring_buf_ring_add(buffer_ring_, buffers_ + std::size_t{id} * kDrainBufferBytes,
                          kDrainBufferBytes, static_cast<unsigned short>(id),
                          static_cast<int>(buffer_count_ - 1), 0);
    io_uring_buf_ring_advance(buffer_ring_, 1);
  }

  void arm(std::size_t index) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
      io_uring_submit(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    io_uring_prep_recv_multishot(sqe, sockets_[index], nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    io_uring_sqe_set_data64(sqe, index);
  }

  // False when the socket has ended.
  bool take(const io_uring_cqe& cqe, std::uint64_t now) {
    const std::size_t index = cqe.user_data;
    if (cqe.res > 0) {
      give_back(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
      count(index, static_cast<std::uint64_t>(cqe.res), now);
    } else if (cqe.res != -ENOBUFS) {
      return false;
    }
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm(index);
    return true;
  }

  void count(std::size_t index, std::uint64_t bytes, std::uint64_t now) {
    const std::uint64_t before = received_bytes_[index] / options_.size_bytes;
    received_bytes_[index] += bytes;
    const std::uint64_t after = received_bytes_[index] / options_.size_bytes;
    if (after == before) return;
    const std::uint64_t first = shared_.first_measured.load(std::memory_order_acquire);
    for (std::uint64_t number = std::max(before, first); number < after; ++number) {
      const std::uint64_t intended = shared_.intended_ns[number % kStampCount];
      shared_.latency.record(now > intended ? now - intended : 0);
    }
    shared_.received.fetch_add(after - before, std::memory_order_relaxed);
  }

  const Options& options_;
  Shared& shared_;
  const std::vector<int>& sockets_;
  io_uring ring_;
  std::vector<std::uint64_t> received_bytes_;
  unsigned buffer_count_;
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
};

struct Figures {
  std::uint64_t broadcasts = 0;
  std::uint64_t sends = 0;
  std::uint64_t thread_cpu_ns = 0;
  std::uint64_t process_cpu_ns = 0;
  std::uint64_t wall_ns = 0;
  std::uint64_t waits = 0;  // broadcasts that found a full socket and had to wait for the drainer
  std::uint64_t late = 0;   // broadcasts that began later than the next one was due
};

class Sender {
 public:
  Sender(const Options& options, Shared& shared, const std::vector<int>& sockets)
      : options_(options),
        shared_(shared),
        ring_(make_ring(kBatch * 2, std::max(kBatch * 4, options.subscribers * 2))),
        message_(options.size_bytes, 'x') {
    message_.back() = '\n';
    if (const int rc =
            io_uring_register_files(&ring_, sockets.data(), static_cast<unsigned>(sockets.size()));
        rc < 0) {
      die("register files", -rc);
    }
    shared_.first_measured.store(UINT64_MAX, std::memory_order_release);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { io_uring_queue_exit(&ring_); }

  Figures run() {
    run_for(options_.warmup_seconds);
    shared_.first_measured.store(number_, std::memory_order_release);
    figures_ = {};
    const std::uint64_t thread = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const std::uint64_t process = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const std::uint64_t wall = clock_ns(CLOCK_MONOTONIC);
    run_for(options_.seconds);
    figures_.wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
    figures_.thread_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
    figures_.process_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
    return figures_;
  }

 private:
  void run_for(double seconds) {
    const std::uint64_t start = clock_ns(CLOCK_MONOTONIC);
    const std::uint64_t end = start + static_cast<std::uint64_t>(seconds * 1e9);
    const double interval = options_.rate > 0 ? 1e9 / options_.rate : 0;
    for (std::uint64_t i = 0;; ++i) {
      std::uint64_t intended =
          start + static_cast<std::uint64_t>(static_cast<double>(i) * interval);
      std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
      if (interval == 0) intended = now;
      if (intended >= end || now >= end) return;
      if (now < intended) {
        sleep_until(intended);
      } else if (interval > 0 && now - intended > static_cast<std::uint64_t>(interval)) {
        ++figures_.late;
      }
      broadcast(intended);
    }
  }

  static void sleep_until(std::uint64_t when) {
    timespec until{};
    until.tv_sec = static_cast<time_t>(when / kSecond);
    until.tv_nsec = static_cast<long>(when % kSecond);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
  }

  void broadcast(std::uint64_t intended) {
    shared_.intended_ns[number_ % kStampCount] = intended;
    std::atomic_thread_fence(std::memory_order_release);
    for (unsigned index = 0; index < options_.subscribers; ++index) {
      io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
      io_uring_prep_send(sqe, static_cast<int>(index), message_.data(), message_.size(),
                         MSG_WAITALL | MSG_NOSIGNAL);
      sqe->flags |= IOSQE_FIXED_FILE;
      ++in_flight_;
      if ((index + 1) % kBatch == 0 || index + 1 == options_.subscribers) submit(0);
    }
    if (in_flight_ > 0) ++figures_.waits;
    while (in_flight_ > 0) submit(1);
    ++number_;
    ++figures_.broadcasts;
    figures_.sends += options_.subscribers;
  }

  void submit(unsigned wait) {
    const int rc =
        wait > 0 ? io_uring_submit_and_wait(&ring_, wait) : io_uring_submit_and_get_events(&ring_);
    if (rc < 0 && rc != -EINTR) die("io_uring_enter", -rc);
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++seen;
      if (cqe->res != static_cast<int>(message_.size())) {
        die("send", cqe->res < 0 ? -cqe->res : EIO);
      }
    }
    io_uring_cq_advance(&ring_, seen);
    in_flight_ -= seen;
  }

  const Options& options_;
  Shared& shared_;
  io_uring ring_;
  std::string message_;
  std::uint64_t number_ = 0;
  unsigned in_flight_ = 0;
  Figures figures_;
};

int listen_on_loopback(sockaddr_in& address) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  const int on = 1;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener, 4096) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    die("listen on 127.0.0.1");
  }
  setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);  // bounds accept
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);       // inherited
  return listener;
}

[[noreturn]] void drain(const Options& options, Shared& shared, const sockaddr_in& address) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin(options.drain_cpu);
  std::vector<int> sockets;
  for (unsigned i = 0; i < options.subscribers; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      die("drainer: connect");
    }
    sockets.push_back(fd);
  }
  Drainer(options, shared, sockets).run();
  _exit(0);
}

std::string to_json(const Options& options, const Figures& figures, const Shared& shared) {
  std::array<char, 1024> text{};
  const double sends = static_cast<double>(std::max<std::uint64_t>(figures.sends, 1));
  const double wall_s = static_cast<double>(figures.wall_ns) / 1e9;
  const Histogram& latency = shared.latency;
  const int length = std::snprintf(
      text.data(), text.size(),
      R"({"target":"floor","mode":"%s","subscribers":%u,"size":%u,"rate":%g,"seconds":%.3f,)"
      R"("published":%llu,"delivered":%llu,"events_per_s":%.1f,"deliveries_per_s":%.1f,)"
      R"("thread_cpu_ns_per_send":%.1f,"process_cpu_ns_per_send":%.1f,)"
      R"("latency_us":{"p50":%.1f,"p90":%.1f,"p99":%.1f,"p999":%.1f,"max":%.1f,"mean":%.1f},)"
      R"("waits":%llu,"late":%llu,"received":%llu,"drain_cpu_s":%.3f})",
      options.rate > 0 ? "rate" : "flat out", options.subscribers, options.size_bytes, options.rate,
      wall_s, static_cast<unsigned long long>(figures.broadcasts),
      static_cast<unsigned long long>(latency.count()),
      static_cast<double>(figures.broadcasts) / wall_s, sends / wall_s,
      static_cast<double>(figures.thread_cpu_ns) / sends,
      static_cast<double>(figures.process_cpu_ns) / sends, latency.quantile_us(0.5),
      latency.quantile_us(0.9), latency.quantile_us(0.99), latency.quantile_us(0.999),
      latency.max_us(), latency.mean_us(), static_cast<unsigned long long>(figures.waits),
      static_cast<unsigned long long>(figures.late),
      static_cast<unsigned long long>(shared.received.load()),
      static_cast<double>(shared.drain_cpu_ns) / 1e9);
  return {text.data(), static_cast<std::size_t>(std::min<int>(length, text.size() - 1))};
}

void report(const Options& options, const Figures& figures, const Shared& shared) {
  const double sends = static_cast<double>(std::max<std::uint64_t>(figures.sends, 1));
  const double wall_s = static_cast<double>(figures.wall_ns) / 1e9;
  std::printf("floor: %u subscribers, %u bytes, %.0f broadcasts/s: %.0f sends/s\n",
              options.subscribers, options.size_bytes,
              static_cast<double>(figures.broadcasts) / wall_s, sends / wall_s);
  std::printf("  CPU per send    %.0f ns (thread), %.0f ns (process)\n",
              static_cast<double>(figures.thread_cpu_ns) / sends,
              static_cast<double>(figures.process_cpu_ns) / sends);
  std::printf("  arrival         p50 %.0f us, p99 %.0f us, max %.0f us after the intended time\n",
              shared.latency.quantile_us(0.5), shared.latency.quantile_us(0.99),
              shared.latency.max_us());
  if (figures.waits + figures.late > 0) {
    std::printf("  %llu broadcasts waited for the drainer, %llu began late\n",
                static_cast<unsigned long long>(figures.waits),
                static_cast<unsigned long long>(figures.late));
  }
  if (options.json_path.empty()) return;
  std::FILE* file = std::fopen(options.json_path.c_str(), "w");
  if (file == nullptr) die("cannot write " + options.json_path);
  std::fprintf(file, "%s\n", to_json(options, figures, shared).c_str());
  if (std::fclose(file) != 0) die("cannot write " + options.json_path);
}

constexpr std::string_view kUsage =
    R"(usage: floor [--subscribers N] [--size BYTES] [--rate BROADCASTS_PER_S] [--seconds S]
             [--warmup S] [--cpu CORE] [--drain-cpu CORE] [--poll] [--json FILE]

Sends the same bytes to N loopback connections from one io_uring, and nothing else: the cost a
fan-out server cannot go below. Rate 0 (the default) is flat out. A core of -1 means: do not pin.
With --poll the receiving side never sleeps, and no send has to wake it.
)";

double number(const char* text, double least, double most) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= least) || !(value <= most)) {
    std::fprintf(stderr, "floor: '%s' is not a number between %g and %g\n", text, least, most);
    std::exit(2);
  }
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  const std::array<option, 11> known{{{"subscribers", required_argument, nullptr, 'n'},
                                      {"size", required_argument, nullptr, 'b'},
                                      {"rate", required_argument, nullptr, 'r'},
                                      {"seconds", required_argument, nullptr, 's'},
                                      {"warmup", required_argument, nullptr, 'w'},
                                      {"cpu", required_argument, nullptr, 'c'},
                                      {"drain-cpu", required_argument, nullptr, 'd'},
                                      {"json", required_argument, nullptr, 'j'},
                                      {"poll", no_argument, nullptr, 'p'},
                                      {"help", no_argument, nullptr, 'h'},
                                      {nullptr, 0, nullptr, 0}}};
  for (int flag = 0; (flag = getopt_long(argc, argv, "h", known.data(), nullptr)) != -1;) {
    switch (flag) {
      case 'n':
        options.subscribers = static_cast<unsigned>(number(optarg, 1, kMaxSubscribers));
        break;
      case 'b':
        options.size_bytes = static_cast<unsigned>(number(optarg, 1, 1 << 20));
        break;
      case 'r':
        options.rate = number(optarg, 0, 1e6);
        break;
      case 's':
        options.seconds = number(optarg, 0.1, 3600);
        break;
      case 'w':
        options.warmup_seconds = number(optarg, 0, 60);
        break;
      case 'c':
        options.cpu = static_cast<int>(number(optarg, -1, 1023));
        break;
      case 'd':
        options.drain_cpu = static_cast<int>(number(optarg, -1, 1023));
        break;
      case 'j':
        options.json_path = optarg;
        break;
      case 'p':
        options.poll = true;
        break;
      case 'h':
        std::fputs(kUsage.data(), stdout);
        std::exit(0);
      default:
        std::fputs(kUsage.data(), stderr);
        std::exit(2);
    }
  }
  if (optind != argc) {
    std::fputs(kUsage.data(), stderr);
    std::exit(2);
  }
  return options;
}

// The drainer ends once every socket has; it gets ten seconds for what is still under way.
void wait_for_drainer(pid_t child) {
  for (int i = 0; i < 1000; ++i) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("the drainer failed", ECHILD);
      return;
    }
    usleep(10'000);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  die("the drainer did not end", ETIMEDOUT);
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  Shared& shared = *static_cast<Shared*>(memory);
  sockaddr_in address{};
  const int listener = listen_on_loopback(address);
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) drain(options, shared, address);
  pin(options.cpu);
  std::vector<int> sockets;
  for (unsigned i = 0; i < options.subscribers; ++i) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) die("accept");
    sockets.push_back(fd);
  }
  const Figures figures = Sender(options, shared, sockets).run();
  for (const int fd : sockets) shutdown(fd, SHUT_WR);
  wait_for_drainer(child);
  if (shared.latency.count() != figures.sends) die("some sends never arrived", EIO);
  report(options, figures, shared);
  return 0;
}

}  // namespace
}  // namespace ringcast

int main(int argc, char** argv) { return ringcast::run(argc, argv); }
