//! The workloads of noh-bench in Tokio: an actor is a task, its mailbox an mpsc channel. Knows
//! nothing of the command line.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::{unconstrained, yield_now, JoinHandle};

use crate::sleeps::{cancel, timers};
use crate::{expect, fail, random_below, share_of, status_bytes, sum_below, Work};

pub fn default_n(name: &str) -> Option<u64> {
    Some(match name {
        "pingpong" | "pairs" | "counting" => 60_000_000,
        "ring" | "fanin" | "forkjoin" => 50_000_000,
        "big" => 40_000_000,
        "cancel" => 10_000_000,
        "spawn" => 5_000_000,
        "skynet" => 2_000_000,
        "idle" => 1_000_000,
        "timers" => 500_000,
        _ => return None,
    })
}

pub async fn run(name: String, mut work: Work) -> Work {
    let (balls, w) = (work.tokens, &mut work);
    match name.as_str() {
        "pingpong" => play(w, 1, balls).await,
        "pairs" => play(w, balls, 1).await,
        "ring" => ring(w).await,
        "counting" => stream(w, 1, 1).await,
        "fanin" => stream(w, 100, 1).await,
        "forkjoin" => stream(w, 1, 60).await,
        "spawn" => spawn(w).await,
        "skynet" => skynet(w).await,
        "big" => big(w).await,
        "idle" => idle(w).await,
        "timers" => timers(w).await,
        _ => cancel(w).await,
    }
    work
}

/// Sends without waiting; the mailbox of whoever is addressed is still there.
pub fn tell<M>(mailbox: &UnboundedSender<M>, msg: M) {
    if mailbox.send(msg).is_err() {
        fail("an actor is gone");
    }
}

async fn receive_sum(from: &mut UnboundedReceiver<u64>, count: u64) -> u64 {
    let mut sum = 0u64;
    for _ in 0..count {
        sum = sum.wrapping_add(from.recv().await.unwrap());
    }
    sum
}

async fn join_sum(actors: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for actor in actors {
        sum += actor.await.unwrap();
    }
    sum
}

// ---- pingpong, pairs and ring: a ball is passed on to the next player, of two or of a thousand

/// One with nothing left ends who gets it.
struct Ball {
    left: u64,
    passed: u64,
}

async fn player(
    mut inbox: UnboundedReceiver<Ball>,
    next: UnboundedSender<Ball>,
    finished: UnboundedSender<u64>,
) -> u64 {
    let mut hits = 0;
    while let Some(ball) = inbox.recv().await {
        if ball.left == 0 {
            break;
        }
        hits += 1;
        if ball.left > 1 {
            tell(&next, Ball { left: ball.left - 1, passed: ball.passed + 1 });
        } else {
            tell(&finished, ball.passed + 1);
        }
    }
    hits
}

/// So many players, each `round` of them in a circle.
struct Players {
    inboxes: Vec<UnboundedSender<Ball>>,
    actors: Vec<JoinHandle<u64>>,
    finished: UnboundedReceiver<u64>,
}

fn players(count: usize, round: usize) -> Players {
    let (report, finished) = unbounded_channel();
    let (inboxes, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| unbounded_channel()).unzip();
    let actors = receivers.into_iter().enumerate().map(|(i, inbox)| {
        let next = i / round * round + (i + 1) % round;
        tokio::spawn(player(inbox, inboxes[next].clone(), report.clone()))
    });
    Players { actors: actors.collect(), inboxes, finished }
}

impl Players {
    async fn end(self) -> u64 {
        for inbox in &self.inboxes {
            tell(inbox, Ball { left: 0, passed: 0 });
        }
        join_sum(self.actors).await
    }
}

async fn play(work: &mut Work, pairs: u64, balls: u64) {
    let mut players = players(2 * pairs as usize, 2);

    work.start();
    for pair in 0..pairs {
        let hits = share_of(work.n, pairs, pair);
        for i in 0..balls {
            let ball = Ball { left: share_of(hits, balls, i), passed: 0 };
            tell(&players.inboxes[2 * pair as usize + 1], ball);
        }
    }
    let bounces = receive_sum(&mut players.finished, pairs * balls).await;
    work.stop();

    expect("bounces", bounces, work.n);
    expect("hits", players.end().await, work.n);
}

async fn ring(work: &mut Work) {
    const MEMBERS: u64 = 1000;
    let mut members = players(MEMBERS as usize, MEMBERS as usize);

    work.start();
    for i in 0..work.tokens {
        let at = i * MEMBERS / work.tokens % MEMBERS;
        let token = Ball { left: share_of(work.n, work.tokens, i), passed: 0 };
        tell(&members.inboxes[at as usize], token);
    }
    let hops = receive_sum(&mut members.finished, work.tokens).await;
    work.stop();

    expect("hops", hops, work.n);
    expect("hops seen", members.end().await, work.n);
}

// ---- counting, fanin, forkjoin: some send, others receive, nobody answers

struct Parcel {
    _number: u64,
    value: u64,
}

async fn counter(mut inbox: UnboundedReceiver<Parcel>) -> (u64, u64) {
    let (mut count, mut sum) = (0, 0u64);
    while let Some(parcel) = inbox.recv().await {
        count += 1;
        sum = sum.wrapping_add(parcel.value);
    }
    (count, sum)
}

/// Nothing suspends a task that only sends, so it steps aside now and then, and who receives keeps
/// up: a bounded channel would see to that too, but its semaphore costs a message a third more, and
/// with a hundred senders three times as much.
async fn producer(to: Vec<UnboundedSender<Parcel>>, values: Range<u64>) {
    const PORTION: u64 = 500;
    let mut receivers = to.iter().cycle();
    for value in values {
        tell(receivers.next().unwrap(), Parcel { _number: value, value });
        if value % PORTION == PORTION - 1 {
            yield_now().await;
        }
    }
}

async fn stream(work: &mut Work, producers: u64, receivers: u64) {
    let (inboxes, counters): (Vec<_>, Vec<_>) = (0..receivers).map(|_| unbounded_channel()).unzip();
    // Who has much to receive does it at a stretch, rather than 128 messages a turn.
    let counters = counters.into_iter().map(|inbox| tokio::spawn(unconstrained(counter(inbox))));
    let counters: Vec<_> = counters.collect();

    work.start();
    let mut first = 0;
    for i in 0..producers {
        let end = first + share_of(work.n, producers, i);
        tokio::spawn(producer(inboxes.clone(), first..end));
        first = end;
    }
    drop(inboxes); // so counters end with the producers
    let (mut count, mut sum) = (0, 0u64);
    for counter in counters {
        let part = counter.await.unwrap();
        count += part.0;
        sum = sum.wrapping_add(part.1);
    }
    work.stop();

    expect("messages", count, work.n);
    expect("sum", sum, sum_below(work.n));
}

// ---- big: everybody pings random others and answers their pings

const CROWD: u64 = 120;

enum Talk {
    Ping { number: u64, check: u64, from: u32 },
    Pong { number: u64, check: u64 },
    End,
}

struct Talker {
    crowd: Arc<[UnboundedSender<Talk>]>,
    index: u32, // its own in the crowd
    random: u64,
    pings: u64, // that it sends in all
    sent: u64,
}

impl Talker {
    fn ping_somebody(&mut self) {
        let other = random_below(&mut self.random, CROWD - 1) as u32;
        let other = other + u32::from(other >= self.index);
        let ping = Talk::Ping { number: self.sent, check: !self.sent, from: self.index };
        tell(&self.crowd[other as usize], ping);
        self.sent += 1;
    }

    async fn run(
        mut self,
        mut inbox: UnboundedReceiver<Talk>,
        finished: UnboundedSender<u64>,
    ) -> u64 {
        let mut answered = 0;
        if self.pings > 0 {
            self.ping_somebody();
        } else {
            tell(&finished, 0);
        }
        while let Some(msg) = inbox.recv().await {
            match msg {
                Talk::Ping { number, check, from } => {
                    answered += 1;
                    tell(&self.crowd[from as usize], Talk::Pong { number, check });
                }
                Talk::Pong { number, check } if number != self.sent - 1 || check != !number => {
                    fail("a pong is not the answer to the last ping")
                }
                Talk::Pong { .. } if self.sent < self.pings => self.ping_somebody(),
                Talk::Pong { .. } => tell(&finished, self.sent),
                Talk::End => break,
            }
        }
        answered
    }
}

async fn big(work: &mut Work) {
    let pings = (work.n + 1) / 2; // a ping and its pong are two messages
    work.n = 2 * pings;
    let (report, mut finished) = unbounded_channel();
    let (crowd, inboxes): (Vec<_>, Vec<_>) = (0..CROWD).map(|_| unbounded_channel()).unzip();
    let crowd: Arc<[UnboundedSender<Talk>]> = crowd.into();

    work.start();
    let talkers = inboxes.into_iter().zip(0..CROWD).map(|(inbox, i)| {
        let talker = Talker {
            crowd: crowd.clone(),
            index: i as u32,
            random: (i + 1).wrapping_mul(0x9e3779b97f4a7c15),
            pings: share_of(pings, CROWD, i),
            sent: 0,
        };
        tokio::spawn(talker.run(inbox, report.clone()))
    });
    let talkers = talkers.collect();
    let answered = receive_sum(&mut finished, CROWD).await;
    work.stop();

    for inbox in &crowd[..] {
        tell(inbox, Talk::End);
    }
    expect("answered pings", answered, pings);
    expect("pings seen", join_sum(talkers).await, pings);
}

// ---- spawn: lives of one message each; the parent is told of each end

struct Live {
    number: u64,
    check: u64,
}

/// A oneshot channel is enough of a mailbox for it: an mpsc channel would double what a life costs.
async fn mayfly(inbox: oneshot::Receiver<Live>, number: u64) -> u64 {
    match inbox.await {
        Ok(msg) if msg.number == number && msg.check == !number => number,
        _ => fail("a life got a wrong message"),
    }
}

async fn spawn(work: &mut Work) {
    const AT_ONCE: usize = 100; // then the parent sees to those that ended
    let mut lives: VecDeque<JoinHandle<u64>> = VecDeque::with_capacity(AT_ONCE);
    let (mut count, mut sum) = (0, 0u64);

    work.start();
    for number in 0..work.n {
        if lives.len() == AT_ONCE {
            sum = sum.wrapping_add(lives.pop_front().unwrap().await.unwrap());
            count += 1;
        }
        let (mailbox, inbox) = oneshot::channel();
        lives.push_back(tokio::spawn(mayfly(inbox, number)));
        if mailbox.send(Live { number, check: !number }).is_err() {
            fail("a life ended early");
        }
    }
    for life in lives {
        sum = sum.wrapping_add(life.await.unwrap());
        count += 1;
    }
    work.stop();

    expect("lives", count, work.n);
    expect("sum of those that ended", sum, sum_below(work.n));
}

// ---- skynet: a tree whose leaves tell their numbers, and whose nodes add them up

struct Subtotal {
    leaves: u64,
    sum: u64,
}

fn node(mut first: u64, leaves: u64) -> JoinHandle<Subtotal> {
    const FAN_OUT: u64 = 10;
    tokio::spawn(async move {
        if leaves == 1 {
            return Subtotal { leaves: 1, sum: first };
        }
        let count = leaves.min(FAN_OUT);
        let mut children = Vec::with_capacity(FAN_OUT as usize);
        for i in 0..count {
            let share = share_of(leaves, count, i);
            children.push(node(first, share));
            first += share;
        }
        let mut total = Subtotal { leaves: 0, sum: 0 };
        for child in children {
            let part = child.await.unwrap();
            total.leaves += part.leaves;
            total.sum = total.sum.wrapping_add(part.sum);
        }
        total
    })
}

async fn skynet(work: &mut Work) {
    work.start();
    let total = node(0, work.n).await.unwrap();
    work.stop();

    expect("leaves", total.leaves, work.n);
    expect("sum", total.sum, sum_below(work.n));
}

// ---- idle: actors that have received one message each and then do nothing

struct Wake {
    number: u64,
    check: u64,
}

async fn sleeper(mut inbox: UnboundedReceiver<Wake>, woken: UnboundedSender<u64>) {
    let mut number = 0; // its state
    while let Some(msg) = inbox.recv().await {
        if msg.check != !msg.number {
            fail("a sleeper got a wrong message");
        }
        number += msg.number;
        tell(&woken, number);
    }
}

async fn idle(work: &mut Work) {
    const PORTION: u64 = 50;
    let (report, mut woken) = unbounded_channel();
    let mut sleepers = Vec::with_capacity(work.n as usize);
    let (mut born, mut sum) = (0, 0u64);
    let before = status_bytes("VmRSS:");

    work.start();
    while born < work.n {
        let portion = PORTION.min(work.n - born);
        for number in born..born + portion {
            let (mailbox, inbox) = unbounded_channel();
            tokio::spawn(sleeper(inbox, report.clone()));
            tell(&mailbox, Wake { number, check: !number });
            sleepers.push(mailbox);
        }
        sum = sum.wrapping_add(receive_sum(&mut woken, portion).await);
        born += portion;
    }
    work.stop();

    expect("sum", sum, sum_below(work.n));
    work.extra("bytes_per_actor", (status_bytes("VmRSS:") - before) as f64 / work.n as f64);
}
