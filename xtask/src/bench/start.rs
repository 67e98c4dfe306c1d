//! How large functions are, and how long they take until they are ready.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anstream::println;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::built;
use crate::emulator;
use crate::functions::FUNCTIONS;
use crate::style::BOLD;

/// How starts are measured.
#[derive(Args)]
pub struct Start {
    /// The profile to build in: `release` is what runs in Lambda, and takes minutes to build
    #[arg(long, default_value = "release")]
    profile: String,
    /// How often each function is started
    #[arg(long, default_value_t = 20)]
    starts: usize,
}

/// What a function asks for when it is ready.
const FIRST_POLL: &str = "GET /2018-06-01/runtime/invocation/next ";

/// How long the median of a function's starts may take: whoever waits for a page waits for it too.
const TARGET: Duration = Duration::from_millis(50);

/// Where nobody listens: the lowest port, which only a service of another age would take.
const NOBODY: &str = "http://127.0.0.1:1";

/// How long a function may take to be ready before something is wrong.
const LIMIT: Duration = Duration::from_secs(10);

/// What every function reads of its environment when it starts.
const DEPLOYMENT: [&str; 15] = [
    "PROFILES",
    "IDENTITIES",
    "LEDGER",
    "INBOX",
    "CONTROL",
    "DATA",
    "EXPORTS",
    "EVENTS",
    "EVENTS_STREAM",
    "EVENTS_QUEUE",
    "CHUNKS_QUEUE",
    "VISITORS_QUEUE",
    "SLICES_QUEUE",
    "WAKES_QUEUE",
    "SECRETS_PREFIX",
];

/// Measures every function.
pub fn run(start: &Start) -> Result<()> {
    let folder = built(&start.profile, &FUNCTIONS)?;
    println!(
        "{BOLD}{:<10}{:>10}{:>12}{:>12}{:>12}{:>8}{BOLD:#}",
        "function", "size", "median", "slowest", "target", "ratio"
    );
    for function in FUNCTIONS {
        let binary = folder.join(function);
        let bytes = fs::metadata(&binary)?.len();
        let times = (0..start.starts).map(|_| time_of_start(&mut Command::new(&binary)));
        let mut times =
            times.collect::<Result<Vec<_>>>().with_context(|| format!("cannot start `{function}`"))?;
        times.sort();
        let (median, slowest) = (times.get(times.len() / 2), times.last());
        let (median, slowest) = median.zip(slowest).context("nothing is measured in no start")?;
        println!(
            "{function:<10}{:>7.1} MB{:>9.1} ms{:>9.1} ms{:>9.1} ms{:>8.2}",
            bytes as f64 / 1e6,
            median.as_secs_f64() * 1e3,
            slowest.as_secs_f64() * 1e3,
            TARGET.as_secs_f64() * 1e3,
            median.as_secs_f64() / TARGET.as_secs_f64()
        );
    }
    Ok(())
}

/// Starts a function against a stand-in for Lambda's runtime interface, and ends it once it asks for work.
fn time_of_start(function: &mut Command) -> Result<Duration> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    function
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .envs(emulator::credentials())
        // The edge reads ahead before it asks for work: here it finds nobody, at once, and asks all the same.
        .env("AWS_ENDPOINT_URL", NOBODY)
        .env("AWS_MAX_ATTEMPTS", "1")
        .envs(DEPLOYMENT.map(|part| (format!("TRIBUTARY_{part}"), "bench")))
        .stdin(Stdio::null())
        // It complains of the poll that nobody answers, which matters only if that is not all.
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = function.spawn()?;
    let polled = accept(&listener, &mut child, started).and_then(first_line);
    let elapsed = started.elapsed();
    child.kill()?;
    let said = child.wait_with_output()?;
    polled.and_then(is_first_poll).with_context(|| {
        let [stdout, stderr] = [&said.stdout, &said.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        format!("it said:\n{stdout}{stderr}")
    })?;
    Ok(elapsed)
}

fn is_first_poll(line: String) -> Result<()> {
    ensure!(line.starts_with(FIRST_POLL), "it asked for `{}`: expected `{FIRST_POLL}`", line.trim_end());
    Ok(())
}

/// The first connection, unless the function ends before it makes one.
fn accept(listener: &TcpListener, child: &mut Child, started: Instant) -> Result<TcpStream> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended before it asked for work ({status})");
        }
        ensure!(started.elapsed() < LIMIT, "it did not ask for work within {} s", LIMIT.as_secs());
        thread::sleep(Duration::from_micros(100));
    }
}

fn first_line(stream: TcpStream) -> Result<String> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}
