// Preloaded into the server by test_allocations.py: counts calls of operator new in a file that the
// test reads (RINGCAST_TEST_ALLOCATIONS names it).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long>* open_counter() {
  const char* path = std::getenv("RINGCAST_TEST_ALLOCATIONS");
  if (path == nullptr) return nullptr;
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || ftruncate(fd, sizeof(long)) != 0) return nullptr;
  void* page = mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? nullptr : static_cast<std::atomic<long>*>(page);
}

std::atomic<long>* const counter = open_counter();

void* take(std::size_t bytes) {
  if (counter != nullptr) counter->fetch_add(1, std::memory_order_relaxed);
  return std::malloc(bytes);
}

}  // namespace

void* operator new(std::size_t bytes) { return take(bytes); }
void* operator new[](std::size_t bytes) { return take(bytes); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
