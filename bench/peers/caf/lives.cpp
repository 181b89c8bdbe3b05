/* Workloads of many actors that do little, and of timers: spawn, skynet, idle, timers, cancel. */
#include "bench.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>

namespace
{

constexpr uint64_t fan_out = 10, longest_sleep_ms = 1000, shortest_timeout_ms = 10 * 60 * 1000;

// clang-format off
struct live { uint64_t number, check; };
struct subtotal { uint64_t leaves, sum; };
struct wake { uint64_t number, check; };
struct woken { uint64_t number; };
struct alarm_rang {};
struct slept { uint64_t ms, late_ns; };
// clang-format on

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(live)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(subtotal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(woken)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(alarm_rang)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(slept)

namespace
{

// ---- spawn: lives of one message each; the parent is told of each end

class mayfly : public caf::event_based_actor
{
      public:
	mayfly(caf::actor_config &config, uint64_t number)
	    : event_based_actor(config), number_(number)
	{
	}

	behavior make_behavior() override
	{
		return {[this](const live &msg) {
			expect_equal("number", msg.number, number_);
			expect_equal("check", msg.check, ~number_);
			quit();
		}};
	}

      private:
	uint64_t number_;
};

class breeder : public worker
{
      public:
	breeder(caf::actor_config &config, actor root, uint64_t lives)
	    : worker(config, std::move(root)), lives_(lives)
	{
		set_down_handler([this](const caf::down_msg &msg) {
			expect_equal("failure", !!msg.reason, false);
			if (++ended_ == lives_)
				send(root_, finished{ended_, 0});
		});
	}

	behavior make_behavior() override
	{
		return {[this](const more &) {
			for (uint64_t i = 0; i < portion / 2 && born_ < lives_; i++, born_++) {
				// It need not run before its first message has come.
				actor child = spawn<mayfly, caf::monitored + caf::lazy_init>(born_);
				send(child, live{born_, ~born_});
			}
			if (born_ < lives_)
				send(this, more{});
		}};
	}

      private:
	uint64_t lives_, born_ = 0, ended_ = 0;
};

// ---- skynet: a tree whose leaves send their numbers, and whose nodes add them up

class node : public caf::event_based_actor
{
      public:
	node(caf::actor_config &config, actor parent, uint64_t first, uint64_t leaves)
	    : event_based_actor(config), parent_(std::move(parent)), first_(first), leaves_(leaves)
	{
	}

	behavior make_behavior() override
	{
		if (leaves_ == 1) {
			send(parent_, subtotal{1, first_});
			return {}; // without a behavior it ends
		}

		children_ = std::min(leaves_, fan_out);
		for (uint64_t i = 0; i < children_; i++) {
			uint64_t below = share_of(leaves_, children_, i);
			spawn<node>(actor{this}, first_, below);
			first_ += below;
		}
		return {[this](const subtotal &msg) {
			total_.leaves += msg.leaves;
			total_.sum += msg.sum;
			if (--children_ == 0) {
				send(parent_, subtotal{total_});
				quit();
			}
		}};
	}

      private:
	actor parent_;
	uint64_t first_, leaves_;
	uint64_t children_ = 0; // that have not told yet
	subtotal total_{};
};

// ---- idle: actors that have received one message each and then do nothing

class sleeper : public caf::event_based_actor
{
      public:
	using event_based_actor::event_based_actor;

	behavior make_behavior() override
	{
		return {[this](const wake &msg) {
			expect_equal("check", msg.check, ~msg.number);
			number_ = msg.number;
			return woken{number_};
		}};
	}

      private:
	uint64_t number_ = 0;
};

// Waits for each portion before the next, so that all memory taken is the sleepers'.
class nursery : public worker
{
      public:
	nursery(caf::actor_config &config, actor root, uint64_t sleepers)
	    : worker(config, std::move(root)), sleepers_(sleepers)
	{
		keep_.reserve(sleepers);
	}

	behavior make_behavior() override
	{
		return {
			[this](const woken &msg) {
				sum_ += msg.number;
				woken_++;
				if (woken_ == sleepers_)
					send(root_, finished{woken_, sum_});
				else if (woken_ == keep_.size())
					bear();
			},
			[this](const more &) { bear(); },
		};
	}

      private:
	void bear()
	{
		for (uint64_t i = 0; i < portion && keep_.size() < sleepers_; i++) {
			uint64_t number = keep_.size();
			keep_.push_back(spawn<sleeper, caf::lazy_init>());
			send(keep_.back(), wake{number, ~number});
		}
	}

	uint64_t sleepers_, woken_ = 0, sum_ = 0;
	std::vector<actor> keep_; // an actor that nobody refers to ends
};

// ---- timers: actors that sleep once and are gone

class dozer : public caf::event_based_actor
{
      public:
	dozer(caf::actor_config &config, actor dormitory, uint64_t ms)
	    : event_based_actor(config), dormitory_(std::move(dormitory)), ms_(ms)
	{
	}

	behavior make_behavior() override
	{
		deadline_ns_ = clock_ns() + ms_ * 1000000;
		delayed_send(this, std::chrono::milliseconds(ms_), alarm_rang{});
		return {[this](const alarm_rang &) {
			uint64_t now_ns = clock_ns();
			expect_equal("too early", now_ns < deadline_ns_, false);
			send(dormitory_, slept{ms_, now_ns - deadline_ns_});
			quit();
		}};
	}

      private:
	actor dormitory_;
	uint64_t ms_, deadline_ns_ = 0;
};

class dormitory : public worker
{
      public:
	dormitory(caf::actor_config &config, actor root, uint64_t beds, std::vector<uint64_t> *late)
	    : worker(config, std::move(root)), beds_(beds), late_(*late)
	{
	}

	behavior make_behavior() override
	{
		return {
			[this](const slept &msg) {
				late_.push_back(msg.late_ns);
				slept_ms_ += msg.ms;
				if (late_.size() < beds_)
					return;
				expect_equal("time slept", slept_ms_, asked_ms_);
				send(root_, finished{late_.size(), 0});
			},
			[this](const more &) {
				for (uint64_t i = 0; i < portion && taken_ < beds_; i++, taken_++) {
					uint64_t ms = 1 + random_next(random_) % longest_sleep_ms;
					spawn<dozer>(actor{this}, ms);
					asked_ms_ += ms;
				}
				if (taken_ < beds_)
					send(this, more{});
			},
		};
	}

      private:
	uint64_t beds_, taken_ = 0, asked_ms_ = 0, slept_ms_ = 0, random_ = 42;
	std::vector<uint64_t> &late_; // the root's; in nanoseconds
};

double cpu_seconds()
{
	rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double percentile(const std::vector<uint64_t> &sorted, uint64_t percent)
{
	return double(sorted[(sorted.size() - 1) * percent / 100]);
}

// ---- cancel: timers that are set, and taken back before they fire

/* CAF 0.17 hands out no handle to take back a message that was delayed. What it can cancel one by
 * one is the time limit of a request: what it sets for each request that has one, and cancels when
 * the answer has come. */
class guard : public worker
{
      public:
	guard(caf::actor_config &config, actor root, uint64_t timers)
	    : worker(config, std::move(root)), timers_(timers)
	{
	}

	behavior make_behavior() override
	{
		return {[this](const more &) {
			uint64_t first = set_;
			for (; set_ < first + portion && set_ < timers_; set_++) {
				uint64_t ms = shortest_timeout_ms +
					      random_next(random_) % shortest_timeout_ms;
				clock().set_request_timeout(
					clock().now() + std::chrono::milliseconds(ms), this,
					caf::make_message_id(set_ + 1).response_id());
			}
			for (uint64_t i = set_; i > first; i--)
				clock().cancel_request_timeout(
					this, caf::make_message_id(i).response_id());

			if (set_ < timers_)
				send(this, more{});
			else
				send(root_, finished{set_, 0});
		}};
	}

      private:
	uint64_t timers_, set_ = 0, random_ = 42;
};

// ---- the runs

// Takes the time in which this actor sees to all the work.
finished time_all(run &work, const actor &whose)
{
	uint64_t began_ns = clock_ns();
	work.root->send(whose, more{});
	finished sum = wait_until_finished(work, 1);
	work.seconds = seconds_since(began_ns);
	return sum;
}

} // namespace

void run_spawn(run &work)
{
	actor breeding = work.root->spawn<breeder>(actor{work.root}, work.n);

	finished sum = time_all(work, breeding);

	expect_equal("lives", sum.count, work.n);
}

void run_skynet(run &work)
{
	uint64_t began_ns = clock_ns();
	work.root->spawn<node>(actor{work.root}, uint64_t{0}, work.n);
	work.root->receive([&](const subtotal &total) {
		work.seconds = seconds_since(began_ns);
		expect_equal("leaves", total.leaves, work.n);
		expect_equal("sum", total.sum, sum_below(work.n));
	});
}

void run_idle(run &work)
{
	actor nursing = work.root->spawn<nursery>(actor{work.root}, work.n);
	uint64_t before = memory_bytes("VmRSS:");

	finished sum = time_all(work, nursing);

	expect_equal("actors", sum.count, work.n);
	expect_equal("sum", sum.sum, sum_below(work.n));
	work.extras.emplace_back("bytes_per_actor",
				 double(memory_bytes("VmRSS:") - before) / double(work.n));
}

void run_timers(run &work)
{
	std::vector<uint64_t> late(work.n);
	late.clear(); // its pages are there
	actor sleeping = work.root->spawn<dormitory>(actor{work.root}, work.n, &late);

	double cpu_before = cpu_seconds();
	finished sum = time_all(work, sleeping);
	work.extras.emplace_back("cpu_seconds", cpu_seconds() - cpu_before);

	expect_equal("sleeps", sum.count, work.n);
	std::sort(late.begin(), late.end());
	work.extras.emplace_back("late_p50_us", percentile(late, 50) / 1e3);
	work.extras.emplace_back("late_p99_us", percentile(late, 99) / 1e3);
}

void run_cancel(run &work)
{
	actor guarding = work.root->spawn<guard>(actor{work.root}, work.n);

	finished sum = time_all(work, guarding);

	expect_equal("timers", sum.count, work.n);
}
