// What two processes say to each other before one takes over.
#include "protocol/handover.h"

#include <gtest/gtest.h>

#include "protocol/successor.h"

namespace ringcast {
namespace {

using namespace std::string_view_literals;

TEST(Handover, HelloAndOfferComeBackAsTheyWere) {
  const HandoverHello hello{.version = 3, .cores = 5, .program = "1.2"};
  const auto heard = HandoverHello::read(hello.bytes());
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->version, 3U);
  EXPECT_EQ(heard->cores, 5U);
  EXPECT_EQ(heard->program, "1.2");
  const HandoverOffer offer{.epoch = "k3",
                            .homes = 4,
                            .seeds = PublisherIds::seeds(),
                            .program = "1.2",
                            .listeners = 7,
                            .supervised = 2,
                            .features = {{"mcp", false}, {"stream-monitoring", true}}};
  const auto offered = HandoverOffer::read(offer.bytes());
  ASSERT_TRUE(offered);
  EXPECT_EQ(offered->epoch, "k3");
  EXPECT_EQ(offered->homes, 4U);
  EXPECT_EQ(offered->seeds, offer.seeds);
  EXPECT_EQ(offered->listeners, 7U);
  EXPECT_EQ(offered->supervised, 2U);
  EXPECT_EQ(offered->features, offer.features);
}

TEST(Handover, WhatIsCutOrImpossibleIsRefused) {
  const HandoverOffer good{.epoch = "k3",
                           .homes = 4,
                           .seeds = PublisherIds::seeds(),
                           .program = "1.2",
                           .listeners = 7,
                           .features = {{"mcp", false}}};
  const std::string bytes = good.bytes();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(HandoverOffer::read(bytes.substr(0, cut))) << cut;
  }
  const auto refused = [&good](auto change) {
    HandoverOffer offer = good;
    change(offer);
    return !HandoverOffer::read(offer.bytes());
  };
  EXPECT_TRUE(refused([](HandoverOffer& offer) { offer.epoch = ""; }));
  EXPECT_TRUE(refused([](HandoverOffer& offer) { offer.epoch = "K-3"; }));
  EXPECT_TRUE(refused([](HandoverOffer& offer) { offer.epoch = std::string(17, 'a'); }));
  EXPECT_TRUE(refused([](HandoverOffer& offer) { offer.homes = 0; }));
  EXPECT_TRUE(refused([](HandoverOffer& offer) { offer.homes = 9; }));
  EXPECT_TRUE(refused([](HandoverOffer& offer) { offer.listeners = 1 << 30; }));
  EXPECT_TRUE(refused([](HandoverOffer& offer) { offer.supervised = 8; }));
  for (std::size_t cut = 0; cut < 5; ++cut)
    EXPECT_FALSE(HandoverHello::read("12345"sv.substr(cut)));
}

TEST(Handover, AnotherHashOfIdsIsRefused) {
  const PublisherIds::Seeds ours = PublisherIds::seeds();
  HandoverOffer offer{
      .epoch = "k3", .homes = 1, .seeds = ours, .program = "old", .listeners = 0, .features = {}};
  offer.seeds[0] ^= 1;  // with these, what the offer says of its probe is wrong
  const auto refused = HandoverOffer::read(offer.bytes());
  PublisherIds::adopt_seeds(ours);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("stored twice"), std::string::npos);
}

TEST(Successor, HasOurCommandAndTheFlagOnce) {
  const std::vector<std::string> with{"ringcast", "serve", "--config", "a b", "--takeover"};
  EXPECT_EQ(successor_command("ringcast\0serve\0--config\0a b\0"sv), with);
  EXPECT_EQ(successor_command("ringcast\0serve\0--config\0a b\0--takeover\0"sv), with);
  EXPECT_EQ(successor_command("ringcast\0serve\0\0"sv).size(), 4U);
  EXPECT_TRUE(successor_command("").empty());
}

}  // namespace
}  // namespace ringcast
