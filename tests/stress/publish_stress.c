/* Publishing to a group and to a topic from actors and plain threads, while members come, fall
 * behind and end: each gets whole messages, each publisher's in order, and all that was shared is
 * let go in the end. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { READERS = 24, PUBLISHERS = 3, THREADS = 2, SOURCES = PUBLISHERS + THREADS };

NOH_MESSAGE(news, (u64, source), (u64, number), (str, text), (bytes, picture));
NOH_MESSAGE(story, (u64, source), (u64, number), (str, text));
NOH_MESSAGE(again);
NOH_MESSAGE(finished);

static noh_actor root;
static struct noh_runtime *runtime;
static uint64_t rounds, made, dropped, got, missed;
static uint32_t publishing = SOURCES;

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void drop_picture(void *unused)
{
	(void)unused;
	count(&dropped);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

// ---- reads for some time

struct reader {
	uint64_t seed, life;
	uint64_t news_seen[SOURCES], stories_seen[SOURCES]; // the last number, plus one
};

static void on_start(struct reader *self, const struct noh_start *msg)
{
	(void)msg;
	uint64_t random = next_random(&self->seed);
	self->life = 20 + random % 200;
	stress_check(!noh_group_join("readers", noh_self()));
	stress_check(!noh_topic_subscribe("stories", noh_self(), .queue = 1 + random % 20,
					  .slow = (enum noh_slow)(random % 3)));
}

static void check(struct reader *self, uint64_t *seen, uint64_t number, const char *text)
{
	char expected[40];
	snprintf(expected, sizeof(expected), "this is number %llu", (unsigned long long)number);
	stress_check(!strcmp(text, expected));
	stress_check(number >= *seen);
	*seen = number + 1;
	count(&got);

	if (--self->life)
		return;
	switch (next_random(&self->seed) % 4) {
	case 0:
		noh_fail("has read enough");
	case 1:
		noh_kill(noh_self());
		break;
	case 2:
		noh_group_leave("readers", noh_self());
		noh_topic_unsubscribe("stories", noh_self());
		noh_end(0, NULL);
		break;
	default:
		noh_end(0, NULL);
	}
	self->life = 1000000;
}

static void on_news(struct reader *self, const struct news *msg)
{
	stress_check(!memcmp(msg->picture.at, "picture", 7));
	check(self, &self->news_seen[msg->source], msg->number, msg->text);
}

static void on_story(struct reader *self, const struct story *msg)
{
	check(self, &self->stories_seen[msg->source], msg->number, msg->text);
}

static void on_missed(struct reader *self, const struct noh_topic_missed *msg)
{
	(void)self;
	__atomic_fetch_add(&missed, msg->count, __ATOMIC_RELAXED);
}

NOH_ACTOR(reader, (noh_start, on_start), (news, on_news), (story, on_story),
	  (noh_topic_missed, on_missed));

struct house {
	uint64_t seed;
};

static void on_house_start(struct house *self, const struct noh_start *msg)
{
	(void)msg;
	for (int i = 0; i < READERS; i++)
		noh_spawn(reader, .seed = next_random(&self->seed));
}

static void on_down(struct house *self, const struct noh_down *msg)
{
	(void)msg;
	if (__atomic_load_n(&publishing, __ATOMIC_RELAXED))
		noh_spawn(reader, .seed = next_random(&self->seed));
}

NOH_ACTOR(house, (noh_start, on_house_start), (noh_down, on_down));

// ---- publishes

static void publish(uint64_t source, uint64_t number)
{
	char text[40];
	snprintf(text, sizeof(text), "this is number %llu", (unsigned long long)number);
	noh_bytes picture = noh_bytes_wrap("picture", 7, drop_picture, NULL);
	count(&made);
	stress_check(noh_group_publish_in(runtime, "readers", news, .source = source,
					  .number = number, .text = text, .picture = picture) >= 0);
	stress_check(noh_topic_publish_in(runtime, "stories", story, .source = source,
					  .number = number, .text = text) >= 0);
	if (!noh_self().id)
		noh_bytes_drop(picture);
}

static void is_done(void)
{
	__atomic_fetch_sub(&publishing, 1, __ATOMIC_RELAXED);
	noh_send(root, finished);
}

struct publisher {
	uint64_t source, number;
};

static void on_again(struct publisher *self, const struct again *msg)
{
	(void)msg;
	publish(self->source, self->number++);
	if (self->number < rounds)
		noh_send(noh_self(), again);
	else
		is_done();
}

NOH_ACTOR(publisher, (again, on_again));

static void *publish_from_outside(void *argument)
{
	noh_thread_enter(runtime);
	for (uint64_t i = 0; i < rounds; i++) {
		publish((uintptr_t)argument, i);
		if (i % 16 == 0)
			usleep(100); // nothing else holds it back
	}
	is_done();
	noh_thread_leave(runtime);
	return NULL;
}

static void ignore_log(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	(void)unused;
	(void)level;
	(void)who;
	(void)line;
}

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	runtime = noh_runtime();
	noh_spawn_with(house, (.detached = true), .seed = 5);
	for (uint64_t i = 0; i < PUBLISHERS; i++)
		noh_send(noh_spawn(publisher, .source = i), again);
	for (uintptr_t i = PUBLISHERS; i < SOURCES; i++) {
		pthread_t thread;
		stress_check(!pthread_create(&thread, NULL, publish_from_outside, (void *)i));
		pthread_detach(thread);
	}
	for (int i = 0; i < SOURCES; i++)
		noh_receive(-1, finished);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(4000);
	int status = noh_run(run, NULL, .workers = 4, .log = ignore_log);
	printf("%llu messages, %llu missed\n", (unsigned long long)got, (unsigned long long)missed);
	stress_check(made == dropped);
	return status;
}
