//! `cargo xtask bench`: figures of this machine, which no test asserts.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anstream::println;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};

use crate::functions::FUNCTIONS;
use crate::style::BOLD;
use crate::{emulator, progress, workspace};

/// What is measured.
#[derive(Subcommand)]
pub enum Bench {
    /// The size of each function, and the time from the start of its process to its first poll for work
    Start(Start),
}

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

/// How long a function may take to be ready before something is wrong.
const LIMIT: Duration = Duration::from_secs(10);

/// What every function reads of its environment when it starts. Nothing of it is reached before there is work.
const DEPLOYMENT: [&str; 11] = [
    "PROFILES",
    "IDENTITIES",
    "LEDGER",
    "INBOX",
    "CONTROL",
    "DATA",
    "EXPORTS",
    "CHUNKS_QUEUE",
    "SLICES_QUEUE",
    "WAKES_QUEUE",
    "SECRETS_PREFIX",
];

/// Measures.
pub fn run(bench: &Bench) -> Result<()> {
    let Bench::Start(start) = bench;
    build(&start.profile)?;
    println!("{BOLD}{:<10}{:>10}{:>12}{:>12}{BOLD:#}", "function", "size", "median", "slowest");
    for function in FUNCTIONS {
        let folder = if start.profile == "dev" { "debug" } else { &start.profile };
        let binary = workspace::target().join(folder).join(function);
        let bytes = fs::metadata(&binary)?.len();
        let times = (0..start.starts).map(|_| time_of_start(&mut Command::new(&binary)));
        let mut times =
            times.collect::<Result<Vec<_>>>().with_context(|| format!("cannot start `{function}`"))?;
        times.sort();
        let (median, slowest) = (times.get(times.len() / 2), times.last());
        let (median, slowest) = median.zip(slowest).context("nothing is measured in no start")?;
        println!(
            "{function:<10}{:>7.1} MB{:>9.1} ms{:>9.1} ms",
            bytes as f64 / 1e6,
            median.as_secs_f64() * 1e3,
            slowest.as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn build(profile: &str) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace::root()).args(["build", "--locked", "--profile", profile]);
    for function in FUNCTIONS {
        cargo.args(["--package", function]);
    }
    progress::cargo("building the functions", &mut cargo)
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
