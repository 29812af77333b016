// The core on simulated kernels (tests/core/sim): every seed is another interleaving of turns,
// completions, failures and clients. RINGCAST_TEST_SEEDS sets how many are run.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

#include "tests/core/sim/scenario.h"

namespace ringcast::sim {
namespace {

constexpr std::uint64_t kSeeds = 300;

std::uint64_t seeds() {
  const char* const given = std::getenv("RINGCAST_TEST_SEEDS");
  const std::uint64_t count = given == nullptr ? 0 : std::strtoull(given, nullptr, 10);
  return count == 0 ? kSeeds : count;
}

Outcome run_seed(std::uint64_t seed) {
  announce_seed(seed, 0);
  return Scenario(seed, 0, false).run();
}

TEST(Simulation, NothingIsLostDoubledOrLeftBehind) {
  std::uint64_t delivered = 0;
  std::uint64_t gaps = 0;
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    const Outcome outcome = run_seed(seed);
    ASSERT_EQ(outcome.failure, "")
        << "seed " << seed << "; again: simulation --seed " << seed << " --verbose";
    delivered += outcome.delivered;
    gaps += outcome.gaps;
  }
  // A run in which little happens proves little.
  EXPECT_GT(delivered, seeds() * 20);
  EXPECT_GT(gaps, 0U);
}

TEST(Simulation, SameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Outcome once = run_seed(seed);
    const Outcome again = run_seed(seed);
    EXPECT_EQ(once.hash, again.hash) << "seed " << seed;
    EXPECT_EQ(once.turns, again.turns) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ringcast::sim
