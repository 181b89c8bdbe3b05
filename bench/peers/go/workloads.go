// The workloads of noh-bench in Go: an actor is a goroutine, its mailbox a channel.
//
// Channels are bounded. Where actors answer each other their mailboxes hold all that can be on its
// way to them, so that no two wait for each other; where one only sends, the bound is what slows it
// down. Knows nothing of the command line.
package main

import (
	"math"
	"math/bits"
	"runtime/debug"
	"sort"
	"time"
)

// What waits in the mailbox of one who only receives. More is no faster.
const mailboxSize = 256

var workloads = []workload{
	{"pingpong", 60000000, true, func(w *work) { play(w, 1, w.tokens) }},
	{"pairs", 60000000, true, func(w *work) { play(w, w.tokens, 1) }},
	{"ring", 50000000, true, ring},
	{"counting", 60000000, false, func(w *work) { stream(w, 1, 1) }},
	{"fanin", 50000000, false, func(w *work) { stream(w, 100, 1) }},
	{"forkjoin", 50000000, false, func(w *work) { stream(w, 1, 60) }},
	{"spawn", 5000000, false, spawn},
	{"skynet", 2000000, false, skynet},
	{"big", 40000000, false, big},
	{"idle", 1000000, false, idle},
	{"timers", 500000, false, timers},
	{"cancel", 10000000, false, cancel},
}

// ---- pingpong and pairs: two actors throw a ball to and fro

type ball struct{ left, bounced uint64 }

func player(inbox <-chan ball, other chan<- ball, finished, tally chan<- uint64) {
	hits := uint64(0)
	for b := range inbox {
		hits++
		if b.left > 1 {
			other <- ball{b.left - 1, b.bounced + 1}
		} else {
			finished <- b.bounced + 1
		}
	}
	tally <- hits
}

func play(w *work, pairs, balls uint64) {
	finished, tally := make(chan uint64), make(chan uint64)
	inboxes := make([]chan ball, 2*pairs)
	for i := range inboxes {
		inboxes[i] = make(chan ball, balls)
	}
	for i := range inboxes {
		go player(inboxes[i], inboxes[i^1], finished, tally)
	}

	w.start()
	for pair := uint64(0); pair < pairs; pair++ {
		hits := shareOf(w.n, pairs, pair)
		for i := uint64(0); i < balls; i++ {
			inboxes[2*pair+1] <- ball{left: shareOf(hits, balls, i)}
		}
	}
	bounces := receiveSum(finished, pairs*balls)
	w.stop()

	expect("bounces", bounces, w.n)
	expect("hits", closeAndTally(inboxes, tally), w.n)
}

// ---- ring: a token goes round a thousand actors

const ringMembers = 1000

type token struct{ left, hops uint64 }

func member(inbox <-chan token, next chan<- token, finished, tally chan<- uint64) {
	hops := uint64(0)
	for t := range inbox {
		hops++
		if t.left > 1 {
			next <- token{t.left - 1, t.hops + 1}
		} else {
			finished <- t.hops + 1
		}
	}
	tally <- hops
}

func ring(w *work) {
	finished, tally := make(chan uint64), make(chan uint64)
	members := make([]chan token, ringMembers)
	size := w.tokens
	if size > mailboxSize {
		size = mailboxSize + w.tokens/ringMembers
	}
	for i := range members {
		// Together they have room for more than all tokens, so somebody can always go on.
		members[i] = make(chan token, size)
	}
	for i := range members {
		go member(members[i], members[(i+1)%ringMembers], finished, tally)
	}

	w.start()
	for i := uint64(0); i < w.tokens; i++ {
		members[i*ringMembers/w.tokens%ringMembers] <- token{left: shareOf(w.n, w.tokens, i)}
	}
	hops := receiveSum(finished, w.tokens)
	w.stop()

	expect("hops", hops, w.n)
	expect("hops seen", closeAndTally(members, tally), w.n)
}

// ---- counting, fanin, forkjoin: some send, others receive, nobody answers

type parcel struct{ number, value uint64 }

type total struct{ count, sum uint64 }

func counter(inbox <-chan parcel, expected uint64, finished chan<- total, tally chan<- uint64) {
	seen := total{}
	for p := range inbox {
		seen.sum += p.value
		seen.count++
		if seen.count == expected {
			finished <- seen
		}
	}
	tally <- seen.count
}

func producer(to []chan parcel, next, end uint64) {
	for receiver := 0; next < end; next++ {
		to[receiver] <- parcel{next, next}
		if receiver++; receiver == len(to) {
			receiver = 0
		}
	}
}

func stream(w *work, producers, receivers uint64) {
	finished, tally := make(chan total), make(chan uint64)
	counters := make([]chan parcel, receivers)
	for i := range counters {
		counters[i] = make(chan parcel, mailboxSize)
		go counter(counters[i], shareOf(w.n, receivers, uint64(i)), finished, tally)
	}

	w.start()
	first := uint64(0)
	for i := uint64(0); i < producers; i++ {
		end := first + shareOf(w.n, producers, i)
		go producer(counters, first, end)
		first = end
	}
	all := total{}
	for all.count < w.n {
		part := <-finished
		all.count += part.count
		all.sum += part.sum
	}
	w.stop()

	expect("messages", all.count, w.n)
	expect("sum", all.sum, sumBelow(w.n))
	expect("messages seen", closeAndTally(counters, tally), w.n)
}

// ---- big: everybody pings random others and answers their pings

const crowdSize = 120

type talk struct {
	number, check uint64
	from          uint32
	isPong        bool
}

type talker struct {
	crowd  []chan talk // everybody's mailboxes
	index  uint32      // its own
	random xorshift
	pings  uint64 // that it sends in all
	sent   uint64
}

func (t *talker) pingSomebody() {
	below, _ := bits.Mul64(t.random.next(), crowdSize-1)
	other := uint32(below)
	if other >= t.index {
		other++
	}
	t.crowd[other] <- talk{number: t.sent, check: ^t.sent, from: t.index}
	t.sent++
}

func (t *talker) run(finished, tally chan<- uint64) {
	answered := uint64(0)
	if t.pings > 0 {
		t.pingSomebody()
	} else {
		finished <- 0
	}
	for m := range t.crowd[t.index] {
		if !m.isPong {
			answered++
			t.crowd[m.from] <- talk{m.number, m.check, t.index, true}
			continue
		}
		if m.number != t.sent-1 || m.check != ^m.number {
			fail("a pong is not the answer to the last ping")
		}
		if t.sent < t.pings {
			t.pingSomebody()
		} else {
			finished <- t.sent
		}
	}
	tally <- answered
}

func big(w *work) {
	pings := (w.n + 1) / 2 // a ping and its pong are two messages
	w.n = 2 * pings

	finished, tally := make(chan uint64), make(chan uint64)
	crowd := make([]chan talk, crowdSize)
	for i := range crowd {
		crowd[i] = make(chan talk, crowdSize) // a ping of each other one, and a pong
	}

	w.start()
	for i := range crowd {
		t := &talker{crowd: crowd, index: uint32(i), random: xorshift(i+1) * 0x9e3779b97f4a7c15,
			pings: shareOf(pings, crowdSize, uint64(i))}
		go t.run(finished, tally)
	}
	answered := receiveSum(finished, crowdSize)
	w.stop()

	expect("answered pings", answered, pings)
	expect("pings seen", closeAndTally(crowd, tally), pings)
}

// ---- spawn: lives of one message each; the parent is told of each end

type live struct{ number, check uint64 }

func mayfly(inbox <-chan live, number uint64, ended chan<- uint64) {
	m := <-inbox
	if m.number != number || m.check != ^number {
		fail("a life got another's message")
	}
	ended <- number
}

func spawn(w *work) {
	const atOnce = 25 // lives: then the parent sees to those that ended
	ended := make(chan uint64, atOnce)
	count, sum := uint64(0), uint64(0)

	w.start()
	for born := uint64(0); born < w.n; born++ {
		inbox := make(chan live, 1)
		go mayfly(inbox, born, ended)
		inbox <- live{born, ^born}
		if born >= atOnce {
			sum += <-ended
			count++
		}
	}
	for ; count < w.n; count++ {
		sum += <-ended
	}
	w.stop()

	expect("sum of those that ended", sum, sumBelow(w.n))
}

// ---- skynet: a tree whose leaves send their numbers, and whose nodes add them up

const fanOut = 10

type subtotal struct{ leaves, sum uint64 }

func node(parent chan<- subtotal, first, leaves uint64) {
	if leaves == 1 {
		parent <- subtotal{1, first}
		return
	}
	children := leaves
	if children > fanOut {
		children = fanOut
	}
	inbox := make(chan subtotal, fanOut)
	for i := uint64(0); i < children; i++ {
		share := shareOf(leaves, children, i)
		go node(inbox, first, share)
		first += share
	}
	all := subtotal{}
	for i := uint64(0); i < children; i++ {
		part := <-inbox
		all.leaves += part.leaves
		all.sum += part.sum
	}
	parent <- all
}

func skynet(w *work) {
	inbox := make(chan subtotal, 1)

	w.start()
	go node(inbox, 0, w.n)
	all := <-inbox
	w.stop()

	expect("leaves", all.leaves, w.n)
	expect("sum", all.sum, sumBelow(w.n))
}

// ---- idle: actors that have received one message each and then do nothing

type wake struct{ number, check uint64 }

func sleeper(inbox <-chan wake, woken chan<- uint64) {
	number := uint64(0) // its state
	for m := range inbox {
		if m.check != ^m.number {
			fail("a sleeper got a wrong message")
		}
		number += m.number
		woken <- number
	}
}

func idle(w *work) {
	const portion = 50
	woken := make(chan uint64, portion)
	inboxes := make([]chan wake, 0, w.n)
	sum := uint64(0)
	debug.FreeOSMemory()
	before := statusBytes("VmRSS:")

	w.start()
	for born := uint64(0); born < w.n; {
		first := born
		for ; born < w.n && born < first+portion; born++ {
			inbox := make(chan wake)
			go sleeper(inbox, woken)
			inbox <- wake{born, ^born}
			inboxes = append(inboxes, inbox)
		}
		sum += receiveSum(woken, born-first)
	}
	w.stop()

	debug.FreeOSMemory() // what is only garbage is nobody's
	expect("sum", sum, sumBelow(w.n))
	w.extra("bytes_per_actor", float64(statusBytes("VmRSS:")-before)/float64(w.n))
	for _, inbox := range inboxes {
		close(inbox)
	}
}

// ---- timers: actors that sleep once and are gone

type slept struct {
	ms   uint64
	late time.Duration
}

func dozer(ms uint64, parent chan<- slept) {
	began := time.Now()
	asked := time.Duration(ms) * time.Millisecond
	time.Sleep(asked)
	parent <- slept{ms, time.Since(began) - asked}
}

func timers(w *work) {
	inbox, asked := make(chan slept, mailboxSize), make(chan uint64, 1)
	late := make([]time.Duration, 0, w.n)
	sum := uint64(0)

	cpuBefore := cpuSeconds()
	w.start()
	go func() {
		random, sum := xorshift(42), uint64(0)
		for i := uint64(0); i < w.n; i++ {
			ms := 1 + random.next()%1000
			sum += ms
			go dozer(ms, inbox)
		}
		asked <- sum
	}()
	for uint64(len(late)) < w.n {
		s := <-inbox
		sum += s.ms
		late = append(late, s.late)
	}
	w.stop()
	cpu := cpuSeconds() - cpuBefore

	expect("milliseconds slept", sum, <-asked)
	sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
	if late[0] < 0 {
		fail("a timer fired early")
	}
	w.extra("cpu_seconds", cpu)
	w.extra("late_p50_us", percentile(late, 0.50))
	w.extra("late_p99_us", percentile(late, 0.99))
}

func percentile(sorted []time.Duration, part float64) float64 {
	at := int(math.Ceil(part*float64(len(sorted)))) - 1
	return float64(sorted[at].Nanoseconds()) / 1e3
}

// ---- cancel: timers that are set, and taken back before they fire

type timedOut struct{ number, check uint64 }

// All timers share one function: one for each, with a number of its own, costs half as much again.
func guard(n uint64, inbox chan timedOut, finished chan<- uint64) {
	var set [50]*time.Timer
	random, rang := xorshift(42), uint64(0)
	tell := func() { inbox <- timedOut{} }
	for left := n; left > 0; {
		count := uint64(0)
		for ; count < uint64(len(set)) && left > 0; count++ {
			wait := 10*time.Minute + time.Duration(random.next()%600000)*time.Millisecond
			set[count] = time.AfterFunc(wait, tell)
			left--
		}
		for count > 0 {
			count--
			if !set[count].Stop() {
				rang++
			}
		}
	}
	finished <- rang
}

func cancel(w *work) {
	finished := make(chan uint64)

	w.start()
	go guard(w.n, make(chan timedOut, 50), finished)
	rang := <-finished
	w.stop()

	expect("timers that fired", rang, 0)
}
