//! The peer in Tokio: runs one workload of noh-bench and prints noh-bench's line, or serves echo.
//! What the workloads do is the business of workloads.rs and sleeps.rs.

mod sleeps;
mod workloads;

use std::fmt::Display;
use std::future::Future;
use std::io::Write;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

/// One run: what was asked for, and what came of it.
pub struct Work {
    pub n: u64,
    pub tokens: u64,
    began: Instant,
    seconds: f64, // of the work itself
    extras: String,
}

impl Work {
    pub fn start(&mut self) {
        self.began = Instant::now();
    }

    pub fn stop(&mut self) {
        self.seconds = self.began.elapsed().as_secs_f64();
    }

    pub fn extra(&mut self, key: &str, value: f64) {
        self.extras += &format!(",\"{key}\":{value:.3}");
    }
}

pub fn fail(words: impl Display) -> ! {
    eprintln!("tokio: {words}");
    std::process::exit(1)
}

pub fn expect(what: &str, found: u64, expected: u64) {
    if found != expected {
        fail(format_args!("{what}: {found}, not {expected}"));
    }
}

/// The part of n that falls to one of so many: as even as can be, all parts together n.
pub fn share_of(n: u64, parts: u64, part: u64) -> u64 {
    n / parts + u64::from(part < n % parts)
}

/// 0 + 1 + ... + (n - 1), modulo 2^64.
pub fn sum_below(n: u64) -> u64 {
    let (even, odd) = if n % 2 == 0 { (n / 2, n - 1) } else { ((n - 1) / 2, n) };
    even.wrapping_mul(odd)
}

/// Marsaglia's xorshift, as in noh-bench; never 0.
pub fn random_next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// 0 .. limit - 1, without a division.
pub fn random_below(state: &mut u64, limit: u64) -> u64 {
    ((u128::from(random_next(state)) * u128::from(limit)) >> 64) as u64
}

// ---- memory and time

pub fn status_bytes(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

pub fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

// ---- the echo server

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    stream.set_nodelay(true)?;
    loop {
        let size = stream.read(&mut buffer).await?;
        if size == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..size]).await?;
    }
}

async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(echo(stream));
    }
}

// ---- the command line: run WORKLOAD or serve echo, then options

/// Runs the future as a task like any other: what block_on() itself polls is no worker's.
fn run_on<F>(mut builder: Builder, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = builder.enable_all().build().unwrap_or_else(|err| fail(err));
    let output = runtime.block_on(async { tokio::spawn(future).await.unwrap() });
    std::mem::forget(runtime); // what is still alive ends with the process
    output
}

/// With one worker the multi-thread runtime is the faster one where actors answer each other (who
/// is woken runs next) and where many are born at once; elsewhere, and for echo, the other one is.
fn builder(workers: usize, name: &str) -> Builder {
    if workers == 1 && ["counting", "fanin", "spawn", "echo"].contains(&name) {
        return Builder::new_current_thread();
    }
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers);
    builder
}

struct Options {
    workers: usize,
    n: Option<u64>,
    tokens: u64,
}

fn options(words: &[String]) -> Options {
    let mut options = Options { workers: 1, n: None, tokens: 1 };
    for pair in words.chunks(2) {
        let value = match pair.get(1).map(|text| text.parse::<u64>()) {
            Some(Ok(value)) if value > 0 => value,
            _ => fail(format_args!("{} takes a number", pair[0])),
        };
        match pair[0].as_str() {
            "--workers" => options.workers = value as usize,
            "--n" => options.n = Some(value),
            "--tokens" => options.tokens = value,
            other => fail(format_args!("there is no option {other}")),
        }
    }
    options
}

fn run(name: &str, options: Options) {
    let default_n = workloads::default_n(name)
        .unwrap_or_else(|| fail(format_args!("there is no workload {name}")));
    let n = options.n.unwrap_or(default_n);
    let tokens = options.tokens;
    if tokens > n || tokens > 1 && !["pingpong", "pairs", "ring"].contains(&name) {
        fail(format_args!("{name} does not run with {tokens} tokens"));
    }
    let work = Work { n, tokens, began: Instant::now(), seconds: 0.0, extras: String::new() };
    let builder = builder(options.workers, name);
    let work = run_on(builder, workloads::run(name.to_owned(), work));
    println!(
        "{{\"workload\":\"{name}\",\"workers\":{},\"n\":{},\"tokens\":{tokens},\"ns_per_op\":{:.3},\
         \"seconds\":{:.6},\"peak_rss_bytes\":{}{}}}",
        options.workers,
        work.n,
        work.seconds * 1e9 / work.n as f64,
        work.seconds,
        status_bytes("VmHWM:"),
        work.extras
    );
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", name, ..] => run(name, options(&words[2..])),
        ["serve", "echo", ..] => {
            let workers = options(&words[2..]).workers;
            run_on(builder(workers, "echo"), serve()).unwrap_or_else(|err| fail(err))
        }
        _ => fail("run WORKLOAD or serve echo"),
    }
}
