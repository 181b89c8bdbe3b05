//! Workloads of timers: timers, of which each fires, and cancel, of which none does.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc::{unbounded_channel, UnboundedSender};
use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until, Instant, Sleep};

use crate::workloads::tell;
use crate::{cpu_seconds, expect, fail, random_next, Work};

// ---- timers: actors that sleep once and are gone

struct Slept {
    ms: u64,
    late: Duration,
}

async fn dozer(ms: u64, parent: UnboundedSender<Slept>) {
    let (began, asked) = (Instant::now(), Duration::from_millis(ms));
    sleep(asked).await;
    let late = began.elapsed().checked_sub(asked).unwrap_or_else(|| fail("a timer fired early"));
    tell(&parent, Slept { ms, late });
}

pub async fn timers(work: &mut Work) {
    const PORTION: u64 = 50;
    let (parent, mut inbox) = unbounded_channel();
    let (mut slept_ms, mut late) = (0, Vec::with_capacity(work.n as usize));
    let n = work.n;

    let cpu_before = cpu_seconds();
    work.start();
    let beds = tokio::spawn(async move {
        let (mut random, mut asked_ms) = (42, 0);
        for i in 0..n {
            let ms = 1 + random_next(&mut random) % 1000;
            asked_ms += ms;
            tokio::spawn(dozer(ms, parent.clone()));
            if i % PORTION == PORTION - 1 {
                yield_now().await; // nothing suspends a task that has much to do
            }
        }
        asked_ms
    });
    while let Some(slept) = inbox.recv().await {
        slept_ms += slept.ms;
        late.push(slept.late);
    }
    work.stop();
    let cpu = cpu_seconds() - cpu_before;

    expect("sleeps", late.len() as u64, work.n);
    expect("milliseconds slept", slept_ms, beds.await.unwrap());
    late.sort_unstable();
    let percentile = |part: f64| {
        let at = (part * late.len() as f64).ceil() as usize - 1;
        late[at].as_secs_f64() * 1e6
    };
    work.extra("cpu_seconds", cpu);
    work.extra("late_p50_us", percentile(0.50));
    work.extra("late_p99_us", percentile(0.99));
}

// ---- cancel: timers that are set, and taken back before they fire

const BLOCK: usize = 50;

/// A timer is set when it is polled first, and cancelled when it is dropped. This sets some, and
/// tells how many of them have fired already.
struct Set<'a> {
    timers: Pin<&'a mut [Sleep; BLOCK]>,
    count: usize,
}

impl Future for Set<'_> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        let mut fired = 0;
        for i in 0..self.count {
            // Safe: they stay in their array, and it is pinned. It spares a box for each.
            let timer = unsafe { self.timers.as_mut().map_unchecked_mut(|all| &mut all[i]) };
            fired += usize::from(timer.poll(context).is_ready());
        }
        Poll::Ready(fired)
    }
}

async fn guard(n: u64) -> (u64, usize) {
    let (mut set, mut fired, mut random) = (0, 0, 42);
    let (more, mut inbox) = unbounded_channel();
    while set < n {
        let count = BLOCK.min((n - set) as usize);
        let now = Instant::now();
        {
            let timers: [Sleep; BLOCK] = std::array::from_fn(|_| {
                let wait = Duration::from_millis(600_000 + random_next(&mut random) % 600_000);
                sleep_until(now + wait)
            });
            tokio::pin!(timers);
            fired += Set { timers, count }.await;
        }
        set += count as u64;
        tell(&more, ());
        inbox.recv().await;
    }
    (set, fired)
}

pub async fn cancel(work: &mut Work) {
    // Where no timer is due before them, Tokio wakes its driver, a system call, for each one that
    // is set. Few programs are without.
    let _first = tokio::spawn(sleep(Duration::from_secs(500)));
    sleep(Duration::from_millis(2)).await;

    work.start();
    let (set, fired) = tokio::spawn(guard(work.n)).await.unwrap();
    work.stop();

    expect("timers", set, work.n);
    expect("timers that fired", fired as u64, 0);
}
